//! Starting a container.

use super::{
    Engine,
    attach_network::{Placed, take_place_away},
    health,
    hosts::all_addresses,
    io_error, take, to_the_end,
};
use crate::{
    Error, Result,
    attach::Waiting,
    container::{ContainerState, Definition, Live, NetworkMode, Turn},
    modules,
    rootfs::Rootfs,
    roster::Container,
    seam::StartError,
    spec::{self, Circumstances, EtcFiles, EtcTexts, Joined, ResolvedUser},
    users::Users,
    volume::fill,
};
use berth_image::Ids;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Docker's exit codes of a container that could not be started.
const NOT_EXECUTABLE: i64 = 126;
const NOT_FOUND: i64 = 127;
const NOT_STARTED: i64 = 128;
/// How long a monitor that cannot live may keep a bundle from being removed.
const LAST_FILES: Duration = Duration::from_secs(2);

/// Why a container is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody asked.
    Asked,
    /// It ended and its restart policy wants it.
    Policy,
    /// The engine starts and its restart policy wants it.
    Boot,
}

/// A start that failed, with the exit code docker gives it.
struct Failure {
    error: Error,
    exit_code: i64,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, exit_code: NOT_STARTED }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let (exit_code, callers_fault) = match &error {
            StartError::NotFound(_) => (NOT_FOUND, true),
            StartError::NotExecutable(_) => (NOT_EXECUTABLE, true),
            StartError::Other(_) => (NOT_STARTED, false),
        };
        let message = format!(
            "failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: {error}"
        );
        Self { error: Error::StartFailed { message, callers_fault }, exit_code }
    }
}

