//! One at a time for each key: two pulls that want the same layer fetch it once.

use crate::Digest;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// Locks by digest; one that nobody holds takes no memory for long.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    locks: Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
}

/// The turn of one key, until dropped.
pub(crate) type Turn = tokio::sync::OwnedMutexGuard<()>;

impl Turns {
    /// The turn, if nobody has it.
    pub(crate) fn try_take(&self, key: &Digest) -> Option<Turn> {
        self.lock(key).try_lock_owned().ok()
    }

    /// Waits for the turn.
    pub(crate) async fn take(&self, key: &Digest) -> Turn {
        self.lock(key).lock_owned().await
    }

    fn lock(&self, key: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(*key, Arc::downgrade(&lock));
        lock
    }
}
