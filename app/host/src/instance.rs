//! One berthd per home: a lock on a file, held as long as the process lives, whatever ends it.

use crate::{daemon::DaemonError, platform};
use berth_api::BerthHome;
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::PathBuf,
};

/// The right to be the berthd of a home.
#[derive(Debug)]
pub struct Instance {
    _lock: File,
    pid_file: PathBuf,
}

impl Instance {
    /// Takes the right, creating the home's folders on the way.
    ///
    /// # Errors
    /// [`DaemonError::AlreadyRunning`], or an I/O failure.
    pub fn acquire(home: &BerthHome) -> Result<Self, DaemonError> {
        let folders = [home.root().to_path_buf(), home.run_dir(), home.machine_dir()];
        for folder in &folders {
            platform::private_folder(folder).map_err(DaemonError::io(format!("create {}", folder.display())))?;
        }
        let path = home.lock_file();
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(DaemonError::io(format!("open {}", path.display())))?;
        let pid_file = home.pid_file();
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = std::fs::read_to_string(&pid_file).unwrap_or_default().trim().to_owned();
                return Err(DaemonError::AlreadyRunning { pid, home: home.root().into() });
            }
            Err(TryLockError::Error(source)) => {
                return Err(DaemonError::Io { what: format!("lock {}", path.display()), source });
            }
        }
        let pid = format!("{}\n", std::process::id());
        std::fs::write(&pid_file, pid).map_err(DaemonError::io(format!("write {}", pid_file.display())))?;
        Ok(Self { _lock: lock, pid_file })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.pid_file) {
            tracing::debug!(%error, "the pid file stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_berthd_of_a_home_is_refused_with_the_pid_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let home = BerthHome::at(folder.path().join("home"));
        let first = Instance::acquire(&home).unwrap();
        let refused = Instance::acquire(&home).unwrap_err().to_string();
        assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
        drop(first);
        Instance::acquire(&home).unwrap();
    }
}
