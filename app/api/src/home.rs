//! `BERTH_HOME`: the folder that holds all state of one Berth, so that several live side by side.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// The variable that moves all state elsewhere.
pub const HOME_VARIABLE: &str = "BERTH_HOME";

/// The paths of one Berth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BerthHome {
    root: PathBuf,
    is_default: bool,
}

impl BerthHome {
    /// From `BERTH_HOME`, else `~/.berth`.
    ///
    /// # Errors
    /// [`Error::Home`] when neither is known.
    pub fn from_env() -> Result<Self, Error> {
        match std::env::var_os(HOME_VARIABLE).filter(|value| !value.is_empty()) {
            Some(root) => Ok(Self::at(PathBuf::from(root))),
            None => std::env::home_dir()
                .filter(|home| !home.as_os_str().is_empty())
                .map(|home| Self { root: home.join(".berth"), is_default: true })
                .ok_or_else(|| Error::Home("the home directory of this user is unknown; set BERTH_HOME".into())),
        }
    }

    /// A Berth whose state is in `root`; a relative path counts from the working directory.
    #[must_use]
    pub fn at(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        Self { root: std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf()), is_default: false }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is `~/.berth`.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.is_default
    }

    /// Sockets, lock and pid file; mode 0700.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Where berthd listens: a socket on Unix, a pipe name on Windows.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        if cfg!(windows) {
            let suffix = if self.is_default { String::new() } else { format!("_{:016x}", fnv(&self.root)) };
            PathBuf::from(format!(r"\\.\pipe\berth_engine{suffix}"))
        } else {
            self.run_dir().join("docker.sock")
        }
    }

    /// The socket as docker's `-H` and `DOCKER_HOST` take it.
    #[must_use]
    pub fn docker_host(&self) -> String {
        let socket = self.socket();
        if cfg!(windows) {
            format!("npipe://{}", socket.display().to_string().replace('\\', "/"))
        } else {
            format!("unix://{}", socket.display())
        }
    }

    /// Held by the one berthd of this home.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.run_dir().join("berthd.lock")
    }

    /// The process id of the running berthd, decimal.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.run_dir().join("berthd.pid")
    }

    /// What the user sets for every container and for registries, under docker's names.
    #[must_use]
    pub fn daemon_json(&self) -> PathBuf {
        self.root.join("daemon.json")
    }

    /// Certificates of single registries, in docker's layout: `HOST[:PORT]/{ca.crt,client.cert,client.key}`.
    #[must_use]
    pub fn certs_dir(&self) -> PathBuf {
        self.root.join("certs.d")
    }

    /// The VM's files.
    #[must_use]
    pub fn machine_dir(&self) -> PathBuf {
        self.root.join("machine")
    }

    /// The data disk: a sparse raw file with everything the user has.
    #[must_use]
    pub fn data_disk(&self) -> PathBuf {
        self.machine_dir().join("data.raw")
    }

    /// What the guest wrote on its serial console since its start.
    #[must_use]
    pub fn console_log(&self) -> PathBuf {
        self.machine_dir().join("console.log")
    }

    /// berthd's log.
    #[must_use]
    pub fn daemon_log(&self) -> PathBuf {
        self.root.join("logs").join("berthd.log")
    }
}

/// FNV-1a, 64 bits: tells homes apart in a pipe name, protects nothing.
fn fnv(path: &Path) -> u64 {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_home_becomes_absolute_so_that_berthd_and_its_clients_mean_the_same() {
        assert!(BerthHome::at("state").root().is_absolute());
    }

    #[cfg(unix)]
    #[test]
    fn docker_finds_the_socket_under_the_home() {
        assert_eq!(BerthHome::at("/srv/b").docker_host(), "unix:///srv/b/run/docker.sock");
    }
}
