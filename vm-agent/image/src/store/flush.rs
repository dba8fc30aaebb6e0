//! Flushing the store's filesystem: one flush covers everything that was written before it began, so those who want
//! one at the same time share it.

use crate::{Result, error::IoContext as _};
use std::{
    fs::File,
    io,
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
};

/// The flushes of one filesystem.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    turns: Mutex<Turns>,
    turned: Condvar,
}

/// Flushes are numbered from 1.
#[derive(Debug, Default)]
struct Turns {
    running: bool,
    started: u64,
    ended: u64,
    /// The last one that failed: the kernel tells a lost write once only, so all who waited for it must hear of it.
    failed: u64,
}

impl Flushes {
    /// Returns when a flush that began after this call has ended; runs it itself when nobody does.
    pub(super) fn flush(&self, dir: &Path) -> Result<()> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // One that already runs may have passed this caller's files by.
        let wanted = turns.started + 1;
        loop {
            if turns.failed >= wanted {
                return Err(io::Error::other("writes were lost")).at("flush", dir);
            }
            if turns.ended >= wanted {
                return Ok(());
            }
            if turns.running {
                turns = self.turned.wait(turns).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            turns.running = true;
            turns.started += 1;
            let turn = turns.started;
            drop(turns);
            let result = File::open(dir).and_then(|dir| Ok(rustix::fs::syncfs(&dir)?));
            turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.running = false;
            turns.ended = turn;
            if result.is_err() {
                turns.failed = turn;
            }
            self.turned.notify_all();
            result.at("flush", dir)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_share_few_flushes_and_all_return() {
        let (dir, flushes) = (tempfile::tempdir().unwrap(), Flushes::default());
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| flushes.flush(dir.path()).unwrap());
            }
        });
        let turns = flushes.turns.lock().unwrap();
        assert_eq!((turns.ended, turns.running), (turns.started, false));
        assert!((1..=16).contains(&turns.ended));
    }

    #[test]
    fn a_flush_that_cannot_be_is_told() {
        let flushes = Flushes::default();
        assert!(flushes.flush(Path::new("/nonexistent")).is_err());
        assert!(flushes.flush(Path::new("/")).is_ok());
    }
}
