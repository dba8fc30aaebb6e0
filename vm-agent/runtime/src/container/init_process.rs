//! A container's first process, recognised again by its id and the time it was started at.

use std::{fs, os::fd::OwnedFd};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Context, Failure},
    kernel::process::open_pidfd,
};

/// A process id alone could have been given to another process since.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitProcess {
    pid: i32,
    /// Clock ticks since boot, proc_pid_stat(5).
    start_time: u64,
}

impl InitProcess {
    /// The process `pid`, which must be running.
    pub(crate) fn of(pid: Pid) -> Result<Self, Failure> {
        let (_, start_time) = look_up(pid.as_raw()).ok_or_else(|| Failure::other(format!("process {pid} is gone")))?;
        Ok(Self { pid: pid.as_raw(), start_time })
    }

    /// Its process id as the host sees it.
    pub(crate) fn pid(self) -> Pid {
        Pid::from_raw(self.pid)
    }

    /// Whether it still runs; a zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        look_up(self.pid).is_some_and(|(state, start_time)| start_time == self.start_time && !b"ZXx".contains(&state))
    }

    /// A descriptor for it, `None` once it has ended.
    pub(crate) fn open(self) -> Result<Option<OwnedFd>, Failure> {
        let pidfd = match open_pidfd(self.pid()) {
            Err(Errno::ESRCH) => return Ok(None),
            result => result.context("open the container's init")?,
        };
        // Looked at after the opening: what is alive now is what the descriptor refers to.
        Ok(self.is_alive().then_some(pidfd))
    }
}

/// Waits until the process behind `pidfd` has ended, at most `limit` milliseconds.
pub(crate) fn wait_for_end(pidfd: &OwnedFd, limit: u16) -> Result<bool, Failure> {
    use std::os::fd::AsFd;
    let mut events = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut events, PollTimeout::from(limit)) {
            Err(Errno::EINTR) => {}
            result => return result.context("wait for the container's init").map(|ready| ready > 0),
        }
    }
}

/// State letter and start time of process `pid`, fields 3 and 22 of its `stat`.
fn look_up(pid: i32) -> Option<(u8, u64)> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(stat: &[u8]) -> Option<(u8, u64)> {
    // Field 2 is the program's name in parentheses, which may itself hold anything.
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end_of_name + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_hides_nothing() {
        let stat = b"12 (a) Z 1) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        assert_eq!(parse(stat), Some((b'S', 4711)));
        assert_eq!(parse(b"12 (a"), None);
        assert_eq!(parse(b"12 (a) S 1"), None);
    }

    #[test]
    fn another_process_of_the_same_id_is_not_ours() {
        let own = InitProcess::of(nix::unistd::getpid()).unwrap();
        assert!(own.is_alive());
        let earlier = InitProcess { start_time: own.start_time - 1, ..own };
        assert!(!earlier.is_alive());
        assert!(earlier.open().unwrap().is_none());
    }

    #[test]
    fn the_end_of_a_process_is_noticed() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = InitProcess::of(Pid::from_raw(child.id().try_into().unwrap())).unwrap();
        let pidfd = process.open().unwrap().unwrap();
        assert!(!wait_for_end(&pidfd, 1).unwrap());
        child.kill().unwrap();
        assert!(wait_for_end(&pidfd, 60_000).unwrap());
        assert!(!process.is_alive());
        child.wait().unwrap();
        assert!(process.open().unwrap().is_none());
    }
}