impl Engine {
    /// Starts a container; its ports are published when this returns.
    ///
    /// # Errors
    /// Not modified when it runs; docker's sentence when its command is not there; a port that is taken.
    pub async fn start_container(&self, name: &str) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        self.start(container, Reason::Asked).await
    }

    pub(super) async fn start(&self, container: Arc<Container>, reason: Reason) -> Result<()> {
        let engine = self.clone();
        to_the_end(async move { engine.start_now(container, reason).await }).await
    }

    async fn start_now(&self, container: Arc<Container>, reason: Reason) -> Result<()> {
        let operation = container.operation.lock().await;
        container.written().await;
        let live = container.now()?;
        match (live.life.status(), reason) {
            (ContainerState::Restarting, Reason::Policy | Reason::Asked)
            | (ContainerState::Created, Reason::Asked)
            | (ContainerState::Exited, Reason::Asked | Reason::Boot) => {}
            (ContainerState::Paused, Reason::Asked) => {
                return Err(Error::Conflict("cannot start a paused container, try unpause instead".to_owned()));
            }
            (ContainerState::Running | ContainerState::Paused, _) => {
                return Err(Error::AlreadyInState { id: container.id().to_owned(), state: "started" });
            }
            (ContainerState::Removing | ContainerState::Dead, _) => return Err(Error::MarkedForRemoval),
            // Somebody stopped it during the pause: nothing is to be done.
            _ => return Ok(()),
        }
        let failure = match self.bring_up(&container, &live, reason).await {
            Ok(live) => {
                self.refresh_links(&container);
                self.tell_network(&container, "connect");
                self.tell(&container, &live, "start", &[]);
                self.watch(container.clone());
                return Ok(());
            }
            Err(failure) => failure,
        };
        self.take_down(&container).await;
        let why = failure.error.to_string();
        let id = container.definition.short_id();
        let failed = self
            .change(&container, |live| {
                take_place_away(live);
                take(live, Turn::StartFailed { exit_code: failure.exit_code, why }, id)
            })
            .await;
        if let Err(e) = failed {
            tracing::error!("the failed start of {id} could not be kept: {e}");
        }
        if container.definition.host.auto_remove {
            drop(operation);
            if let Err(e) = self.remove(container.clone(), true).await {
                tracing::warn!("{} stays after its failed start: {e}", container.definition.short_id());
            }
        }
        Err(failure.error)
    }

    /// Everything from the network to the running process. What is there when this fails is for the caller to take
    /// down.
    async fn bring_up(&self, container: &Container, live: &Live, reason: Reason) -> Result<Arc<Live>, Failure> {
        let Container { definition, .. } = container;
        let inner = &self.inner;
        modules::ready(&inner.config).await?;
        inner.seams.snapshots.intact(&definition.id).await.map_err(Error::from)?;
        self.clear_bundle(&definition.id).await?;

        let users = self.choose_users(container).await?;
        let origin = self.pin_users(definition, users.as_ref()).await?;
        let Placed { namespace, mut settings } = self.place(definition, live, origin).await?;
        // Kept before the process exists: an engine that takes it up after a crash has to know its address.
        let placed = settings.clone();
        self.change(container, |live| {
            live.network = placed;
            Ok(())
        })
        .await?;
        let publications = self.publish(definition, &live.name, &mut settings).await?;

        let dir = inner.paths.container(&definition.id);
        let rootfs = inner.paths.rootfs(&definition.id);
        let snapshot = inner.seams.snapshots.get(&definition.id, &dir).await.map_err(Error::from)?;
        inner.seams.snapshots.mount(&snapshot, &rootfs, Ids::Same).await.map_err(Error::from)?;
        let addresses = all_addresses(&settings);
        let links = self.links(&live.name, &definition.host)?;
        let hostname = spec::hostname(definition, &inner.config.hostname).to_owned();
        let joined = self.join(definition, users.as_ref()).await?;
        let resolv_conf = self.resolv_conf(definition, &settings.networks);
        let uplink = self.uplink();
        let furnishing = Furnishing {
            definition: inner.defaults.hold_for(definition.tuned(live)),
            texts: EtcTexts::of(definition, &hostname, &addresses, &links, resolv_conf, uplink.host)?,
            hostname,
            etc: self.etc_files(definition),
            rootfs,
            bundle: inner.paths.bundle(&definition.id),
            users: users.clone(),
            namespace,
            joined,
            runtime: inner.config.runtime.clone(),
            fill: !live.filled,
        };
        let fills = !live.filled && definition.volumes().any(|mount| mount.fill);
        let _one_at_a_time = if fills { Some(inner.filling.lock().await) } else { None };
        let furnished = tokio::task::spawn_blocking(move || furnishing.carry_out()).await;
        furnished.map_err(|e| Error::Internal(format!("a start ended in the middle: {e}")))??;
        if let Some(users) = &users {
            self.remount_mapped(&definition.id, &snapshot, users).await?;
        }

        let bundle = inner.paths.bundle(&definition.id);
        let (log, open_input) = (self.log_target(definition, &live.name)?, definition.config.open_stdin);
        let pid = inner.seams.runtime.create(&definition.id, &bundle, log.as_ref(), open_input).await?;
        // Before it runs anything: who waited for it misses nothing.
        self.serve_waiting(container).await;
        let other = |e: crate::seam::RuntimeError| Failure::from(StartError::Other(e.to_string()));
        inner.seams.runtime.start(&definition.id).await.map_err(other)?;
        let at = inner.seams.clock.now();
        let id = definition.short_id();
        let started = self.change(container, |live| {
            live.network = settings;
            live.publications = publications;
            live.filled = true;
            take(live, Turn::Started { pid, at, by_policy: reason == Reason::Policy }, id)?;
            health::begin(&mut live.life, definition);
            Ok(())
        });
        Ok(started.await?)
    }

    /// The files that a container has in its `/etc`: its own, or those of the one whose network it is on.
    pub(super) fn etc_files(&self, definition: &Definition) -> EtcFiles {
        let owner = match &definition.host.network_mode {
            NetworkMode::Container(id) => id,
            _ => &definition.id,
        };
        EtcFiles::of(&self.inner.paths.container(owner))
    }

    /// Makes the bundle's directory be there and empty. Never recursive: a root filesystem that could not be
    /// unmounted must not be emptied.
    async fn clear_bundle(&self, id: &str) -> Result<()> {
        let (bundle, rootfs) = (self.inner.paths.bundle(id), self.inner.paths.rootfs(id));
        self.unmount_bundle(id).await;
        self.inner.seams.snapshots.unmount(&rootfs).await?;
        self.remove_bundle_files(id).await?;
        tokio::fs::create_dir_all(&rootfs).await.map_err(io_error("create", &bundle))
    }

    /// Removes the plain files of a bundle and its directories, when those are empty then.
    pub(super) async fn remove_bundle_files(&self, id: &str) -> Result<()> {
        let (bundle, rootfs) = (self.inner.paths.bundle(id), self.inner.paths.rootfs(id));
        remove_bundle(&bundle, &rootfs).await.map_err(io_error("remove", &bundle))
    }

    /// Takes away what only a running container needs. What fails is logged, and swept when the engine starts.
    pub(super) async fn take_down(&self, container: &Container) {
        let inner = &self.inner;
        let id = container.id();
        *container.waiting.lock().await = Waiting::default();
        inner.execs.container_ended(id);
        if let Err(e) = inner.seams.runtime.delete(id).await {
            tracing::warn!("the runtime keeps {}: {e}", container.definition.short_id());
        }
        self.unmount_bundle(id).await;
        if let Err(e) = inner.seams.snapshots.unmount(&inner.paths.rootfs(id)).await {
            tracing::warn!("the files of {} stay mounted: {e}", container.definition.short_id());
        }
        if let Ok(live) = container.now() {
            self.unplace(container, &live).await;
        }
    }
}

/// Removes a bundle whose mounts are gone. The monitor of an engine that was killed may just be putting its socket
/// there: without the other files it gets no further, so it is waited for.
async fn remove_bundle(bundle: &Path, rootfs: &Path) -> io::Result<()> {
    outlasting(|| empty_and_remove(bundle, rootfs)).await
}

