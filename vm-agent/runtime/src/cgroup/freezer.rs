//! The freezer (Linux Documentation/admin-guide/cgroup-v2.rst, "cgroup.freeze"): a frozen process does nothing but die.

use std::{
    fs::{self, File},
    io::{Read, Seek},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Cgroup;
use crate::failure::{Context, Failure};

const FREEZE: &str = "cgroup.freeze";
const EVENTS: &str = "cgroup.events";
/// How long the processes may take to stop: one that waits on a device does so first.
const DEADLINE: Duration = Duration::from_secs(10);

impl Cgroup {
    /// Whether every process in it has stopped.
    pub(crate) fn is_frozen(&self) -> bool {
        fs::read_to_string(self.0.join(EVENTS)).is_ok_and(|events| says_frozen(&events))
    }

    /// Stops every process in it and below it, or lets all go on, and waits until that is so.
    ///
    /// # Errors
    /// When it is gone, or a process does not stop in time; everything goes on then.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<(), Failure> {
        let what = if frozen { "freeze" } else { "thaw" };
        self.set_frozen(frozen).context(format_args!("{what} cgroup {}", self.0.display()))?;
        if self.wait_frozen(frozen).context(format_args!("read {EVENTS}"))? {
            return Ok(());
        }
        if frozen {
            // The first error is the one to tell.
            self.set_frozen(false).ok();
        }
        let seconds = DEADLINE.as_secs();
        Err(Failure::other(format!("{what} cgroup {}: it did not within {seconds} seconds", self.0.display())))
    }

    fn set_frozen(&self, frozen: bool) -> std::io::Result<()> {
        fs::write(self.0.join(FREEZE), if frozen { "1" } else { "0" })
    }

    /// The kernel tells a change of the file with POLLPRI.
    fn wait_frozen(&self, frozen: bool) -> std::io::Result<bool> {
        let deadline = Instant::now() + DEADLINE;
        let mut file = File::open(self.0.join(EVENTS))?;
        loop {
            let mut events = String::new();
            file.rewind()?;
            file.read_to_string(&mut events)?;
            if says_frozen(&events) == frozen {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let mut changed = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
            match poll(&mut changed, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

fn says_frozen(events: &str) -> bool {
    events.lines().any(|line| line == "frozen 1")
}
