//! Content addresses. Only sha256 exists in practice, and only sha256 has hardware support.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;
use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
};

/// A sha256 content address, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// Text that is no digest this engine can check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// Not `algorithm:hex`, or of the wrong length.
    #[error("invalid checksum digest format")]
    Format,
    /// An algorithm other than sha256.
    #[error("unsupported digest algorithm {0}: only sha256 can be checked")]
    Algorithm(String),
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 64 hexadecimal digits without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The first twelve hexadecimal digits, as listings show them.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }

    /// The digest from 64 lower-case hexadecimal digits without the algorithm.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let mut bytes = [0; 32];
        (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Self::from_hex(hex).ok_or(InvalidDigest::Format),
            Some((algorithm @ ("sha384" | "sha512" | "blake3"), _)) => {
                Err(InvalidDigest::Algorithm(algorithm.to_owned()))
            }
            _ => Err(InvalidDigest::Format),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A digest in the making.
#[derive(Clone, Default)]
pub(crate) struct Hasher(sha2::Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// A digest of many things in no order: the sum of theirs.
#[derive(Clone, Default)]
pub(crate) struct Sum([u64; 4]);

impl Sum {
    /// Adds a thing that is made of these parts.
    pub(crate) fn add(&mut self, parts: &[&[u8]]) {
        let mut hasher = Hasher::default();
        parts.iter().for_each(|part| hasher.update(part));
        let Digest(bytes) = hasher.finish();
        for (sum, part) in self.0.iter_mut().zip(bytes.chunks_exact(8)) {
            let part = part.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
            *sum = sum.wrapping_add(part);
        }
    }

    pub(crate) fn finish(&self) -> Digest {
        let mut hasher = Hasher::default();
        self.0.iter().for_each(|sum| hasher.update(&sum.to_le_bytes()));
        hasher.finish()
    }
}

/// A writer that hashes and counts what goes through it.
pub(crate) struct Hashed<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Hashed<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, hasher: Hasher::default(), size: 0 }
    }

    /// The digest and the number of bytes that were written.
    pub(crate) fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.out.flush()?;
        Ok((self.hasher.finish(), self.size))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.short(), "e3b0c44298fc");
    }

    #[test]
    fn other_text_is_refused() {
        let hex = Digest::of(b"").hex();
        for text in ["", "sha256:", &hex, &format!("sha256:{}", &hex[1..]), &format!("sha256:{}", hex.to_uppercase())] {
            assert_eq!(text.parse::<Digest>(), Err(InvalidDigest::Format), "{text}");
        }
        assert_eq!("sha512:00".parse::<Digest>(), Err(InvalidDigest::Algorithm("sha512".into())));
    }
}
