//! `kill`.

use std::str::FromStr;

use nix::{errno::Errno, sys::signal::Signal};

use super::{id::ContainerId, store::Store};
use crate::{
    cgroup::Cgroup,
    failure::{Context, Failure},
    kernel::process::{open_pidfd, send_signal},
};

/// A signal by number: real-time signals have no name in `nix`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SignalNumber(i32);

impl FromStr for SignalNumber {
    type Err = Failure;

    /// Takes `9`, `KILL`, `SIGKILL` and `RTMIN+3`, in any case.
    fn from_str(text: &str) -> Result<Self, Failure> {
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        let number = match (name.parse::<i32>(), name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
            (Ok(number), _, _) => Some(number),
            (_, Some(offset), _) => relative(libc::SIGRTMIN(), offset),
            (_, _, Some(offset)) => relative(libc::SIGRTMAX(), offset),
            _ => Signal::from_str(&format!("SIG{name}")).ok().map(|signal| signal as i32),
        };
        number
            .filter(|number| (1..=libc::SIGRTMAX()).contains(number))
            .map(Self)
            .ok_or_else(|| Failure::other(format!("invalid signal: {text}")))
    }
}

fn relative(base: i32, offset: &str) -> Option<i32> {
    if offset.is_empty() { Some(base) } else { base.checked_add(offset.parse().ok()?) }
}

/// Sends `signal` to the init of container `id`, or to everything in the container.
///
/// # Errors
/// When there is no such container, or it does not run.
pub(crate) fn kill(store: &Store, id: &ContainerId, signal: SignalNumber, all: bool) -> Result<(), Failure> {
    let record = store.entry(id).record()?;
    if all && let Some(path) = &record.cgroup {
        return kill_all(&Cgroup::at(path)?, signal);
    }
    let not_running = || Failure::other(format!("container {id} is not running"));
    let init = record.init.open()?.ok_or_else(not_running)?;
    match send_signal(&init, signal.0) {
        Err(Errno::ESRCH) => Err(not_running()),
        result => result.context(format_args!("signal container {id}")),
    }
}

fn kill_all(cgroup: &Cgroup, signal: SignalNumber) -> Result<(), Failure> {
    if signal.0 == libc::SIGKILL {
        return cgroup.kill();
    }
    for process in cgroup.processes().context("read the container's processes")? {
        let signalled = open_pidfd(process).and_then(|pidfd| send_signal(&pidfd, signal.0));
        match signalled {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno).context(format_args!("signal process {process}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_go_by_name_and_number() {
        for (text, number) in [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("WINCH", 28), ("RTMIN+3", 37)] {
            assert_eq!(text.parse(), Ok(SignalNumber(number)), "{text}");
        }
        assert_eq!("SIGRTMAX-1".parse(), Ok(SignalNumber(63)));
        for bad in ["", "0", "65", "-9", "SIGNOPE", "RTMIN+99", "SIG"] {
            assert_eq!(bad.parse::<SignalNumber>().unwrap_err().message, format!("invalid signal: {bad}"));
        }
    }
}
