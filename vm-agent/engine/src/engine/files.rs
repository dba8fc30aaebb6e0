//! Copying files into and out of a container, exporting and comparing it.

use super::{Engine, to_the_end};
use crate::{
    Error, Result,
    container::Live,
    files::{ArchiveStream, Found, Parts, PathChange, PathStat, PutOptions, View, as_root_of, outgoing, stubs},
    roster::Container,
    spec::ResolvedUser,
    users,
};
use berth_image::{Extraction, Ids, Packing, extract, is_kernels, mount_of, pack, pack_one, pieces};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use std::{io, sync::Arc};
use tokio::sync::OwnedRwLockReadGuard;

/// Pieces of an archive that wait to be extracted.
const AHEAD: usize = 4;
/// Bytes of an archive that are still taken when it was refused, so that its sender reads the refusal.
const TAKEN_AFTER_ALL: usize = 64 << 20;

impl Engine {
    /// What a path of a container is; a link is told as the link itself.
    ///
    /// # Errors
    /// No such container; docker's sentence when there is no such file.
    pub async fn container_path_stat(&self, name: &str, path: &str) -> Result<PathStat> {
        let container = self.inner.roster.find(name)?;
        let view = self.view(&container).await?;
        let (name, path) = (name.to_owned(), path.to_owned());
        blocking(move || Ok(Found::look_up(&view.root, &name, &path)?.stat)).await
    }

    /// A file or directory of a container as a tar archive, with what [`Engine::container_path_stat`] says.
    ///
    /// # Errors
    /// As there; a path that is the kernel's own view, such as `/proc`.
    pub async fn container_archive(&self, name: &str, path: &str) -> Result<(PathStat, ArchiveStream)> {
        let container = self.inner.roster.find(name)?;
        let live = container.now()?;
        let view = self.view(&container).await?;
        let (name, path) = (name.to_owned(), path.to_owned());
        let (view, found) = blocking(move || {
            let found = Found::look_up(&view.root, &name, &path)?;
            if is_kernels(&found.pinned).map_err(|e| Error::Internal(format!("could not look at {path}: {e}")))? {
                return Err(Error::InvalidParameter(format!(
                    "{path} is the kernel's own view in the container and holds no files to copy; read it with exec"
                )));
            }
            Ok((view, found))
        })
        .await?;
        let (stat, base) = (found.stat.clone(), found.name()?);
        let archive = outgoing(move |out| {
            let how = Packing { ids: view.ids, ..Packing::default() };
            if !found.is_dir() {
                return pack_one(found.pinned, &base, &how, out);
            }
            let how = Packing { top: Some(base.to_bytes()), shut: view.shut.clone(), ..how };
            pack(&found.pinned, &how, out).map(drop)
        });
        self.tell(&container, &live, "archive-path", &[]);
        Ok((stat, archive))
    }

