//! The steps of a container's init, in the order that makes each of them safe.

use std::{
    convert::Infallible,
    ffi::CString,
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sched::CloneFlags,
    sys::{
        prctl,
        signal::Signal,
        stat::{Mode, SFlag},
    },
    unistd::{Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, setresgid, setresuid},
};
use oci_spec::runtime::{Linux, Process};

use super::{
    capabilities::Granted,
    channel::ChildEnd,
    devices::{self, Origin, open_null},
    executable, identity, limits, masks,
    mounts::{self, file_type},
    namespaces::Namespaces,
    rooted::{RootDir, cleaned},
    rootfs,
    sysctl::{self, HostProc},
    terminal::{self, Terminal},
};
use crate::{
    bundle::Bundle,
    failure::{Context, Failure, words},
    kernel::process::{close_on_exec_from, exit_now, reset_signals},
    seccomp::{self, Filter},
};

/// As docker: the status of a container whose program the kernel would not execute.
const NOT_EXECUTED: libc::c_int = 255;
/// An /etc/passwd beyond this is not read further: it only costs a home directory.
const MAX_PASSWD: u64 = 1024 * 1024;

/// Where the container's standard streams go.
pub(crate) enum Streams {
    /// Wherever the creating process's go.
    Inherited,
    /// To these.
    Given { input: OwnedFd, output: OwnedFd, error: OwnedFd },
    /// To a terminal of the container.
    Terminal,
}

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
}

/// What is left to do once the container is started.
struct Prepared {
    program: PathBuf,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Init<'_> {
    /// Runs the init; to be called in the cloned child only.
    pub(crate) fn run(self) -> ! {
        // A panic must not unwind into the parent's code, of which this process is a copy.
        let result = catch_unwind(AssertUnwindSafe(|| self.set_up()));
        match result {
            Ok(Ok(prepared)) => self.start(&prepared),
            Ok(Err(failure)) => self.channel.failed(&failure),
            Err(_) => self.channel.failed(&Failure::other("the container's init panicked")),
        }
        exit_now(1)
    }

    fn set_up(&self) -> Result<Prepared, Failure> {
        prctl::set_pdeathsig(Signal::SIGKILL).context("bind to the creating process")?;
        // Nobody in a joined namespace may look into this process, which still holds the host's descriptors.
        prctl::set_dumpable(false).context("protect the container's init")?;
        reset_signals().context("reset signals")?;
        self.channel.wait()?;
        if self.namespaces.creates(CloneFlags::CLONE_NEWUSER) {
            let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
            setresgid(gid, gid, gid).context("become the container's root group")?;
            setresuid(uid, uid, uid).context("become the container's root")?;
        }
        self.namespaces.join_after_clone()?;
        nix::unistd::setsid().context("begin a session")?;
        identity::join_new_keyring()?;

        let root = self.build_root()?;
        let terminal = match self.streams {
            Streams::Terminal => Some(Terminal::open(&root, self.process()?.console_size())?),
            _ => None,
        };
        self.hide_and_protect(&root)?;
        rootfs::pivot(&root)?;
        self.name()?;
        if let Some(parameters) = self.linux()?.sysctl() {
            sysctl::apply(parameters, self.proc)?;
        }
        self.connect_streams(terminal)?;
        let prepared = self.become_user(&root)?;
        close_on_exec_from(3).context("close descriptors")?;
        prctl::set_pdeathsig(None::<Signal>).context("let go of the creating process")?;
        self.channel.ready()?;
        Ok(prepared)
    }

