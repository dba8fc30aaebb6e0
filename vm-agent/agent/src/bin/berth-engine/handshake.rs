//! The guest's side of the handshake that opens every connection.

use berth_protocol::{
    boot::Secret,
    handshake::{ANSWER_LEN, Challenge, HandshakeError},
};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How long the other side may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Why a connection goes no further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It said the wrong thing.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// It said nothing.
    #[error("the other side did not answer within {} s", DEADLINE.as_secs())]
    Late,
    /// It broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
}

/// Lets only the host of this boot through: it holds the secret.
pub(crate) async fn admit<S>(stream: &mut S, secret: &Secret, port: u32) -> Result<(), Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    timeout(DEADLINE, exchange(stream, secret, port)).await.map_err(|_| Refused::Late)?
}

async fn exchange<S>(stream: &mut S, secret: &Secret, port: u32) -> Result<(), Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let challenge = Challenge::new(nonce);
    stream.write_all(&challenge.to_bytes()).await?;
    stream.flush().await?;
    let mut answer = [0; ANSWER_LEN];
    stream.read_exact(&mut answer).await?;
    let (verdict, judged) = challenge.judge(secret, port, &answer);
    stream.write_all(&verdict).await?;
    stream.flush().await?;
    Ok(judged?)
}
