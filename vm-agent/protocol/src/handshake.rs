//! The check that opens every connection into the guest: both sides speak the same version and hold the secret of
//! this boot.
//!
//! ```text
//! guest -> host   Challenge   magic(8) version(2, BE) guest nonce(32)
//! host  -> guest  Answer      version(2, BE) host nonce(32) HMAC-SHA256(secret, "host"  port guest-nonce host-nonce)
//! guest -> host   Verdict     code(1)                        HMAC-SHA256(secret, "guest" port guest-nonce host-nonce)
//! ```
//!
//! The guest speaks first, so an answer cannot be replayed: it covers the nonce of this very connection. The host may
//! send its first bytes right behind its answer without waiting for the verdict; a guest that refuses drops them.

use crate::boot::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Version of everything in this crate; host and guest ship together, so they must be equal.
pub const VERSION: u16 = 1;
/// First bytes of a [`Challenge`].
pub const MAGIC: [u8; 8] = *b"berth\0hs";
/// Size of a [`Challenge`] on the wire, bytes.
pub const CHALLENGE_LEN: usize = 8 + 2 + 32;
/// Size of an [`Answer`] on the wire, bytes.
pub const ANSWER_LEN: usize = 2 + 32 + 32;
/// Size of a [`Verdict`] on the wire, bytes.
pub const VERDICT_LEN: usize = 1 + 32;

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The other side does not speak this protocol at all.
    #[error("the other side is not a Berth guest")]
    NotBerth,
    /// The other side is of another release.
    #[error("the other side speaks protocol version {theirs}, this side {VERSION}; update Berth and start it again")]
    Version {
        /// The version it named.
        theirs: u16,
    },
    /// The other side does not hold the secret of this boot.
    #[error("the other side does not know the secret of this boot")]
    Secret,
}

/// What the guest says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    nonce: [u8; 32],
}

/// What the host replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    bytes: [u8; ANSWER_LEN],
}

impl Challenge {
    /// A challenge from 32 fresh random bytes.
    #[must_use]
    pub const fn new(nonce: [u8; 32]) -> Self {
        Self { nonce }
    }

    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(self) -> [u8; CHALLENGE_LEN] {
        let mut out = [0; CHALLENGE_LEN];
        out[..8].copy_from_slice(&MAGIC);
        out[8..10].copy_from_slice(&VERSION.to_be_bytes());
        out[10..].copy_from_slice(&self.nonce);
        out
    }

    /// Host: reads a challenge.
    ///
    /// # Errors
    /// [`HandshakeError::NotBerth`] or [`HandshakeError::Version`].
    pub fn from_bytes(bytes: &[u8; CHALLENGE_LEN]) -> Result<Self, HandshakeError> {
        if bytes[..8] != MAGIC {
            return Err(HandshakeError::NotBerth);
        }
        check_version([bytes[8], bytes[9]])?;
        let mut nonce = [0; 32];
        nonce.copy_from_slice(&bytes[10..]);
        Ok(Self { nonce })
    }

    /// Host: answers for the connection to `port`, with 32 fresh random bytes of its own.
    #[must_use]
    pub fn answer(&self, secret: &Secret, port: u32, host_nonce: [u8; 32]) -> Answer {
        let mut bytes = [0; ANSWER_LEN];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[2..34].copy_from_slice(&host_nonce);
        bytes[34..].copy_from_slice(&tag(secret, b"host", port, &self.nonce, &host_nonce).finalize().into_bytes());
        Answer { bytes }
    }

    /// Guest: judges an answer. The verdict is to be sent whichever it is; on an error the connection is then closed.
    pub fn judge(
        &self,
        secret: &Secret,
        port: u32,
        answer: &[u8; ANSWER_LEN],
    ) -> ([u8; VERDICT_LEN], Result<(), HandshakeError>) {
        let result = self.check(secret, port, answer);
        let mut verdict = [0; VERDICT_LEN];
        match result {
            Ok(()) => {
                let (nonce, _) = split(answer);
                verdict[1..].copy_from_slice(&tag(secret, b"guest", port, &self.nonce, &nonce).finalize().into_bytes());
            }
            Err(HandshakeError::Version { .. }) => {
                verdict[0] = 1;
                verdict[1..3].copy_from_slice(&VERSION.to_be_bytes());
            }
            Err(_) => verdict[0] = 2,
        }
        (verdict, result)
    }

