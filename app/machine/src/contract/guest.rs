//! The services a guest offers for the contract, each on a vsock port of its own.
//!
//! | port | service |
//! |---|---|
//! | [`ECHO`] | sends back what it reads; ends when the host has ended its writing side |
//! | [`SINK`] | reads to the end, answers with the SHA-256 of what it read |
//! | [`SOURCE`] | reads a [`source_request`], sends that much of the [`pattern`] |
//! | [`DISCARD`] | reads to the end, answers with the number of bytes, 8 bytes, big-endian |
//! | [`FLOOD`] | reads a [`source_request`], sends that much of anything |
//! | [`HANG_UP`] | accepts and closes |
//! | [`DISK`] | `w` and 16 bytes: writes them to the start of the data disk, flushes, answers `k`; `r`: answers with them; `s`: answers with the disk's size in bytes, 8 bytes, big-endian |
//! | [`POWER_OFF`] | powers the machine off |
//! | [`CRASH`] | makes the kernel panic |
//!
//! Nothing listens on [`NOBODY`]. The contract does without [`DISCARD`] and [`FLOOD`]: they are for measuring, since a
//! guest under emulation makes and digests bytes slower than they travel.

use sha2::{Digest, Sha256};

/// Sends back what it reads.
pub const ECHO: u32 = 7;
/// Digests what it reads.
pub const SINK: u32 = 9;
/// Sends a lot.
pub const SOURCE: u32 = 19;
/// Counts what it reads.
pub const DISCARD: u32 = 10;
/// Sends a lot of anything.
pub const FLOOD: u32 = 20;
/// Closes at once.
pub const HANG_UP: u32 = 11;
/// Reads and writes the data disk.
pub const DISK: u32 = 12;
/// Powers the machine off.
pub const POWER_OFF: u32 = 100;
/// Makes the kernel panic.
pub const CRASH: u32 = 101;
/// Has no listener.
pub const NOBODY: u32 = 999;

/// Size of a request to [`SOURCE`], bytes.
pub const SOURCE_REQUEST_LEN: usize = 12;

/// Asks [`SOURCE`] for `total` bytes of the pattern, in writes of `chunk` bytes.
#[must_use]
pub fn source_request(total: u64, chunk: u32) -> [u8; SOURCE_REQUEST_LEN] {
    let mut out = [0; SOURCE_REQUEST_LEN];
    out[..8].copy_from_slice(&total.to_be_bytes());
    out[8..].copy_from_slice(&chunk.to_be_bytes());
    out
}

/// Reads a request to [`SOURCE`]: total and chunk, bytes.
#[must_use]
pub fn read_source_request(request: &[u8; SOURCE_REQUEST_LEN]) -> (u64, u32) {
    let (mut total, mut chunk) = ([0; 8], [0; 4]);
    total.copy_from_slice(&request[..8]);
    chunk.copy_from_slice(&request[8..]);
    (u64::from_be_bytes(total), u32::from_be_bytes(chunk))
}

/// Fills `out` with the bytes that stand at `offset` of an endless stream that does not repeat itself, so that a
/// block that is lost, doubled or swapped is seen. The mixing is `SplitMix64`.
pub fn pattern(offset: u64, out: &mut [u8]) {
    let mut at = offset;
    let mut rest = out;
    while !rest.is_empty() {
        let mut word = (at / 8).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bytes = (word ^ (word >> 31)).to_le_bytes();
        let skip = usize::from((at % 8) as u8);
        let take = rest.len().min(8 - skip);
        rest[..take].copy_from_slice(&bytes[skip..skip + take]);
        rest = &mut rest[take..];
        at += take as u64;
    }
}

/// The SHA-256 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_one_stream_wherever_it_is_cut() {
        let mut whole = [0; 100];
        pattern(5, &mut whole);
        for cut in 0..100 {
            let mut parts = [0; 100];
            let (first, second) = parts.split_at_mut(cut);
            pattern(5, first);
            pattern(5 + cut as u64, second);
            assert_eq!(parts, whole);
        }
    }
}
