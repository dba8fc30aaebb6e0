//! The steps of a container's init, in the order that makes each of them safe.

use std::{
    io::Write,
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
};

use nix::{
    errno::Errno,
    sched::CloneFlags,
    sys::{prctl, signal::Signal},
    unistd::{Gid, Uid, setresgid, setresuid},
};
use oci_spec::runtime::{Linux, Process};

use super::{
    capabilities::Granted,
    channel::ChildEnd,
    devices::{self, Origin, open_null},
    identity, masks, mounts,
    namespaces::Namespaces,
    program::{Prepared, Program, Streams},
    rooted::{RootDir, cleaned},
    rootfs,
    sources::{Source, Sources},
    sysctl::{self, HostProc},
    terminal::Terminal,
};
use crate::{
    bundle::Bundle,
    failure::{Context, Failure},
    kernel::process::{close_on_exec_from, exit_now, reset_signals},
    seccomp::Filter,
};

/// As docker: the status of a container whose program the kernel would not execute.
const NOT_EXECUTED: libc::c_int = 255;

/// Everything an init needs, prepared before the clone.
pub(crate) struct Init<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) namespaces: &'a Namespaces,
    pub(crate) filter: Option<Filter>,
    pub(crate) granted: Granted,
    pub(crate) proc: &'a HostProc,
    pub(crate) channel: ChildEnd,
    /// Readable once the container is to start.
    pub(crate) gate: &'a OwnedFd,
    pub(crate) streams: Streams,
    pub(crate) sources: Option<Sources>,
}

impl Init<'_> {
    /// Runs the init; to be called in the cloned child only.
    pub(crate) fn run(mut self) -> ! {
        // A panic must not unwind into the parent's code, of which this process is a copy.
        let result = catch_unwind(AssertUnwindSafe(|| self.set_up()));
        match result {
            Ok(Ok(prepared)) => self.start(&prepared),
            Ok(Err(failure)) => self.channel.failed(&failure),
            Err(_) => self.channel.failed(&Failure::other("the container's init panicked")),
        }
        exit_now(1)
    }

    fn set_up(&mut self) -> Result<Prepared, Failure> {
        prctl::set_pdeathsig(Signal::SIGKILL).context("bind to the creating process")?;
        // Nobody in a joined namespace may look into this process, which still holds the host's descriptors.
        prctl::set_dumpable(false).context("protect the container's init")?;
        reset_signals().context("reset signals")?;
        self.channel.wait()?;
        let sources = self.sources.take().ok_or_else(|| Failure::other("the bundle's sources were not opened"))?;
        let shares = sources.are_shared(self.namespaces);
        // As who made it: the container's root need not be able to walk to where its files are.
        let root = rootfs::enter(&self.bundle.rootfs, sources.root)?.sharing(shares);
        if self.namespaces.separates(CloneFlags::CLONE_NEWUSER) {
            let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
            setresgid(gid, gid, gid).context("become the container's root group")?;
            setresuid(uid, uid, uid).context("become the container's root")?;
        }
        self.namespaces.join_after_clone()?;
        nix::unistd::setsid().context("begin a session")?;
        identity::join_new_keyring()?;

        self.furnish(&root, &sources.mounts)?;
        let terminal = match self.streams {
            Streams::Terminal => Some(Terminal::open(&root, self.process()?.console_size())?),
            _ => None,
        };
        if let Some(terminal) = &terminal {
            terminal.show_as_console(&root)?;
        }
        self.hide_and_protect(&root)?;
        rootfs::pivot(&root)?;
        self.name()?;
        if let Some(parameters) = self.linux()?.sysctl() {
            sysctl::apply(parameters, self.proc)?;
        }
        let program = self.program()?;
        program.connect(&self.streams, terminal, &self.channel)?;
        let prepared = program.prepare(&root)?;
        close_on_exec_from(3).context("close descriptors")?;
        prctl::set_pdeathsig(None::<Signal>).context("let go of the creating process")?;
        self.channel.ready()?;
        Ok(prepared)
    }

    fn furnish(&self, root: &RootDir, sources: &[Source]) -> Result<(), Failure> {
        let mounts = self.bundle.spec.mounts().as_deref().unwrap_or_default();
        mounts::mount_all(root, mounts, sources)?;
        let origin = if self.namespaces.separates(CloneFlags::CLONE_NEWUSER) { Origin::Bound } else { Origin::Made };
        devices::populate(root, mounts, self.linux()?.devices().as_deref().unwrap_or_default(), origin)?;
        let directory = cleaned(self.process()?.cwd());
        root.make_directory(&directory).context(format_args!("working directory {}", directory.display())).map(drop)
    }

    fn hide_and_protect(&self, root: &RootDir) -> Result<(), Failure> {
        let linux = self.linux()?;
        // Read-only before hidden: a copy made read-only later would show again what a mask inside it hides.
        masks::protect(root, linux.readonly_paths().as_deref().unwrap_or_default())?;
        masks::mask(root, linux.masked_paths().as_deref().unwrap_or_default(), &open_null()?)?;
        if let Some(kind) = linux.rootfs_propagation().as_deref().filter(|kind| !kind.is_empty()) {
            rootfs::propagate(root, kind)?;
        }
        if self.bundle.spec.root().as_ref().and_then(oci_spec::runtime::Root::readonly).unwrap_or(false) {
            rootfs::make_read_only(root)?;
        }
        Ok(())
    }

    fn name(&self) -> Result<(), Failure> {
        if let Some(name) = self.bundle.spec.hostname().as_deref().filter(|name| !name.is_empty()) {
            nix::unistd::sethostname(name).context("set the host name")?;
        }
        if let Some(name) = self.bundle.spec.domainname().as_deref().filter(|name| !name.is_empty()) {
            identity::set_domain_name(name).context("set the domain name")?;
        }
        Ok(())
    }

    /// Waits to be started, and becomes the container's program.
    fn start(&self, prepared: &Prepared) {
        let mut byte = [0];
        while nix::unistd::read(self.gate, &mut byte) == Err(Errno::EINTR) {}
        let Err(error) = prepared.execute(self.filter.as_ref(), self.granted);
        // The container is started: what it says now goes where its output goes, as with runc.
        writeln!(std::io::stderr(), "{error}").ok();
        exit_now(NOT_EXECUTED)
    }

    fn program(&self) -> Result<Program<'_>, Failure> {
        Ok(Program { process: self.process()?, granted: &self.granted })
    }

    fn process(&self) -> Result<&Process, Failure> {
        self.bundle.process()
    }

    fn linux(&self) -> Result<&Linux, Failure> {
        self.bundle.linux()
    }
}
