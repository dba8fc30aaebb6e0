//! Work in the network namespace of another process.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::thread::JoinHandle;

/// Runs `work` on a thread of its own in the network of process `pid`; a namespace belongs to a thread.
///
/// # Panics
/// When the namespace cannot be entered; it takes root.
pub fn inside<T: Send + 'static>(pid: u32, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let namespace = File::open(format!("/proc/{pid}/ns/net")).expect("a network namespace");
    std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("the namespace is entered by root");
        work()
    })
}
