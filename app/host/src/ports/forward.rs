//! One accepted connection of a published port: to the guest, and the bytes of both sides.

use crate::{guest::Guest, relay};
use berth_machine::{Channel, handshake::OpenError};
use berth_protocol::{forward, port, publish::Transport};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How long the guest may take to connect to the container.
const CONNECT: Duration = Duration::from_secs(15);
/// After the system refused to accept, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a connection did not reach its container.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    #[error("the machine does not run")]
    NoMachine,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Refused(#[from] forward::Refusal),
    #[error("the stream to the guest broke: {0}")]
    Io(#[from] io::Error),
    #[error("the container did not answer in time")]
    TimedOut,
}

/// Accepts until dropped.
pub(super) async fn accept(listener: TcpListener, target: SocketAddr, guest: watch::Receiver<Option<Guest>>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let guest = guest.borrow().clone();
                tokio::spawn(carry(client, target, guest));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr, guest: Option<Guest>) {
    let carried = async {
        client.set_nodelay(true)?;
        let connected = tokio::time::timeout(CONNECT, connect(guest, target)).await;
        let mut inside = connected.map_err(|_| ForwardError::TimedOut)??;
        relay::both_ways(&mut client, &mut inside).await?;
        Ok::<_, ForwardError>(())
    };
    if let Err(error) = carried.await {
        tracing::debug!(%error, %target, "a forwarded connection ended");
        // The client learns of it as from a program of its own host: by a reset, not by an orderly end.
        if let Err(error) = client.set_zero_linger() {
            tracing::debug!(%error, "no reset for the client");
        }
    }
}

async fn connect(guest: Option<Guest>, target: SocketAddr) -> Result<Box<dyn Channel>, ForwardError> {
    let mut inside = open(guest, Transport::Tcp, target).await?;
    forward::read_status(inside.read_u8().await?)?;
    Ok(inside)
}

/// A connection to a port of a container, of which the guest has yet to say whether it came about.
pub(super) async fn open(
    guest: Option<Guest>,
    transport: Transport,
    target: SocketAddr,
) -> Result<Box<dyn Channel>, ForwardError> {
    let guest = guest.ok_or(ForwardError::NoMachine)?;
    Ok(guest.open_with(port::FORWARD, &forward::header(transport, target), CONNECT).await?)
}
