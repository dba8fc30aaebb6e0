//! From a process that is in the container to the program it becomes: streams, user, working directory, exec. A
//! container's init and what is executed beside it go the same way.

use std::{
    convert::Infallible,
    ffi::CString,
    fs::File,
    io::Read,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::{
        prctl,
        stat::{Mode, SFlag},
    },
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use oci_spec::runtime::Process;

use super::{
    capabilities::Granted,
    channel::ChildEnd,
    executable, identity, limits,
    mounts::file_type,
    rooted::{RootDir, cleaned},
    terminal::{self, Terminal},
};
use crate::{
    failure::{Context, Failure, FailureKind, words},
    seccomp::{self, Filter},
};

/// An /etc/passwd beyond this is not read further: it only costs a home directory.
const MAX_PASSWD: u64 = 1024 * 1024;

/// Where the standard streams of a process go.
pub(crate) enum Streams {
    /// Wherever the creating process's go.
    Inherited,
    /// To these.
    Given { input: OwnedFd, output: OwnedFd, error: OwnedFd },
    /// To a terminal of the container.
    Terminal,
}

/// A process of a container, as its specification has it.
pub(super) struct Program<'a> {
    pub(super) process: &'a Process,
    pub(super) granted: &'a Granted,
}

/// What is left to do once the process may start.
pub(super) struct Prepared {
    program: PathBuf,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program<'_> {
    /// Connects the standard streams; the controlling end of a terminal goes over `channel`.
    pub(super) fn connect(
        &self,
        streams: &Streams,
        terminal: Option<Terminal>,
        channel: &ChildEnd,
    ) -> Result<(), Failure> {
        let connected = match (streams, &terminal) {
            (_, Some(Terminal { controller, peer })) => {
                channel.terminal(controller)?;
                terminal::take_control(peer).context("take control of the terminal")?;
                connect(peer, peer, peer)
            }
            (Streams::Given { input, output, error }, None) => connect(input, output, error),
            (Streams::Inherited | Streams::Terminal, None) => Ok(()),
        };
        connected.context("connect the standard streams")?;
        identity::own_streams(self.process.user())
    }

    /// Becomes the process's user in its working directory, and finds its program there.
    pub(super) fn prepare(&self, root: &RootDir) -> Result<Prepared, Failure> {
        let process = self.process;
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
        identity::assume(process.user(), self.granted)?;
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
}

impl Prepared {
    /// Becomes the program.
    ///
    /// # Errors
    /// What the kernel said; `NotFound` for a script whose interpreter is missing, `NotExecutable` for what is no program.
    pub(super) fn execute(&self, filter: Option<&Filter>, granted: Granted) -> Result<Infallible, Failure> {
        let program = self.program.display();
        let path = CString::new(self.program.as_os_str().as_bytes()).context(format_args!("exec {program}"))?;
        if let Some(filter) = filter {
            seccomp::install(filter).context(format_args!("exec {program}: install the seccomp filter"))?;
        }
        granted.settle().context(format_args!("exec {program}: set capabilities"))?;
        nix::unistd::execve(&path, &self.arguments, &self.environment).map_err(|errno| {
            let kind = if errno == Errno::ENOENT { FailureKind::NotFound } else { FailureKind::NotExecutable };
            Failure::new(kind, format!("exec {program}: {}", words(errno)))
        })
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
