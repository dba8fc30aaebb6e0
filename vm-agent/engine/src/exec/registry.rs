//! Which execs there are. They live in memory; those that run are in the run directory too, for the next engine.

use super::{ExecConfig, ExecDetails};
use crate::{Timestamp, roster::Container};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// How long one that has ended can be inspected, nanoseconds: docker collects them every five minutes.
const KEPT: i64 = 5 * 60 * 1_000_000_000;

/// Where one is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecState {
    /// It was asked for.
    Created,
    /// Its process is being made.
    Starting,
    /// Its process runs.
    Running {
        /// In the machine's pid namespace.
        pid: i32,
    },
    /// It has ended, or could not be started.
    Ended {
        /// As a shell sees it.
        code: i64,
        /// When.
        at: Timestamp,
    },
}

/// One exec.
pub(crate) struct Exec {
    /// 64 hex digits.
    pub(crate) id: String,
    pub(crate) container: Arc<Container>,
    pub(crate) config: ExecConfig,
    pub(crate) state: watch::Sender<ExecState>,
}

impl Exec {
    pub(crate) fn now(&self) -> ExecState {
        *self.state.borrow()
    }

    /// The exit code, once it has ended.
    pub(crate) async fn ended(&self) -> i64 {
        let mut state = self.state.subscribe();
        // The sender lives in `self`: it does not close.
        let ended = state.wait_for(|state| matches!(state, ExecState::Ended { .. })).await;
        match ended.map(|state| *state) {
            Ok(ExecState::Ended { code, .. }) => code,
            _ => crate::container::UNSEEN_EXIT,
        }
    }

    pub(crate) fn details(&self) -> ExecDetails {
        let (running, exit_code, pid) = match self.now() {
            ExecState::Created | ExecState::Starting => (false, None, 0),
            ExecState::Running { pid } => (true, None, pid),
            ExecState::Ended { code, .. } => (false, Some(code), 0),
        };
        let mut config = self.config.clone();
        if config.user.is_empty() {
            config.user.clone_from(&self.container.definition.config.user);
        }
        ExecDetails {
            id: self.id.clone(),
            container_id: self.container.id().to_owned(),
            running,
            exit_code,
            pid,
            config,
        }
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Registry(Mutex<BTreeMap<String, Arc<Exec>>>);

impl Registry {
    /// Adds one, and forgets those that ended long ago.
    pub(crate) fn add(&self, exec: Arc<Exec>, now: Timestamp) {
        let mut all = self.lock();
        all.retain(|_, exec| !matches!(exec.now(), ExecState::Ended { at, .. } if now.0.saturating_sub(at.0) > KEPT));
        all.insert(exec.id.clone(), exec);
    }

    /// The one of this id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Exec>> {
        self.lock().get(id).cloned()
    }

    /// The ids of those of a container that have not ended.
    pub(crate) fn of(&self, container: &str) -> Vec<String> {
        let all = self.lock();
        let lives = |exec: &&Arc<Exec>| !matches!(exec.now(), ExecState::Ended { .. });
        let mine = all.values().filter(|exec| exec.container.id() == container);
        mine.filter(lives).map(|exec| exec.id.clone()).collect()
    }

    /// The container does not run any more: what was only asked for will not come.
    pub(crate) fn container_ended(&self, container: &str) {
        self.lock().retain(|_, exec| exec.container.id() != container || exec.now() != ExecState::Created);
    }

    /// The container is gone.
    pub(crate) fn container_gone(&self, container: &str) {
        self.lock().retain(|_, exec| exec.container.id() != container);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Exec>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
