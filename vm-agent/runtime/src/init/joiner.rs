//! A process that joins a container which runs already, up to the exec of its program.
//!
//! From its first instruction on, those in the container can see it: it is cloned into their pid namespace by a process
//! that is not dumpable, and closes what it holds of the host before it does anything else (CVE-2016-9962).

use std::{
    os::fd::{AsRawFd, OwnedFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sched::{CloneFlags, setns},
    sys::{prctl, signal::Signal, stat::Mode},
    unistd::{Gid, Uid, setresgid, setresuid},
};
use oci_spec::runtime::Process;

use super::{
    capabilities::Granted,
    channel::ChildEnd,
    identity,
    program::{Prepared, Program, Streams},
    rooted::RootDir,
    terminal::Terminal,
};
use crate::{
    failure::{Context, Failure},
    kernel::process::{close_all_but, close_on_exec_from, exit_now, reset_signals},
    seccomp::Filter,
};

/// Everything such a process needs, prepared before the clone.
pub(crate) struct Joiner<'a> {
    pub(crate) process: &'a Process,
    /// The container's init.
    pub(crate) init: &'a OwnedFd,
    /// The namespaces to join, without pid: it is born into that one.
    pub(crate) namespaces: CloneFlags,
    pub(crate) filter: Option<Filter>,
    pub(crate) granted: Granted,
    pub(crate) channel: ChildEnd,
    /// Readable once the program is to run; at its end when nobody is left to say so.
    pub(crate) gate: OwnedFd,
    pub(crate) streams: Streams,
}

impl Joiner<'_> {
    /// Runs it; to be called in the cloned child only.
    pub(crate) fn run(self) -> ! {
        // A panic must not unwind into the parent's code, of which this process is a copy.
        let result = catch_unwind(AssertUnwindSafe(|| self.join()));
        match result {
            Ok(Ok(prepared)) => self.start(&prepared),
            Ok(Err(failure)) => self.channel.failed(&failure),
            Err(_) => self.channel.failed(&Failure::other("the process panicked while it joined the container")),
        }
        exit_now(1)
    }

    fn join(&self) -> Result<Prepared, Failure> {
        prctl::set_pdeathsig(Signal::SIGKILL).context("bind to the creating process")?;
        close_all_but(self.needed()).context("close descriptors")?;
        reset_signals().context("reset signals")?;
        self.channel.wait()?;
        setns(self.init, self.namespaces).context("join the container's namespaces")?;
        if self.namespaces.contains(CloneFlags::CLONE_NEWUSER) {
            let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
            setresgid(gid, gid, gid).context("become the container's root group")?;
            setresuid(uid, uid, uid).context("become the container's root")?;
        }
        // Taking on other ids made it dumpable again.
        prctl::set_dumpable(false).context("protect the process")?;
        nix::unistd::setsid().context("begin a session")?;
        identity::join_new_keyring()?;

        let root = open("/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
        let root = RootDir::new(root.context("open the container's root")?);
        let terminal = match self.streams {
            Streams::Terminal => Some(Terminal::open(&root, self.process.console_size())?),
            _ => None,
        };
        let program = Program { process: self.process, granted: &self.granted };
        program.connect(&self.streams, terminal, &self.channel)?;
        let prepared = program.prepare(&root)?;
        close_on_exec_from(3).context("close descriptors")?;
        prctl::set_pdeathsig(None::<Signal>).context("let go of the creating process")?;
        self.channel.ready()?;
        Ok(prepared)
    }

    fn needed(&self) -> Vec<RawFd> {
        let mut needed = vec![self.init.as_raw_fd(), self.gate.as_raw_fd(), self.channel.as_raw_fd()];
        if let Streams::Given { input, output, error } = &self.streams {
            needed.extend([input.as_raw_fd(), output.as_raw_fd(), error.as_raw_fd()]);
        }
        needed
    }

    /// Waits to be let go, and becomes the program.
    fn start(&self, prepared: &Prepared) {
        let mut byte = [0];
        let read = loop {
            match nix::unistd::read(&self.gate, &mut byte) {
                Err(Errno::EINTR) => {}
                result => break result,
            }
        };
        if read != Ok(1) {
            return;
        }
        let Err(failure) = prepared.execute(self.filter.as_ref(), self.granted);
        self.channel.failed(&failure);
    }
}