/// Has `remove` take a directory away, again while somebody still puts the last files there. One that is gone is fine.
pub(super) async fn outlasting<F: Future<Output = io::Result<()>>>(remove: impl Fn() -> F) -> io::Result<()> {
    let deadline = tokio::time::Instant::now() + LAST_FILES;
    loop {
        match remove().await {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

async fn empty_and_remove(bundle: &Path, rootfs: &Path) -> io::Result<()> {
    let missing_is_fine = |result: io::Result<()>| match result {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    let mut entries = tokio::fs::read_dir(bundle).await?;
    while let Some(entry) = entries.next_entry().await? {
        if entry.path() != rootfs {
            missing_is_fine(tokio::fs::remove_file(entry.path()).await)?;
        }
    }
    missing_is_fine(tokio::fs::remove_dir(rootfs).await)?;
    tokio::fs::remove_dir(bundle).await
}

/// What is written into a container's files before it starts.
struct Furnishing {
    definition: Arc<Definition>,
    texts: EtcTexts,
    hostname: String,
    etc: EtcFiles,
    rootfs: PathBuf,
    bundle: PathBuf,
    users: Option<Users>,
    namespace: Option<PathBuf>,
    joined: Joined,
    runtime: PathBuf,
    fill: bool,
}

impl Furnishing {
    fn carry_out(self) -> Result<()> {
        let Self { definition, texts, etc, rootfs, .. } = &self;
        let root = Rootfs::open(rootfs).map_err(io_error("open", rootfs))?;
        // Those of a container that is on another's network are the other's.
        let own = !matches!(definition.host.network_mode, NetworkMode::Container(_));
        let files =
            [(&etc.hosts, &texts.hosts), (&etc.hostname, &texts.hostname), (&etc.resolv_conf, &texts.resolv_conf)];
        for (path, text) in files.into_iter().filter(|_| own) {
            fs::write(path, text).map_err(io_error("write", path))?;
        }
        let dir = &definition.config.working_dir;
        root.make_dirs(dir, 0, 0).map_err(|e| {
            Error::Internal(format!("could not create the working directory {dir} in the container: {e}"))
        })?;
        for mount in definition.volumes().filter(|mount| self.fill && mount.fill) {
            let (from, to) = (&mount.point.destination, Path::new(&mount.point.source));
            fill::fill(&root, from, to).map_err(|e| {
                Error::Internal(format!("could not fill the volume {} from {from} of the image: {e}", mount.point.name))
            })?;
        }
        let user = ResolvedUser::look_up(&root, &definition.config.user, &definition.host.group_add)?;
        let at = Circumstances {
            rootfs,
            etc,
            users: self.users.as_ref(),
            network_namespace: self.namespace.as_deref(),
            user: &user,
            hostname: &self.hostname,
            joined: &self.joined,
            runtime: &self.runtime,
        };
        let spec = serde_json::to_vec(&spec::build(definition, &at)?)
            .map_err(|e| Error::Internal(format!("could not write the container's specification: {e}")))?;
        let path = self.bundle.join("config.json");
        fs::write(&path, spec).map_err(io_error("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bundle_goes_though_a_dying_monitor_still_puts_files_there() {
        for _ in 0..20 {
            let place = tempfile::tempdir().unwrap();
            let (bundle, rootfs) = (place.path().join("bundle"), place.path().join("bundle/rootfs"));
            std::fs::create_dir_all(&rootfs).unwrap();
            std::fs::write(bundle.join("config.json"), "{}").unwrap();
            let monitor = {
                let bundle = bundle.clone();
                std::thread::spawn(move || {
                    let until = std::time::Instant::now() + Duration::from_millis(50);
                    while std::time::Instant::now() < until {
                        std::fs::write(bundle.join("monitor.sock"), "").ok();
                    }
                })
            };
            remove_bundle(&bundle, &rootfs).await.unwrap();
            monitor.join().unwrap();
            assert!(!bundle.exists());
            remove_bundle(&bundle, &rootfs).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_containers_files_go_though_its_log_is_still_being_compressed() {
        for _ in 0..20 {
            let place = tempfile::tempdir().unwrap();
            let dir = place.path().join("container");
            std::fs::create_dir(&dir).unwrap();
            let compressor = {
                let dir = dir.clone();
                std::thread::spawn(move || {
                    let until = std::time::Instant::now() + Duration::from_millis(50);
                    for n in 0.. {
                        std::fs::write(dir.join(format!("log.{n}.gz")), "").ok();
                        if std::time::Instant::now() > until {
                            break;
                        }
                    }
                })
            };
            outlasting(|| tokio::fs::remove_dir_all(&dir)).await.unwrap();
            compressor.join().unwrap();
            assert!(!dir.exists());
        }
    }
}
