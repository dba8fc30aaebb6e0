//! The QEMU process: it dies with us, and its end is noticed once.

#![allow(unsafe_code, reason = "asking the kernel to kill the child with us is done between fork and exec")]

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getpid, getppid};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot;

/// A process that lives no longer than this one.
pub(crate) struct Process {
    pid: u32,
    child: Arc<Mutex<Option<Child>>>,
}

impl Process {
    /// Starts `command`. The receiver gets its end.
    pub(crate) async fn spawn(command: Command) -> io::Result<(Self, oneshot::Receiver<io::Result<ExitStatus>>)> {
        let (started, starting) = oneshot::channel();
        let (ended, ending) = oneshot::channel();
        // The kernel kills the child when the thread that made it ends, not when the process does. So that thread
        // stays as long as the child, and it has something to do: it waits for it.
        thread::Builder::new().name("qemu-owner".into()).spawn(move || own(command, started, ended))?;
        let gone = || io::Error::other("the thread that starts QEMU ended");
        let process = starting.await.map_err(|_| gone())??;
        Ok((process, ending))
    }

    /// Its id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        lock(&self.child).as_ref().map(|_| self.pid)
    }

    /// Kills it, if it still runs.
    pub(crate) fn kill(&self) {
        if let Some(child) = lock(&self.child).as_mut()
            && let Err(error) = child.kill()
        {
            tracing::warn!(%error, pid = self.pid, "QEMU could not be killed");
        }
    }
}

fn own(
    mut command: Command,
    started: oneshot::Sender<io::Result<Process>>,
    ended: oneshot::Sender<io::Result<ExitStatus>>,
) {
    let parent = getpid();
    // SAFETY: only system calls that are safe between fork and exec are made, and nothing is allocated.
    unsafe { command.pre_exec(move || die_with(parent)) };
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return drop(started.send(Err(error))),
    };
    let pid = child.id();
    let child = Arc::new(Mutex::new(Some(child)));
    // When nobody waits for the start any more, the boot was given up.
    if let Err(Ok(process)) = started.send(Ok(Process { pid, child: Arc::clone(&child) })) {
        process.kill();
    }
    // Looks without reaping, so that a kill that comes now meets this process and no other with its number.
    let waited = wait_without_reaping(pid);
    let mut slot = lock(&child);
    let status = waited.and_then(|()| slot.as_mut().map_or_else(|| Err(io::ErrorKind::NotFound.into()), Child::wait));
    *slot = None;
    drop(slot);
    drop(ended.send(status));
}

fn die_with(parent: Pid) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    // It may have died before the line above.
    if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}

fn wait_without_reaping(pid: u32) -> io::Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?);
    loop {
        match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn lock(child: &Mutex<Option<Child>>) -> MutexGuard<'_, Option<Child>> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[tokio::test]
    async fn an_end_and_a_kill_are_noticed() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]);
        let (process, ended) = Process::spawn(command).await.unwrap();
        assert_eq!(ended.await.unwrap().unwrap().code(), Some(3));
        assert_eq!(process.pid(), None);
        process.kill();

        let mut command = Command::new("sleep");
        command.arg("1000");
        let (process, ended) = Process::spawn(command).await.unwrap();
        assert!(process.pid().is_some());
        process.kill();
        assert_eq!(ended.await.unwrap().unwrap().signal(), Some(9));
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_an_error() {
        let Err(error) = Process::spawn(Command::new("/no/such/program")).await else { panic!("started") };
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
