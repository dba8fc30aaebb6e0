//! The local socket: a Unix socket, on Windows a named pipe. The one place in this crate that knows the difference.

use crate::{error::Error, home::BerthHome};
use std::path::Path;

/// A connection to berthd.
#[cfg(unix)]
pub type LocalStream = tokio::net::UnixStream;
/// A connection to berthd.
#[cfg(windows)]
pub type LocalStream = tokio::net::windows::named_pipe::NamedPipeClient;

/// Connects to the berthd of `home`.
///
/// # Errors
/// [`Error::Unreachable`] when nothing answers, [`Error::Home`] when the path cannot be a socket's.
pub async fn connect(home: &BerthHome) -> Result<LocalStream, Error> {
    let socket = home.socket();
    check(&socket)?;
    open(&socket).await.map_err(|source| Error::Unreachable { socket, source })
}

/// Refuses a path that the system cannot use as a socket's name, before anything is created.
///
/// # Errors
/// [`Error::Home`].
pub fn check(socket: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    std::os::unix::net::SocketAddr::from_pathname(socket).map_err(|_| {
        Error::Home(format!(
            "the socket path {} is {} bytes, longer than this system allows; set BERTH_HOME to a shorter path",
            socket.display(),
            socket.as_os_str().len()
        ))
    })?;
    #[cfg(windows)]
    let _ = socket;
    Ok(())
}

#[cfg(unix)]
async fn open(socket: &Path) -> std::io::Result<LocalStream> {
    tokio::net::UnixStream::connect(socket).await
}

#[cfg(windows)]
async fn open(socket: &Path) -> std::io::Result<LocalStream> {
    /// `ERROR_PIPE_BUSY` of winerror.h: every instance is taken, another is about to appear.
    const ERROR_PIPE_BUSY: i32 = 231;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        match tokio::net::windows::named_pipe::ClientOptions::new().open(socket) {
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            opened => return opened,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_with_what_to_do() {
        let home = BerthHome::at(format!("/tmp/{}", "x".repeat(120)));
        let text = check(&home.socket()).unwrap_err().to_string();
        assert!(text.contains("BERTH_HOME"), "{text}");
    }
}
