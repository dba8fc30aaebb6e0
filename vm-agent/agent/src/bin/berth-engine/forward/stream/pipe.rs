//! Pipes, kept for the next one who has bytes to move.

use nix::{fcntl::OFlag, unistd::pipe2};
use std::{
    io,
    os::fd::OwnedFd,
    sync::{Mutex, PoisonError},
};

/// Pipes that are kept.
const KEPT: usize = 64;

/// Empty pipes that nobody uses.
static FREE: Mutex<Vec<Ends>> = Mutex::new(Vec::new());

struct Ends {
    exit: OwnedFd,
    entry: OwnedFd,
}

/// A pipe in use. Dropping it ends it: what is left in it was for a connection that is over.
pub(super) struct Pipe {
    ends: Ends,
    held: usize,
}

impl Pipe {
    /// What a pipe holds that nobody made larger, bytes (pipe(7)).
    pub(super) const CAPACITY: usize = 64 << 10;

    pub(super) fn take() -> io::Result<Self> {
        let kept = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let ends = match kept {
            Some(ends) => ends,
            None => {
                let (exit, entry) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
                Ends { exit, entry }
            }
        };
        Ok(Self { ends, held: 0 })
    }

    pub(super) const fn entry(&self) -> &OwnedFd {
        &self.ends.entry
    }

    pub(super) const fn exit(&self) -> &OwnedFd {
        &self.ends.exit
    }

    /// Bytes in it.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    pub(super) const fn holds(&mut self, bytes: usize) {
        self.held = bytes;
    }

    pub(super) const fn gave(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Gives it back, empty.
    pub(super) fn give(self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if self.held == 0 && free.len() < KEPT {
            free.push(self.ends);
        }
    }
}
