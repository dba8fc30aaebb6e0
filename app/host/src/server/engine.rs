//! Connections for the engine: spliced to the guest as they are, for their whole life. Nothing behind the first bytes is
//! looked at, so an upgraded connection (attach, exec, builds) and half-closes pass as they would on a plain socket.

use crate::{guest::Guest, machine::Machine, relay};
use berth_api::Problem;
use berth_machine::Channel;
use berth_protocol::port;
use bytes::Bytes;
use std::{io, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// How long a request waits for a machine that is starting.
const STARTING: Duration = Duration::from_secs(180);
/// How long it waits for an engine that is being restarted.
const LISTENING: Duration = Duration::from_secs(20);
/// How long a refused client may go on sending what nobody reads.
const LINGER: Duration = Duration::from_secs(1);

/// Carries a connection whose first bytes are `head`.
pub(crate) async fn carry<S>(mut client: S, head: Bytes, machine: &Machine) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut inside = match open(machine).await {
        Ok(inside) => inside,
        Err(problem) => return refuse(&mut client, &head, &problem).await,
    };
    inside.write_all(&head).await?;
    inside.flush().await?;
    relay::both_ways(&mut client, &mut inside).await
}

async fn open(machine: &Machine) -> Result<Box<dyn Channel>, Problem> {
    let guest: Guest = machine.guest(STARTING).await?;
    guest.open_when_listening(port::API, LISTENING).await.map_err(|error| {
        let message =
            format!("the engine in the Berth machine does not answer: {error}; see its console with: berth logs");
        Problem::new(berth_api::Code::Engine, message)
    })
}

/// Docker's clients show `message`; ours also read `code` and `hint`.
async fn refuse<S>(client: &mut S, head: &[u8], problem: &Problem) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let body = serde_json::to_vec(problem).map_err(io::Error::other)?;
    let headers = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(headers.as_bytes()).await?;
    if !head.starts_with(b"HEAD ") {
        client.write_all(&body).await?;
    }
    client.shutdown().await?;
    // Closing with bytes unread would tear the answer away from a client that is still sending its request.
    let mut nowhere = tokio::io::sink();
    match tokio::time::timeout(LINGER, tokio::io::copy(client, &mut nowhere)).await {
        Ok(drained) => drained.map(drop),
        Err(_) => Ok(()),
    }
}
