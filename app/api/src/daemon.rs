//! Starting berthd when none answers.

use crate::{error::Error, home::BerthHome, local};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The variable that names another berthd.
pub const DAEMON_VARIABLE: &str = "BERTH_DAEMON";
/// How berthd ends when another one holds the home: whoever asked may wait for that one.
pub const ALREADY_RUNNING_EXIT_CODE: i32 = 75;

/// How long a new berthd may take until its socket answers.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long one that was told to end may take, once its machine has stopped.
const END_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(25);
/// How much of its log explains a berthd that died, lines.
const TAIL_LINES: usize = 5;

/// Starts berthd for `home` unless one answers already, and waits until its socket does. It outlives the caller.
///
/// # Errors
/// [`Error::Daemon`] with its last words, [`Error::Missing`] when the program is not there.
pub async fn start(home: &BerthHome) -> Result<(), Error> {
    match local::connect(home).await {
        Ok(_) => return Ok(()),
        Err(Error::Unreachable { source, .. }) if source.kind() != std::io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    let program = program()?;
    let log = home.daemon_log();
    let (mut child, log_start) = {
        let (program, home) = (program.clone(), home.clone());
        tokio::task::spawn_blocking(move || spawn(&program, &home))
            .await
            .map_err(|error| Error::Broken(error.to_string()))??
    };
    let begun = Instant::now();
    loop {
        if local::connect(home).await.is_ok() {
            // Ours to reap should it end while this process still lives.
            std::thread::spawn(move || child.wait());
            return Ok(());
        }
        let ended = child.try_wait().map_err(Error::io("wait for berthd"))?;
        if let Some(status) = ended.filter(|status| status.code() != Some(ALREADY_RUNNING_EXIT_CODE)) {
            let last = tail(&log, log_start);
            let why = if last.is_empty() { format!("it ended with {status}") } else { last };
            return Err(Error::Daemon { why, log });
        }
        if begun.elapsed() > DEADLINE {
            let why = format!("its socket did not answer within {} s", DEADLINE.as_secs());
            return Err(Error::Daemon { why, log });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until no berthd holds `home`; one that was told to end needs a moment.
///
/// # Errors
/// [`Error::Timeout`], or an I/O failure.
pub async fn wait_until_gone(home: &BerthHome) -> Result<(), Error> {
    let path = home.lock_file();
    let begun = Instant::now();
    while begun.elapsed() < END_DEADLINE {
        let lock = match std::fs::File::options().write(true).open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(Error::Io { what: format!("open {}", path.display()), source }),
        };
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
            Err(std::fs::TryLockError::Error(source)) => {
                return Err(Error::Io { what: format!("lock {}", path.display()), source });
            }
        }
    }
    Err(Error::Timeout(format!("berthd was told to end and still runs; see {}", home.daemon_log().display())))
}

/// berthd: `BERTH_DAEMON`, else beside the running program.
fn program() -> Result<PathBuf, Error> {
    if let Some(program) = std::env::var_os(DAEMON_VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(program));
    }
    let name = format!("berthd{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe().and_then(std::fs::canonicalize).map_err(Error::io("find the running program"))?;
    let beside = own.parent().unwrap_or(Path::new("")).join(&name);
    if beside.is_file() {
        return Ok(beside);
    }
    Err(Error::Missing {
        what: format!("the background program {}", beside.display()),
        hint: format!("install Berth again, or set {DAEMON_VARIABLE}"),
    })
}

/// A berthd without a terminal, and how long its log was before.
fn spawn(program: &Path, home: &BerthHome) -> Result<(Child, u64), Error> {
    let log = home.daemon_log();
    let folder = log.parent().unwrap_or(home.root());
    std::fs::create_dir_all(folder).map_err(Error::io(format!("create {}", folder.display())))?;
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(Error::io(format!("open {}", log.display())))?;
    let log_start = file.metadata().map_or(0, |metadata| metadata.len());
    // Its own output is what it says before its log is open, or in a panic.
    let stderr = file.try_clone().map_err(Error::io("duplicate the log's handle"))?;
    let mut command = Command::new(program);
    command.env(crate::home::HOME_VARIABLE, home.root()).stdin(Stdio::null()).stdout(file).stderr(stderr);
    if home.is_default() {
        command.env_remove(crate::home::HOME_VARIABLE);
    }
    detach(&mut command);
    let child = command.spawn().map_err(Error::io(format!("start {}", program.display())))?;
    Ok((child, log_start))
}

/// Ctrl-C in the caller's terminal must not reach it.
#[cfg(unix)]
fn detach(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// Ctrl-C in the caller's terminal must not reach it, and no console window may appear.
#[cfg(windows)]
fn detach(command: &mut Command) {
    /// `CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW` of winbase.h.
    const FLAGS: u32 = 0x0000_0200 | 0x0800_0000;
    std::os::windows::process::CommandExt::creation_flags(command, FLAGS);
}

/// The last lines of a log after byte `from`.
fn tail(log: &Path, from: u64) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let fresh = bytes.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
    let text = String::from_utf8_lossy(fresh);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_berthd_said_explains_its_death() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("l");
        std::fs::write(&log, "old\n\nnew 1\nnew 2\n").unwrap();
        assert_eq!(tail(&log, 4), "new 1; new 2");
        assert_eq!(tail(&folder.path().join("none"), 0), "");
    }
}
