//! Calls about processes and descriptors.
#![expect(unsafe_code, reason = "these calls have no safe wrapper in nix")]

use std::{
    ffi::CString,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

use libc::{c_int, c_uint};
use nix::{
    errno::Errno,
    sys::{
        resource::Resource,
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
    },
    unistd::{ForkResult, Pid},
};

const CLOSE_RANGE_CLOEXEC: c_uint = 1 << 2;
/// `_LINUX_CAPABILITY_VERSION_3`, `linux/capability.h`.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// Capability sets as bit masks, capability number N being bit N.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct CapabilitySets {
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
}

/// Sets all three sets of this thread at once.
pub(crate) fn set_capabilities(sets: CapabilitySets) -> nix::Result<()> {
    let header: [u32; 2] = [CAPABILITY_VERSION, 0];
    let half = |shift: u32| [sets.effective >> shift, sets.permitted >> shift, sets.inheritable >> shift];
    let data: [[u32; 3]; 2] = [half(0).map(|bits| bits as u32), half(32).map(|bits| bits as u32)];
    // SAFETY: version 3 takes a header of two words and two records of three, which live across the call.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: RawFd) -> nix::Result<()> {
    close_range(first, 0)
}

/// Marks every descriptor from `first` on to be closed by the next exec.
pub(crate) fn close_on_exec_from(first: RawFd) -> nix::Result<()> {
    close_range(first, CLOSE_RANGE_CLOEXEC)
}

/// Closes every descriptor from 3 on that is not in `kept`. What owned one of them must not be used or dropped later:
/// this is for a process that ends in an exec.
pub(crate) fn close_all_but(mut kept: Vec<RawFd>) -> nix::Result<()> {
    kept.retain(|descriptor| *descriptor > 2);
    kept.sort_unstable();
    let mut first = 3;
    for descriptor in kept {
        if descriptor > first {
            close_between(first, descriptor - 1, 0)?;
        }
        first = descriptor + 1;
    }
    close_range(first, 0)
}

fn close_range(first: RawFd, flags: c_uint) -> nix::Result<()> {
    close_between(first, RawFd::MAX, flags)
}

fn close_between(first: RawFd, last: RawFd, flags: c_uint) -> nix::Result<()> {
    let bound = |descriptor| c_uint::try_from(descriptor).map_err(|_| Errno::EINVAL);
    let (first, last) = (bound(first)?, bound(last)?);
    // SAFETY: integers only. Callers close nothing they still use through an owning type: see the call sites.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

/// A descriptor for process `pid`.
pub(crate) fn open_pidfd(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: integers only; on success the descriptor returned is ours.
    let raw = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let raw = c_int::try_from(raw).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just returned this descriptor to us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Sends `signal` (a number, real-time ones included) to the process behind `pidfd`.
pub(crate) fn send_signal(pidfd: impl AsFd, signal: c_int) -> nix::Result<()> {
    let pidfd = pidfd.as_fd().as_raw_fd();
    // SAFETY: a null siginfo asks the kernel to fill in one as kill(2) would.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, ptr::null::<libc::siginfo_t>(), 0) };
    Errno::result(result).map(drop)
}

/// Executes the file behind `program` (not a script) with `arguments` and this process's environment.
pub(crate) fn execute_descriptor(program: impl AsFd, arguments: &[CString], environment: &[CString]) -> Errno {
    match nix::unistd::execveat(program, c"", arguments, environment, nix::fcntl::AtFlags::AT_EMPTY_PATH) {
        Err(errno) => errno,
    }
}

/// Gives every signal its default action and unblocks all: the Rust runtime ignores SIGPIPE, and an ignored or blocked
/// signal would stay so across exec.
pub(crate) fn reset_signals() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: the default action runs no code of this process.
        unsafe { sigaction(signal, &default) }?;
    }
    SigSet::empty().thread_set_mask()
}

/// Forks this process, which has one thread. (Not by clone3(2), which a container's seccomp filter may refuse.)
pub(crate) fn fork() -> nix::Result<ForkResult> {
    // SAFETY: this program never has a second thread, so that no lock is held by another in the child's copy.
    unsafe { nix::unistd::fork() }
}

/// Waits for one of `signals`, which have to be blocked: its number, real-time ones included.
pub(crate) fn wait_for_signal(signals: &SigSet) -> nix::Result<c_int> {
    loop {
        // SAFETY: `signals` lives across the call, and nothing is to be told about the signal but its number.
        match Errno::result(unsafe { libc::sigwaitinfo(signals.as_ref(), ptr::null_mut()) }) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// Sends `signal` by number to a child of this process.
pub(crate) fn signal_process(child: Pid, signal: c_int) -> nix::Result<()> {
    // SAFETY: integers only.
    Errno::result(unsafe { libc::kill(child.as_raw(), signal) }).map(drop)
}

/// Sets the soft and the hard limit of another process.
pub(crate) fn set_limits_of(pid: Pid, resource: Resource, soft: u64, hard: u64) -> nix::Result<()> {
    let limits = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `limits` lives across the call, and the old ones are not asked for.
    Errno::result(unsafe { libc::prlimit64(pid.as_raw(), resource as _, &raw const limits, ptr::null_mut()) }).map(drop)
}

/// Ends this process at once, without the exit handlers it shares with its parent's memory image.
pub(crate) fn exit_now(code: c_int) -> ! {
    // SAFETY: `_exit` only ends the process.
    unsafe { libc::_exit(code) }
}