    /// Puts a tar archive, plain or compressed, into a directory of a container. What was made before a failure stays.
    ///
    /// # Errors
    /// As [`Engine::container_path_stat`]; a read-only root or volume, and what the archive may not do.
    pub async fn put_archive(
        &self,
        name: &str,
        path: &str,
        options: PutOptions,
        archive: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<()> {
        let (engine, name, path) = (self.clone(), name.to_owned(), path.to_owned());
        to_the_end(async move { engine.put(&name, &path, options, archive).await }).await
    }

    async fn put(
        &self,
        name: &str,
        path: &str,
        options: PutOptions,
        mut archive: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<()> {
        let container = self.inner.roster.find(name)?;
        let live = container.now()?;
        let mut cut_off = container.cut_off.subscribe();
        let (view, _copying) = self.view_to_write(&container).await?;
        let (feed, reader) = pieces(AHEAD);
        let (name, path) = (name.to_owned(), path.to_owned());
        let definition = container.definition.clone();
        let extracted = tokio::task::spawn_blocking(move || {
            let read_only = definition.host.read_only_rootfs;
            let into = landing(&view, &name, &path, read_only)?;
            let owner = match definition.config.user.as_str() {
                user if options.own_by_user && !user.is_empty() => {
                    let user = ResolvedUser::look_up(&view.root, user, &[])?;
                    Some((user.uid, user.gid))
                }
                _ => None,
            };
            let how = Extraction { into, keep_kinds: options.keep_kinds, owner, ids: view.ids };
            let extracted = as_root_of(view.ids, || extract(&view.root, reader, &how)).map_err(unseen)?;
            extracted.map_err(|e| match e.is_local() {
                true => Error::Internal(e.to_string()),
                false => Error::InvalidParameter(e.to_string()),
            })
        });
        let mut refused = 0;
        loop {
            let piece = tokio::select! {
                piece = archive.next() => piece,
                // The sender lives as long as the container, which is held here.
                _ = cut_off.changed() => Some(Err(io::Error::other("the container is removed"))),
            };
            let Some(piece) = piece else { break };
            let cut = piece.is_err();
            let len = piece.as_ref().map_or(TAKEN_AFTER_ALL, Bytes::len);
            if feed.is_closed() || feed.send(piece).await.is_err() {
                refused += len;
                if refused > TAKEN_AFTER_ALL {
                    break;
                }
            }
            if cut {
                break;
            }
        }
        drop(feed);
        extracted.await.unwrap_or_else(|e| Err(Error::Internal(format!("a copy ended in the middle: {e}"))))?;
        self.tell(&container, &live, "extract-to-dir", &[]);
        Ok(())
    }

    /// All files of a container, without its volumes, as a tar archive.
    ///
    /// # Errors
    /// No such container.
    pub async fn export_container(&self, name: &str) -> Result<ArchiveStream> {
        let container = self.inner.roster.find(name)?;
        let live = container.now()?;
        let view = self.view(&container).await?;
        let top = view.root.dir("/").map_err(|e| Error::Internal(format!("could not open the container: {e}")))?;
        let archive = outgoing(move |out| {
            // A mount is written as the empty directory that it covers.
            let how = Packing { one_mount: true, ids: view.ids, ..Packing::default() };
            let packed = pack(&top, &how, out).map(drop);
            drop(view);
            packed
        });
        self.tell(&container, &live, "export", &[]);
        Ok(archive)
    }

    /// What differs from the image in a container, a directory before what is in it.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_changes(&self, name: &str) -> Result<Vec<PathChange>> {
        let container = self.inner.roster.find(name)?;
        container.now()?;
        let dir = self.inner.paths.container(container.id());
        let snapshot = self.inner.seams.snapshots.get(container.id(), &dir).await?;
        let changes = blocking(move || Ok(snapshot.changes(&stubs())?)).await?;
        let told = |change: berth_image::Change| PathChange {
            path: String::from_utf8_lossy(&change.path).into_owned(),
            kind: change.kind,
        };
        Ok(changes.into_iter().map(told).collect())
    }

    /// The container's files as it sees them. While the view of one that does not run is held, it cannot be started or
    /// removed.
    pub(super) async fn view(&self, container: &Arc<Container>) -> Result<Arc<View>> {
        let mut shared = container.view.lock().await;
        let live = container.now()?;
        if live.life.runs() {
            match self.running_view(container, &live).await {
                // It has just ended: its files are still there.
                Err(Error::NotFound(_)) => {}
                answer => return answer,
            }
        }
        if let Some(view) = shared.upgrade() {
            return Ok(view);
        }
        let operation = container.operation.clone().lock_owned().await;
        let live = container.now()?;
        if live.life.runs() {
            drop(operation);
            return self.running_view(container, &live).await;
        }
        let definition = &container.definition;
        let dir = self.inner.paths.container(&definition.id);
        let mut volumes: Vec<_> = definition.volumes().cloned().collect();
        volumes.sort_by_key(|mount| mount.point.destination.split('/').filter(|part| !part.is_empty()).count());
        let parts = Parts {
            snapshot: self.inner.seams.snapshots.get(&definition.id, &dir).await?,
            volumes,
            read_only: definition.host.read_only_rootfs,
            place: self.inner.paths.bundles(),
        };
        let view = blocking(move || View::stopped(parts, operation).map_err(unseen)).await?;
        let view = Arc::new(view);
        *shared = Arc::downgrade(&view);
        Ok(view)
    }

    /// The container's files to write into. Until what comes with them is dropped it is neither started again nor
    /// removed, while it may be stopped at any time: a process started meanwhile would have the same files by two mounts.
    async fn view_to_write(&self, container: &Arc<Container>) -> Result<(Arc<View>, Option<OwnedRwLockReadGuard<()>>)> {
        loop {
            if !container.now()?.life.runs() {
                let view = self.view(container).await?;
                if view.keeps_it_from_starting() {
                    return Ok((view, None));
                }
            }
            let operation = container.operation.lock().await;
            let copying = container.written_into.clone().read_owned().await;
            drop(operation);
            let live = container.now()?;
            if live.life.runs() {
                return Ok((self.running_view(container, &live).await?, Some(copying)));
            }
        }
    }

    async fn running_view(&self, container: &Arc<Container>, live: &Live) -> Result<Arc<View>> {
        let (pid, rootfs) = (live.life.details.pid, self.inner.paths.rootfs(container.id()));
        let ids = live.users.map_or(Ids::Same, users::ids);
        let view = blocking(move || View::running(pid, &rootfs, ids).map_err(unseen)).await;
        Ok(Arc::new(view?))
    }
}

/// The directory that an archive goes into, as a path from the root.
fn landing(view: &View, name: &str, path: &str, read_only: bool) -> Result<Vec<u8>> {
    let path_to_dir = format!("{path}/");
    let found = Found::look_up(&view.root, name, path)?;
    let found = if found.is_dir() {
        found
    } else {
        match Found::look_up(&view.root, name, &path_to_dir) {
            Err(Error::InvalidParameter(_)) => {
                return Err(Error::InvalidParameter("extraction point is not a directory".to_owned()));
            }
            answer => answer?,
        }
    };
    let unseen = |e: io::Error| Error::Internal(format!("could not look at {path}: {e}"));
    if is_kernels(&found.pinned).map_err(unseen)? {
        return Err(Error::InvalidParameter(format!(
            "{path} is the kernel's own view in the container; files cannot be copied there"
        )));
    }
    let own = mount_of(&found.pinned).map_err(|e| unseen(e.into()))? == view.mount;
    if own && read_only {
        return Err(Error::InvalidParameter("container rootfs is marked read-only".to_owned()));
    }
    let flags = rustix::fs::fstatvfs(&found.pinned).map_err(|e| unseen(e.into()))?.f_flag;
    if flags.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Err(Error::InvalidParameter("mounted volume is marked read-only".to_owned()));
    }
    Ok(crate::files::clean(path).into_bytes())
}

fn unseen(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound("the container's process has just ended".to_owned()),
        _ => Error::Internal(format!("could not look at the container's files: {error}")),
    }
}

/// Runs what blocks where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Error::Internal(format!("the engine failed while it looked at files: {e}"))))
}
