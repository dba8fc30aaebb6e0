//! A TCP connection to a container. What comes in plenty never enters this process: the kernel moves it from socket to socket
//! through a pipe, which a connection has only while bytes are in it. A message is copied instead, which takes fewer calls.

mod copy;
mod pipe;

use super::{IntoSocket, refusal};
use berth_protocol::forward::{CONNECTED, Refusal};
use nix::{
    fcntl::{SpliceFFlags, splice},
    sys::socket::{Shutdown, shutdown},
};
use pipe::Pipe;
use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd},
    time::Duration,
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt, Interest},
    net::{
        TcpStream, UnixStream,
        unix::{ReadHalf, WriteHalf},
    },
    time::timeout,
};

/// How long the container may take to answer.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// A stream socket of whatever family: only its descriptor and its readiness are used.
type Socket = UnixStream;

/// Connects to the container.
pub(super) async fn dial(target: SocketAddr) -> Result<TcpStream, Refusal> {
    match timeout(CONNECT_DEADLINE, TcpStream::connect(target)).await {
        Ok(connected) => connected.map_err(|error| refusal(&error)),
        Err(_) => Err(Refusal::TimedOut),
    }
}

/// Carries both ways. The end of one direction is passed on, and the other goes on until its own.
pub(super) async fn carry<S>(mut stream: S, container: TcpStream) -> io::Result<()>
where
    S: AsyncWrite + IntoSocket + Unpin,
{
    container.set_nodelay(true)?;
    stream.write_all(&[CONNECTED]).await?;
    stream.flush().await?;
    let (mut host, mut container) = (socket(stream)?, socket(container)?);
    let ((from_host, to_host), (from_container, to_container)) = (host.split(), container.split());
    tokio::try_join!(pour(from_host, to_container), pour(from_container, to_host)).map(drop)
}

fn socket(stream: impl IntoSocket) -> io::Result<Socket> {
    Socket::from_std(stream.into_socket()?.into())
}

/// Moves everything that comes, and passes on the end.
async fn pour(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
    let mut moved = 0;
    loop {
        moved = if moved < copy::MOST {
            copy::some(&mut from, &mut to).await?
        } else {
            splice_some(from.as_ref(), to.as_ref()).await?
        };
        if moved == 0 {
            break;
        }
    }
    match shutdown(to.as_ref().as_raw_fd(), Shutdown::Write) {
        // The other side has ended both directions already.
        Ok(()) | Err(nix::errno::Errno::ENOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Moves what is there, as far as a pipe holds it: how much that was, 0 at the end.
async fn splice_some(from: &Socket, to: &Socket) -> io::Result<usize> {
    loop {
        from.readable().await?;
        let mut pipe = Pipe::take()?;
        let moved = match from.try_io(Interest::READABLE, || move_some(from, pipe.entry(), Pipe::CAPACITY)) {
            Ok(moved) => moved,
            // There was nothing after all.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                pipe.give();
                continue;
            }
            Err(error) => return Err(error),
        };
        pipe.holds(moved);
        while pipe.held() > 0 {
            to.writable().await?;
            match to.try_io(Interest::WRITABLE, || move_some(pipe.exit(), to, pipe.held())) {
                Ok(bytes) => pipe.gave(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        pipe.give();
        return Ok(moved);
    }
}

fn move_some(from: &impl AsFd, to: &impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
    loop {
        match splice(from, None, to, None, most, flags) {
            Err(nix::errno::Errno::EINTR) => {}
            moved => return Ok(moved?),
        }
    }
}
