//! A small init (`docker run --init`): PID 1 of a container under the name `docker-init`. It starts the container's
//! program, forwards signals to it, reaps what nobody else does, and ends as the program ends.

use std::{
    ffi::{CString, OsString},
    io::Write,
    os::unix::ffi::OsStringExt,
    path::Path,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, execvp, setpgid, tcsetpgrp},
};

use crate::{
    failure::words,
    kernel::process::{exit_now, fork, reset_signals, signal_process, wait_for_signal},
};

/// The file name this program has when it is a container's init; docker's, which tools look for.
const NAME: &str = "docker-init";
/// As a shell's: the program is not there, or is none.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;
/// A program that was ended by signal N leaves this and N, as a shell has it.
const BY_SIGNAL: i32 = 128;

/// Whether this program was executed as a container's init.
pub(crate) fn is_asked_for(argument_zero: Option<&OsString>) -> bool {
    argument_zero.and_then(|path| Path::new(path).file_name()).is_some_and(|name| name == NAME)
}

/// Runs the program that `arguments` name (after an optional `--`) to its end: its exit code.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> i32 {
    let mut words: Vec<OsString> = arguments.collect();
    if words.first().is_some_and(|word| word == "--") {
        words.remove(0);
    }
    let words: Result<Vec<CString>, _> = words.into_iter().map(|word| CString::new(word.into_vec())).collect();
    match words {
        Ok(words) if !words.is_empty() => supervise(&words).unwrap_or_else(|errno| complain("run", errno, 1)),
        _ => complain("start: name a program after --", Errno::EINVAL, 1),
    }
}

fn supervise(words: &[CString]) -> nix::Result<i32> {
    // A signal that is blocked waits, while PID 1 would never see one without a handler.
    SigSet::all().thread_block()?;
    match fork()? {
        ForkResult::Child => exit_now(become_program(words)),
        ForkResult::Parent { child } => loop {
            let signal = wait_for_signal(&SigSet::all())?;
            match Signal::try_from(signal) {
                Ok(Signal::SIGCHLD) => {
                    if let Some(code) = reap(child)? {
                        return Ok(code);
                    }
                }
                // The terminal is the program's; these are about this process's own attempts on it.
                Ok(Signal::SIGTTIN | Signal::SIGTTOU) => {}
                // Real-time signals have no name. It may have just ended.
                _ => match signal_process(child, signal) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(errno),
                },
            }
        },
    }
}

/// Takes all ended processes off the kernel's list; the exit code when `program` is among them.
fn reap(program: Pid) -> nix::Result<Option<i32>> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == program => code = Some(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => code = Some(BY_SIGNAL + signal as i32),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(code),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// In the child: a process group of its own that has the terminal, if there is one, and the program.
fn become_program(words: &[CString]) -> i32 {
    let alone = Pid::from_raw(0);
    // Without a terminal there is none to take.
    let prepared = setpgid(alone, alone).map(|()| tcsetpgrp(std::io::stdin(), nix::unistd::getpid()).ok());
    if let Err(errno) = prepared.and_then(|_| reset_signals()) {
        return complain("prepare", errno, 1);
    }
    let Some(program) = words.first() else { return 1 };
    let Err(errno) = execvp(program, words);
    let code = match errno {
        Errno::ENOENT => NOT_FOUND,
        Errno::EACCES => NOT_EXECUTABLE,
        _ => 1,
    };
    complain(&format!("exec {}", program.to_string_lossy()), errno, code)
}

fn complain(what: &str, errno: Errno, code: i32) -> i32 {
    // Nobody is left to hear about an error of this.
    writeln!(std::io::stderr(), "{NAME}: {what} failed: {}", words(errno)).ok();
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_init_by_its_name_only() {
        for (name, is_init) in [("/sbin/docker-init", true), ("docker-init", true), ("/usr/bin/berth-runtime", false)] {
            assert_eq!(is_asked_for(Some(&name.into())), is_init, "{name}");
        }
        assert!(!is_asked_for(None));
    }
}
