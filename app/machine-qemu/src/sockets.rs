//! The sockets QEMU connects to, in the run directory.

use berth_machine::Failure;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The longest path of a UNIX socket on Linux, bytes (`sun_path` is 108 with the final zero).
const MAX_PATH: usize = 107;

/// Where the sockets of one machine are. They are removed on drop.
pub(crate) struct Sockets {
    /// QEMU's control connection.
    pub(crate) qmp: PathBuf,
    /// The vsock device.
    pub(crate) vsock: PathBuf,
}

impl Sockets {
    /// Chooses the paths and removes what an earlier run left there.
    pub(crate) fn place(run_dir: &Path) -> Result<Self, Failure> {
        let sockets = Self { qmp: run_dir.join("qmp.sock"), vsock: run_dir.join("vsock.sock") };
        for path in [&sockets.qmp, &sockets.vsock] {
            let length = path.as_os_str().as_bytes().len();
            if length > MAX_PATH {
                return Err(Failure::new(
                    "placing the machine's sockets",
                    format!("the path {} has {length} bytes, and Linux allows {MAX_PATH}", path.display()),
                    "set BERTH_HOME to a shorter path",
                ));
            }
            remove(path).map_err(|error| {
                let what = format!("removing the old socket {}", path.display());
                Failure::new(what, error, "remove it and start the machine again")
            })?;
        }
        Ok(sockets)
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for path in [&self.qmp, &self.vsock] {
            if let Err(error) = remove(path) {
                tracing::warn!(%error, path = %path.display(), "a socket was left behind");
            }
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_with_a_way_out() {
        let failure = Sockets::place(Path::new(&format!("/{}", "x".repeat(100)))).err().unwrap();
        assert!(failure.to_string().contains("107") && failure.todo.contains("BERTH_HOME"), "{failure}");
        assert!(Sockets::place(Path::new("/tmp/no-such-directory")).is_ok());
    }
}
