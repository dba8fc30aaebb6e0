//! clone3(2): a child in new namespaces and in its own cgroup from its first instruction on.
#![expect(unsafe_code, reason = "clone3 has no wrapper, and a fork is unsafe by nature")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::{errno::Errno, unistd::Pid};

/// linux/sched.h; libc's constant does not fit its type.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Which side of the clone this is.
pub(crate) enum Cloned {
    /// The new process.
    Child,
    /// The caller, with the child's process id and a descriptor for it.
    Parent { child: Pid, pidfd: OwnedFd },
}

/// Whose child a clone is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Of {
    /// This process's.
    Caller,
    /// This process's parent's.
    Parent,
}

/// Clones this process with the `CLONE_NEW*` of `namespaces`, inside `cgroup` when one is given.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`, `EBUSY` for a cgroup that may not hold processes, `EAGAIN` at a process limit.
///
/// # Panics
/// When the process has more than one thread: the child would inherit locks that nobody releases.
pub(crate) fn clone(namespaces: u64, cgroup: Option<BorrowedFd<'_>>, of: Of) -> nix::Result<Cloned> {
    assert!(is_single_threaded(), "a container can only be cloned from a single-threaded process");
    // A child of the parent's signals as this process does.
    let (parent, exit_signal) = match of {
        Of::Caller => (0, libc::SIGCHLD as u64),
        Of::Parent => (libc::CLONE_PARENT as u64, 0),
    };
    let mut pidfd: libc::c_int = -1;
    let mut arguments = libc::clone_args {
        flags: namespaces | parent | libc::CLONE_PIDFD as u64 | cgroup.map_or(0, |_| CLONE_INTO_CGROUP),
        pidfd: &raw mut pidfd as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: cgroup.map_or(0, |cgroup| u64::from(cgroup.as_raw_fd().unsigned_abs())),
    };
    // SAFETY: without CLONE_VM and without a stack this is a fork: the child gets a copy of the address space. The
    // process has one thread (asserted above), so that no lock, the allocator's included, is held by another.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    match Errno::result(result)? {
        0 => Ok(Cloned::Child),
        child => {
            let child = Pid::from_raw(i32::try_from(child).map_err(|_| Errno::EOVERFLOW)?);
            // SAFETY: with CLONE_PIDFD the kernel has stored a descriptor that is ours alone.
            Ok(Cloned::Parent { child, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })
        }
    }
}

/// A directory's link count is 2 plus its subdirectories; `task` has one per thread.
fn is_single_threaded() -> bool {
    nix::sys::stat::stat("/proc/self/task").is_ok_and(|task| task.st_nlink == 3)
}
