//! `monitor.sock`: where an engine, now or after a restart, asks for what the monitor holds.

use std::{
    fs::{self, File, Permissions},
    io::ErrorKind,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::{fs::PermissionsExt, net::UnixListener},
    },
    path::{Path, PathBuf},
};

use super::client::Client;
use crate::failure::{Context, Failure};

const NAME: &str = "monitor.sock";

/// The listening socket.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens at `directory/monitor.sock`, for root only.
    ///
    /// # Errors
    /// Those of bind(2).
    pub(super) fn bind(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(NAME);
        // Left by a monitor that was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context(format_args!("remove {}", path.display()));
            }
            _ => {}
        }
        // A socket's address holds 107 bytes, a path may hold more: the descriptor makes it short.
        let holder = File::open(directory).context(format_args!("open {}", directory.display()))?;
        let address = format!("/proc/self/fd/{}/{NAME}", holder.as_raw_fd());
        let listener = UnixListener::bind(address).context(format_args!("listen at {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).context("protect the monitor's socket")?;
        listener.set_nonblocking(true).context("prepare the monitor's socket")?;
        Ok(Self { listener, path })
    }

    /// Accepts a client, if one waits.
    pub(super) fn accept(&self) -> Option<Client> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(Client::new(stream))
    }

    /// Takes the socket's name away: from now on the end is in `exit.json`.
    pub(super) fn unlink(&self) {
        // Gone already when the bundle is.
        fs::remove_file(&self.path).ok();
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_and_a_stale_socket_do_no_harm() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("x".repeat(200));
        fs::create_dir(&deep).unwrap();
        drop(Socket::bind(&deep).unwrap());
        let socket = Socket::bind(&deep).unwrap();
        assert!(socket.accept().is_none());
        assert_eq!(fs::metadata(deep.join(NAME)).unwrap().permissions().mode() & 0o777, 0o600);
        socket.unlink();
        assert!(!deep.join(NAME).exists());
    }
}