    fn build_root(&self) -> Result<RootDir, Failure> {
        let spec = &self.bundle.spec;
        let root = rootfs::enter(&self.bundle.rootfs)?;
        let mounts = spec.mounts().as_deref().unwrap_or_default();
        mounts::mount_all(&root, mounts, &self.bundle.directory)?;
        let origin = if self.namespaces.separates(CloneFlags::CLONE_NEWUSER) { Origin::Bound } else { Origin::Made };
        devices::populate(&root, mounts, self.linux()?.devices().as_deref().unwrap_or_default(), origin)?;
        let directory = cleaned(self.process()?.cwd());
        root.make_directory(&directory).context(format_args!("working directory {}", directory.display()))?;
        Ok(root)
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

    fn connect_streams(&self, terminal: Option<Terminal>) -> Result<(), Failure> {
        let connected = match (&self.streams, &terminal) {
            (_, Some(Terminal { controller, peer })) => {
                self.channel.terminal(controller)?;
                terminal::take_control(peer).context("take control of the terminal")?;
                connect(peer, peer, peer)
            }
            (Streams::Given { input, output, error }, None) => connect(input, output, error),
            (Streams::Inherited | Streams::Terminal, None) => Ok(()),
        };
        connected.context("connect the standard streams")?;
        identity::own_streams(self.process()?.user())
    }

    fn become_user(&self, root: &RootDir) -> Result<Prepared, Failure> {
        let process = self.process()?;
        let mut environment = process.env().clone().unwrap_or_default();
        if executable::variable(&environment, "HOME").is_none() {
            let passwd = read_passwd(root).unwrap_or_default();
            let home = executable::home(&passwd, process.user().uid());
            environment.push(format!("HOME={}", home.display()));
        }
        limits::apply(process.rlimits().as_deref().unwrap_or_default())?;
        if process.no_new_privileges().unwrap_or(false) {
            prctl::set_no_new_privs().context("set no_new_privs")?;
        }
        identity::assume(process.user(), &self.granted)?;
        let mask = process.user().umask().unwrap_or(0o022);
        nix::sys::stat::umask(Mode::from_bits_truncate(mask));
        enter_working_directory(root, process.cwd())?;
        let arguments = process.args().as_deref().unwrap_or_default();
        let name = arguments.first().ok_or_else(|| Failure::other("process.args is empty; name a program to run"))?;
        Ok(Prepared {
            program: executable::find(name, executable::variable(&environment, "PATH"))?,
            arguments: c_strings(arguments).context("process.args")?,
            environment: c_strings(&environment).context("process.env")?,
        })
    }

    /// Waits to be started, and becomes the container's program.
    fn start(&self, prepared: &Prepared) {
        let mut byte = [0];
        while nix::unistd::read(self.gate, &mut byte) == Err(Errno::EINTR) {}
        let program = prepared.program.display();
        let Err(error) = self.execute(prepared);
        // The container is started: what it says now goes where its output goes, as with runc.
        writeln!(std::io::stderr(), "exec {program}: {error}").ok();
        exit_now(NOT_EXECUTED)
    }

    fn execute(&self, prepared: &Prepared) -> Result<Infallible, String> {
        let program = CString::new(prepared.program.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        if let Some(filter) = &self.filter {
            seccomp::install(filter).map_err(|errno| format!("install the seccomp filter: {}", words(errno)))?;
        }
        self.granted.settle().map_err(|errno| format!("set capabilities: {}", words(errno)))?;
        nix::unistd::execve(&program, &prepared.arguments, &prepared.environment).map_err(words)
    }

    fn process(&self) -> Result<&Process, Failure> {
        self.bundle.process()
    }

    fn linux(&self) -> Result<&Linux, Failure> {
        self.bundle.linux()
    }
}

fn connect(input: impl AsFd, output: impl AsFd, error: impl AsFd) -> nix::Result<()> {
    dup2_stdin(input)?;
    dup2_stdout(output)?;
    dup2_stderr(error)
}

/// Changes into `path` as the container's user. Neither a link into `/proc/*/fd` nor anything else leads outside: what
/// the kernel cannot name below the root is refused (CVE-2024-21626).
fn enter_working_directory(root: &RootDir, path: &Path) -> Result<(), Failure> {
    let what = format!("chdir to cwd ({:?}) set in config.json", path.display().to_string());
    let directory = root.open(&cleaned(path), OFlag::O_PATH | OFlag::O_DIRECTORY).context(&what)?;
    nix::unistd::fchdir(directory).context(&what)?;
    match nix::unistd::getcwd() {
        Ok(current) if current.is_absolute() => Ok(()),
        Ok(_) | Err(Errno::ENOENT) => Err(Failure::other(format!("{what}: it lies outside of the container"))),
        Err(errno) => Err(errno).context(what),
    }
}

fn read_passwd(root: &RootDir) -> Result<Vec<u8>, Failure> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = root.open(Path::new("/etc/passwd"), flags).context("open /etc/passwd")?;
    if file_type(&file)? != SFlag::S_IFREG {
        return Err(Failure::other("/etc/passwd is not a file"));
    }
    let mut text = Vec::new();
    File::from(file).take(MAX_PASSWD).read_to_end(&mut text).context("read /etc/passwd")?;
    Ok(text)
}

fn c_strings(texts: &[String]) -> Result<Vec<CString>, std::ffi::NulError> {
    texts.iter().map(|text| CString::new(text.as_bytes())).collect()
}
