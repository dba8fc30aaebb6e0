//! The least that a container's start can cost: clone into new namespaces, a proc mount, a changed root, an exec.
#![expect(unsafe_code, reason = "clone3 has no wrapper, and a fork is unsafe by nature")]

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, chdir, execve, pivot_root};
use std::ffi::CStr;
use std::fs::File;
use std::path::Path;

/// Runs the program `true` below `rootfs`, in the network namespace `net`, to its end. For a process with one thread.
pub(crate) fn run(rootfs: &Path, net: &File) {
    let kinds = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWCGROUP;
    // SAFETY: all of its fields are integers for which zero means "nothing asked for".
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = u64::from(kinds.bits().unsigned_abs());
    arguments.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    // SAFETY: without CLONE_VM this is a fork of a process with one thread: no lock is held by another.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    if pid == 0 {
        let failed = become_true(rootfs, net);
        eprintln!("the limit's child failed: {failed}");
        // SAFETY: it only ends this process, without the exit handlers that belong to the parent.
        unsafe { libc::_exit(1) };
    }
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process id"));
    assert_eq!(waitpid(pid, None), Ok(WaitStatus::Exited(pid, 0)));
}

fn become_true(rootfs: &Path, net: &File) -> nix::Error {
    let enter = || {
        setns(net, CloneFlags::CLONE_NEWNET)?;
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        mount(Some(rootfs), rootfs, none, MsFlags::MS_BIND, none)?;
        chdir(rootfs)?;
        mount(Some("proc"), "proc", Some("proc"), MsFlags::empty(), none)?;
        pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        execve::<&CStr, &CStr>(c"/bin/true", &[c"true"], &[])
    };
    enter().expect_err("exec does not return")
}
