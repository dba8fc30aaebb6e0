//! Tells followers that a log has grown or goes on in another file: one inotify descriptor for all of them, since the system gives few.

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use std::{
    collections::HashMap,
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{io::unix::AsyncFd, sync::watch, task::AbortHandle};

/// How often a follower looks when the system gives no watch.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// All watched logs.
pub(crate) struct LogWatch {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    fd: AsyncFd<OwnedFd>,
    /// By watch descriptor: how many follow, and whom to tell.
    files: Mutex<HashMap<i32, (usize, watch::Sender<()>)>>,
}

/// One follower's interest in a log.
pub(crate) struct Watched {
    /// `None` when the system gave no watch.
    source: Option<(Arc<Shared>, i32, watch::Receiver<()>)>,
}

impl LogWatch {
    /// Opens inotify. Call inside a tokio runtime with I/O.
    #[expect(unsafe_code, reason = "registering a descriptor with the reactor is unsafe in tokio")]
    pub(crate) fn open() -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // SAFETY: an `OwnedFd` names the same open descriptor from here until `AsyncFd` drops it.
        let fd = unsafe { AsyncFd::register(fd) }?;
        let shared = Arc::new(Shared { fd, files: Mutex::default() });
        let task = tokio::spawn({
            let shared = shared.clone();
            async move {
                if let Err(e) = shared.tell_forever().await {
                    tracing::error!("log followers are no longer told of growth: {e}");
                }
            }
        });
        Ok(Self { shared, task: task.abort_handle() })
    }

    /// Begins to watch a log; growth after this moment is told. It is its directory that is watched: the files change.
    pub(crate) fn follow(&self, path: &Path) -> Watched {
        let mut files = self.shared.files();
        let dir = path.parent().unwrap_or(path);
        let flags = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let wd = match inotify::add_watch(self.shared.fd.as_fd(), dir, flags) {
            Ok(wd) => wd,
            Err(e) => {
                tracing::warn!("{} is looked at now and then, since it cannot be watched: {e}", path.display());
                return Watched { source: None };
            }
        };
        let (followers, teller) = files.entry(wd).or_insert_with(|| (0, watch::Sender::new(())));
        *followers += 1;
        Watched { source: Some((self.shared.clone(), wd, teller.subscribe())) }
    }
}

impl Drop for LogWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn files(&self) -> MutexGuard<'_, HashMap<i32, (usize, watch::Sender<()>)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell_forever(&self) -> io::Result<()> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(self.fd.as_fd(), &mut buffer);
            loop {
                match reader.next() {
                    Ok(event) => {
                        if let Some((_, teller)) = self.files().get(&event.wd()) {
                            teller.send_replace(());
                        }
                    }
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(rustix::io::Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            ready.clear_ready();
        }
    }
}

impl Watched {
    /// Resolves when something was written since the last call.
    pub(crate) async fn grown(&mut self) {
        if let Some((_, _, told)) = &mut self.source
            && told.changed().await.is_ok()
        {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some((shared, wd, _)) = &self.source else { return };
        let mut files = shared.files();
        let Some((followers, _)) = files.get_mut(wd) else { return };
        *followers -= 1;
        if *followers == 0 {
            files.remove(wd);
            // The kernel drops the watch of a deleted directory by itself.
            if let Err(e) = inotify::remove_watch(shared.fd.as_fd(), *wd) {
                tracing::debug!("a watch was gone already: {e}");
            }
        }
    }
}
