//! What is known of each container: one directory per id below `--root`.

use std::{
    collections::HashMap,
    fs,
    io::ErrorKind,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, FileTypeExt},
    },
    path::{Path, PathBuf},
};

use nix::{fcntl::OFlag, sys::stat::Mode};
use serde::{Deserialize, Serialize};

use super::{id::ContainerId, init_process::InitProcess};
use crate::{
    cgroup::Cgroup,
    failure::{Context, Failure},
};

const RECORD: &str = "state.json";
const GATE: &str = "exec.fifo";

/// The directory of all containers.
#[derive(Debug)]
pub(crate) struct Store(PathBuf);

/// The directory of one container.
#[derive(Debug)]
pub(crate) struct Entry {
    id: ContainerId,
    directory: PathBuf,
}

/// What is written down once a container is created; nothing of it changes later.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) oci_version: String,
    pub(crate) bundle: PathBuf,
    pub(crate) init: InitProcess,
    /// RFC 3339.
    pub(crate) created: String,
    /// `linux.cgroupsPath`, when the bundle had one.
    pub(crate) cgroup: Option<PathBuf>,
    /// Whether killing the init kills everything in the container.
    pub(crate) own_pid_namespace: bool,
    #[serde(default)]
    pub(crate) annotations: HashMap<String, String>,
}

/// The states of the OCI runtime specification that can be seen from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Set up, its program not yet running.
    Created,
    /// Its program is running.
    Running,
    /// Its processes are frozen; beyond the specification, as in runc.
    Paused,
    /// Its init has ended.
    Stopped,
}

impl Record {
    fn is_frozen(&self) -> bool {
        self.cgroup.as_deref().and_then(|path| Cgroup::at(path).ok()).is_some_and(|cgroup| cgroup.is_frozen())
    }
}

impl Store {
    /// The store at `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// Takes `id` for a new container.
    ///
    /// # Errors
    /// When the id is in use.
    pub(crate) fn reserve(&self, id: &ContainerId) -> Result<Entry, Failure> {
        let private = |recursive| {
            let mut builder = fs::DirBuilder::new();
            builder.mode(0o700).recursive(recursive);
            builder
        };
        private(true).create(&self.0).context(format_args!("create {}", self.0.display()))?;
        let entry = self.entry(id);
        match private(false).create(&entry.directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Failure::other(format!("container {id} already exists; delete it or choose another id")))
            }
            result => result.context(format_args!("create {}", entry.directory.display())).map(|()| entry),
        }
    }

    /// The directory of container `id`, whether it exists or not.
    pub(crate) fn entry(&self, id: &ContainerId) -> Entry {
        Entry { id: id.clone(), directory: self.0.join(id.to_string()) }
    }
}

impl Entry {
    /// Whose it is.
    pub(crate) fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Reads the record.
    ///
    /// # Errors
    /// When there is no such container.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        self.find()?.ok_or_else(|| Failure::other(format!("container {} does not exist", self.id)))
    }

    /// Reads the record, if there is one.
    pub(crate) fn find(&self) -> Result<Option<Record>, Failure> {
        let file = self.directory.join(RECORD);
        match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).context(format_args!("parse {}", file.display())).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format_args!("read {}", file.display())),
        }
    }

    /// Writes the record, all of it or nothing.
    pub(crate) fn write(&self, record: &Record) -> Result<(), Failure> {
        let (file, draft) = (self.directory.join(RECORD), self.directory.join(".state.json"));
        let text = serde_json::to_vec(record).context("state")?;
        fs::write(&draft, text)
            .and_then(|()| fs::rename(&draft, &file))
            .context(format_args!("write {}", file.display()))
    }

    /// What state the container of `record` is in.
    pub(crate) fn status(&self, record: &Record) -> Status {
        let is_waiting = fs::symlink_metadata(self.directory.join(GATE)).is_ok_and(|gate| gate.file_type().is_fifo());
        match (record.init.is_alive(), is_waiting) {
            (false, _) => Status::Stopped,
            (true, true) => Status::Created,
            (true, false) if record.is_frozen() => Status::Paused,
            (true, false) => Status::Running,
        }
    }

    /// Makes the gate that a created container waits at.
    pub(crate) fn make_gate(&self) -> Result<OwnedFd, Failure> {
        let gate = self.directory.join(GATE);
        nix::unistd::mkfifo(&gate, Mode::from_bits_truncate(0o600)).context("create the start fifo")?;
        // Opened for both, it neither blocks here nor ends when the parent lets go of its own.
        nix::fcntl::open(&gate, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty()).context("open the start fifo")
    }

    /// Opens the gate: of several callers, one.
    ///
    /// # Errors
    /// When the container is not waiting.
    pub(crate) fn open_gate(&self) -> Result<(), Failure> {
        let gate = self.directory.join(GATE);
        let not_created = || Failure::other(format!("cannot start container {}: it has been started already", self.id));
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let opened = nix::fcntl::open(&gate, flags, Mode::empty()).map_err(|_| not_created())?;
        fs::remove_file(&gate).map_err(|_| not_created())?;
        nix::unistd::write(&opened, b"0").context("start the container").map(drop)
    }

    /// Forgets the container.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result.context(format_args!("remove {}", self.directory.display())),
        }
    }

    /// Whether anything is left of a container of this id.
    pub(crate) fn exists(&self) -> bool {
        Path::exists(&self.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            oci_version: "1.2.0".into(),
            bundle: "/b".into(),
            init: InitProcess::of(nix::unistd::getpid()).unwrap(),
            created: "2026-11-20T03:48:58.000000007Z".into(),
            cgroup: None,
            own_pid_namespace: true,
            annotations: HashMap::new(),
        }
    }

    #[test]
    fn an_id_is_taken_once_and_free_again_after_removal() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::new(place.path().join("runtime"));
        let id: ContainerId = "one".parse().unwrap();
        assert!(store.entry(&id).record().unwrap_err().message.contains("container one does not exist"));
        let entry = store.reserve(&id).unwrap();
        assert!(store.reserve(&id).unwrap_err().message.contains("already exists"));
        entry.write(&record()).unwrap();
        assert_eq!(store.entry(&id).record().unwrap(), record());
        entry.remove().unwrap();
        assert!(!entry.exists());
        store.reserve(&id).unwrap();
    }

    #[test]
    fn a_container_is_started_once() {
        let place = tempfile::tempdir().unwrap();
        let id: ContainerId = "one".parse().unwrap();
        let entry = Store::new(place.path().into()).reserve(&id).unwrap();
        let waiting = entry.make_gate().unwrap();
        assert_eq!(entry.status(&record()), Status::Created);
        entry.open_gate().unwrap();
        assert_eq!(entry.status(&record()), Status::Running);
        let mut byte = [0];
        assert_eq!(nix::unistd::read(&waiting, &mut byte), Ok(1));
        assert!(entry.open_gate().unwrap_err().message.contains("started already"));
    }
}
