//! The host's half of the handshake that opens every connection into the guest.

use crate::connector::connect_when_listening;
use crate::{Channel, ConnectError, Connector};
use berth_protocol::boot::Secret;
use berth_protocol::handshake::{CHALLENGE_LEN, Challenge, HandshakeError, VERDICT_LEN};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// Why a connection did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The other side is no guest of this boot.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The connection broke in the middle.
    #[error("the connection to the guest broke during the handshake: {0}")]
    Io(#[from] io::Error),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// The guest accepted and then said nothing.
    #[error("the guest did not finish the handshake on vsock port {port} in time")]
    TimedOut {
        /// The vsock port.
        port: u32,
    },
}

/// Proves to the guest on `channel` that this side holds the secret, and checks that the guest does. `first` are words for
/// the service, which travel with the proof: whoever else listens there may know them.
///
/// # Errors
/// [`OpenError`], except for its connect and time variants: the caller limits the time.
pub async fn open<C: Channel>(mut channel: C, secret: &Secret, port: u32, first: &[u8]) -> Result<C, OpenError> {
    let mut bytes = [0; CHALLENGE_LEN];
    channel.read_exact(&mut bytes).await?;
    let challenge = Challenge::from_bytes(&bytes)?;
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(OpenError::Random)?;
    let answer = challenge.answer(secret, port, nonce);
    channel.write_all(&[&answer.to_bytes(), first].concat()).await?;
    channel.flush().await?;
    let mut verdict = [0; VERDICT_LEN];
    channel.read_exact(&mut verdict).await?;
    answer.confirm(secret, port, &challenge, &verdict)?;
    Ok(channel)
}

/// Connects to `port` and does the handshake, `first` behind its proof. With `wait_for_listener` a refusal is tried again until the deadline,
/// as during a boot.
///
/// # Errors
/// [`OpenError`].
pub async fn connect(
    connector: &dyn Connector,
    secret: &Secret,
    port: u32,
    deadline: Instant,
    wait_for_listener: bool,
    first: &[u8],
) -> Result<Box<dyn Channel>, OpenError> {
    let channel = if wait_for_listener {
        connect_when_listening(connector, port, deadline).await?
    } else {
        connector.connect(port, deadline).await?
    };
    timeout_at(deadline, open(channel, secret, port, first)).await.map_err(|_| OpenError::TimedOut { port })?
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_protocol::handshake::ANSWER_LEN;
    use tokio::io::{DuplexStream, duplex};

    async fn guest(mut channel: DuplexStream, secret: Secret, port: u32) -> Result<(), HandshakeError> {
        let challenge = Challenge::new([3; 32]);
        channel.write_all(&challenge.to_bytes()).await.unwrap();
        let mut answer = [0; ANSWER_LEN];
        channel.read_exact(&mut answer).await.unwrap();
        let (verdict, result) = challenge.judge(&secret, port, &answer);
        channel.write_all(&verdict).await.unwrap();
        if result.is_ok() {
            channel.write_all(b"hello").await.unwrap();
        }
        result
    }

    #[tokio::test]
    async fn the_bytes_after_a_handshake_belong_to_the_service() {
        let (host, theirs) = duplex(1024);
        let guest = tokio::spawn(guest(theirs, Secret::new([1; 32]), 1025));
        let mut channel = open(host, &Secret::new([1; 32]), 1025, &[]).await.unwrap();
        let mut text = String::new();
        channel.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        assert_eq!(guest.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn first_words_travel_with_the_proof() {
        let (host, mut theirs) = duplex(1024);
        let secret = Secret::new([1; 32]);
        let opening = tokio::spawn(async move { open(host, &secret, 1025, b"to whom?").await.map(drop) });
        let challenge = Challenge::new([3; 32]);
        theirs.write_all(&challenge.to_bytes()).await.unwrap();
        let mut answer = [0; ANSWER_LEN];
        theirs.read_exact(&mut answer).await.unwrap();
        let mut words = [0; 8];
        theirs.read_exact(&mut words).await.unwrap();
        assert_eq!(&words, b"to whom?");
        let (verdict, _) = challenge.judge(&Secret::new([1; 32]), 1025, &answer);
        theirs.write_all(&verdict).await.unwrap();
        assert!(opening.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_guest_of_another_boot_is_refused() {
        let (host, theirs) = duplex(1024);
        let guest = tokio::spawn(guest(theirs, Secret::new([2; 32]), 1025));
        let refused = open(host, &Secret::new([1; 32]), 1025, &[]).await.unwrap_err();
        assert!(matches!(refused, OpenError::Handshake(HandshakeError::Secret)), "{refused}");
        assert_eq!(guest.await.unwrap(), Err(HandshakeError::Secret));
    }
}
