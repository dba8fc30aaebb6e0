//! Where the engine's files are.

use crate::EngineConfig;
use std::path::{Path, PathBuf};

/// The directories of the engine, from its two roots.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    data: PathBuf,
    run: PathBuf,
}

impl Paths {
    pub(crate) fn new(config: &EngineConfig) -> Self {
        Self { data: config.data.clone(), run: config.run.clone() }
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("engine.db")
    }

    /// Durable files, one directory per container.
    pub(crate) fn containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    /// A container's durable files.
    pub(crate) fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    /// A container's output.
    pub(crate) fn log(&self, id: &str) -> PathBuf {
        self.container(id).join("container.log")
    }

    /// OCI bundles of this boot, one directory per container.
    pub(crate) fn bundles(&self) -> PathBuf {
        self.run.join("containers")
    }

    /// A container's OCI bundle.
    pub(crate) fn bundle(&self, id: &str) -> PathBuf {
        self.bundles().join(id)
    }

    /// What is executed in containers, one directory per exec.
    pub(crate) fn execs(&self) -> PathBuf {
        self.run.join("execs")
    }

    /// An exec's directory, of the runtime's kind.
    pub(crate) fn exec(&self, id: &str) -> PathBuf {
        self.execs().join(id)
    }

    /// Where a container's root filesystem is mounted.
    pub(crate) fn rootfs(&self, id: &str) -> PathBuf {
        self.bundle(id).join("rootfs")
    }

    /// Where the `/dev/shm` of a container that others may join is mounted.
    pub(crate) fn shm(&self, id: &str) -> PathBuf {
        self.bundle(id).join("shm")
    }

    /// The file that names a container's user namespace until its process is made.
    pub(crate) fn users(&self, id: &str) -> PathBuf {
        self.bundle(id).join("users")
    }

    /// Where the data is for a moment as a container's users have it.
    pub(crate) fn mapped(&self, id: &str) -> PathBuf {
        self.bundle(id).join("mapped")
    }

    /// The named network namespaces.
    pub(crate) fn namespaces(&self) -> PathBuf {
        self.run.join("netns")
    }

    /// The runtime's own state.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.run.join("runtime")
    }

    /// All volumes.
    pub(crate) fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// A volume's files.
    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.volumes().join(name)
    }

    /// What of a volume a container sees.
    pub(crate) fn volume_data(&self, name: &str) -> PathBuf {
        self.volume(name).join("_data")
    }

    /// Where a volume waits to be deleted: no volume name has a leading dot.
    pub(crate) fn volume_trash(&self) -> PathBuf {
        self.volumes().join(".removed")
    }

    /// The root of durable state.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }
}