    fn check(&self, secret: &Secret, port: u32, answer: &[u8; ANSWER_LEN]) -> Result<(), HandshakeError> {
        check_version([answer[0], answer[1]])?;
        let (nonce, theirs) = split(answer);
        tag(secret, b"host", port, &self.nonce, &nonce).verify_slice(&theirs).map_err(|_| HandshakeError::Secret)
    }
}

impl Answer {
    /// The bytes to send.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; ANSWER_LEN] {
        self.bytes
    }

    /// Host: reads the guest's verdict on this answer and checks that the guest holds the secret too.
    ///
    /// # Errors
    /// [`HandshakeError::Version`] or [`HandshakeError::Secret`].
    pub fn confirm(
        &self,
        secret: &Secret,
        port: u32,
        challenge: &Challenge,
        verdict: &[u8; VERDICT_LEN],
    ) -> Result<(), HandshakeError> {
        match verdict[0] {
            0 => {
                let (nonce, _) = split(&self.bytes);
                tag(secret, b"guest", port, &challenge.nonce, &nonce)
                    .verify_slice(&verdict[1..])
                    .map_err(|_| HandshakeError::Secret)
            }
            1 => Err(HandshakeError::Version { theirs: u16::from_be_bytes([verdict[1], verdict[2]]) }),
            _ => Err(HandshakeError::Secret),
        }
    }
}

fn check_version(bytes: [u8; 2]) -> Result<(), HandshakeError> {
    match u16::from_be_bytes(bytes) {
        VERSION => Ok(()),
        theirs => Err(HandshakeError::Version { theirs }),
    }
}

fn split(answer: &[u8; ANSWER_LEN]) -> ([u8; 32], [u8; 32]) {
    let (mut nonce, mut tag) = ([0; 32], [0; 32]);
    nonce.copy_from_slice(&answer[2..34]);
    tag.copy_from_slice(&answer[34..]);
    (nonce, tag)
}

fn tag(secret: &Secret, side: &[u8], port: u32, guest: &[u8; 32], host: &[u8; 32]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("HMAC takes a key of any length");
    for part in [side, &port.to_be_bytes(), guest, host] {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret::new([byte; 32])
    }

    #[test]
    fn both_sides_with_one_secret_agree() {
        let challenge = Challenge::new([1; 32]);
        let seen = Challenge::from_bytes(&challenge.to_bytes()).expect("well formed");
        let answer = seen.answer(&secret(9), 1025, [2; 32]);
        let (verdict, result) = challenge.judge(&secret(9), 1025, &answer.to_bytes());
        assert_eq!(result, Ok(()));
        assert_eq!(answer.confirm(&secret(9), 1025, &seen, &verdict), Ok(()));
    }

    #[test]
    fn another_secret_port_or_nonce_is_refused_by_both_sides() {
        let challenge = Challenge::new([1; 32]);
        for (key, port, nonce) in [(8, 1025, 1), (9, 1026, 1), (9, 1025, 3)] {
            let answer = Challenge::new([nonce; 32]).answer(&secret(key), port, [2; 32]);
            let (verdict, result) = challenge.judge(&secret(9), 1025, &answer.to_bytes());
            assert_eq!(result, Err(HandshakeError::Secret));
            assert_eq!(answer.confirm(&secret(9), 1025, &challenge, &verdict), Err(HandshakeError::Secret));
        }
    }

    #[test]
    fn a_guest_without_the_secret_cannot_pretend_to_agree() {
        let challenge = Challenge::new([1; 32]);
        let answer = challenge.answer(&secret(9), 1025, [2; 32]);
        assert_eq!(answer.confirm(&secret(9), 1025, &challenge, &[0; VERDICT_LEN]), Err(HandshakeError::Secret));
    }

    #[test]
    fn another_version_or_another_program_is_named() {
        let mut bytes = Challenge::new([1; 32]).to_bytes();
        bytes[9] = 7;
        assert_eq!(Challenge::from_bytes(&bytes), Err(HandshakeError::Version { theirs: 7 }));
        bytes[0] = b'x';
        assert_eq!(Challenge::from_bytes(&bytes), Err(HandshakeError::NotBerth));
        let challenge = Challenge::new([1; 32]);
        let mut answer = challenge.answer(&secret(9), 1, [2; 32]).to_bytes();
        answer[1] = 4;
        let (verdict, result) = challenge.judge(&secret(9), 1, &answer);
        assert_eq!(result, Err(HandshakeError::Version { theirs: 4 }));
        let ours = challenge.answer(&secret(9), 1, [2; 32]);
        assert_eq!(ours.confirm(&secret(9), 1, &challenge, &verdict), Err(HandshakeError::Version { theirs: VERSION }));
    }
}
