//! Processes: those PID 1 starts and knows, and the orphans of everybody else. All are waited for in one place, so no
//! zombie stays and nobody's exit status is taken by somebody else.
#![expect(unsafe_code, reason = "waitid is needed without nix's conversion, which fails for real-time signals")]

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The processes PID 1 knows, and a way to hear that none is left.
#[derive(Debug, Default)]
pub(crate) struct Children {
    known: Mutex<Known>,
    changed: Condvar,
    broken: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    waiting: HashMap<u32, Sender<ExitStatus>>,
    /// How many were started; the reaper sleeps until it grows when there are none at all.
    started: u64,
    /// The kernel says there is no process left.
    none_left: bool,
}

/// A process that was started.
#[derive(Debug)]
pub(crate) struct Started {
    /// Its number and pipes. Its `wait` is never called: the reaper does that.
    pub(crate) child: Child,
    exit: Receiver<ExitStatus>,
}

impl Started {
    /// Waits for its end. `None` when the reaper is gone.
    pub(crate) fn wait(&self) -> Option<ExitStatus> {
        self.exit.recv().ok()
    }
}

/// How a short program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it said on stderr.
    pub(crate) stderr: String,
}

impl Children {
    /// Starts a process.
    pub(crate) fn start(&self, command: &mut Command) -> std::io::Result<Started> {
        // The lock is held from before the process exists until it is known: the reaper cannot meet it in between.
        let mut known = self.lock();
        let child = command.spawn()?;
        let (sender, exit) = channel();
        known.waiting.insert(child.id(), sender);
        known.started += 1;
        known.none_left = false;
        drop(known);
        self.changed.notify_all();
        Ok(Started { child, exit })
    }

    /// Runs a program to its end.
    pub(crate) fn run(&self, command: &mut Command) -> std::io::Result<Ended> {
        let mut started = self.start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()))?;
        let mut stderr = Vec::new();
        if let Some(mut pipe) = started.child.stderr.take() {
            pipe.read_to_end(&mut stderr)?;
        }
        let status = started.wait().ok_or_else(|| std::io::Error::other("its end was not seen"))?;
        Ok(Ended { status, stderr: String::from_utf8_lossy(&stderr).trim().replace('\n', "; ") })
    }

    /// Waits for one process to end and buries it. Called in a loop by one thread.
    pub(crate) fn reap_one(&self) {
        // Counted before the kernel is asked: one that is started after its answer wakes whoever goes to sleep on it.
        let seen = self.lock().started;
        match peek() {
            Peek::Ended(pid) => self.bury(pid),
            Peek::None => self.sleep_until_started(seen),
            Peek::Interrupted => {}
            Peek::Failed => self.broken.store(true, Ordering::Relaxed),
        }
    }

    /// Whether waiting itself fails; the caller then slows down.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Waits until no process is left. `false` when some are after `timeout`.
    pub(crate) fn wait_none_left(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut known = self.lock();
        while !known.none_left {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            known = self.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn bury(&self, pid: u32) {
        let mut known = self.lock();
        let Some(status) = take(pid) else { return };
        if let Some(sender) = known.waiting.remove(&pid) {
            // Nobody listens when whoever started it has no interest in its end.
            sender.send(status).ok();
        }
    }

    /// Sleeps until more were started than `seen`.
    fn sleep_until_started(&self, seen: u64) {
        let mut known = self.lock();
        if known.started == seen {
            known.none_left = true;
            self.changed.notify_all();
        }
        while known.started == seen {
            known = self.changed.wait(known).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Peek {
    Ended(u32),
    None,
    Interrupted,
    Failed,
}

/// Waits until some child has ended, and leaves it a zombie: it must not be buried before its starter's lock is free.
fn peek() -> Peek {
    // SAFETY: siginfo_t is plain data for which all zero bytes are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is a writable siginfo_t for the duration of the call.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
    if result == 0 {
        // SAFETY: waitid has filled `info` for SIGCHLD, of which si_pid is a member.
        let pid = unsafe { info.si_pid() };
        return u32::try_from(pid).map_or(Peek::Failed, Peek::Ended);
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::ECHILD) => Peek::None,
        Some(libc::EINTR) => Peek::Interrupted,
        _ => Peek::Failed,
    }
}

/// Buries `pid`. `None` when somebody was faster (a start that failed buries its own child).
fn take(pid: u32) -> Option<ExitStatus> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut status = 0;
    // SAFETY: `status` is a writable int for the duration of the call.
    let result = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
    (result == pid).then(|| ExitStatus::from_raw(status))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::OnceLock;

    /// The one registry of a test program, with its reaper: two would take each other's children.
    pub(crate) fn with_reaper<T>(work: impl FnOnce(&Children) -> T) -> T {
        static CHILDREN: OnceLock<&'static Children> = OnceLock::new();
        let children = CHILDREN.get_or_init(|| {
            let children: &'static Children = Box::leak(Box::default());
            std::thread::spawn(|| {
                loop {
                    children.reap_one();
                }
            });
            children
        });
        work(children)
    }

    #[test]
    fn known_children_report_their_end_and_failed_starts_harm_nobody() {
        with_reaper(|children| {
            let ended = children.run(Command::new("sh").args(["-c", "echo oops >&2; exit 3"])).unwrap();
            assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(3), "oops"));
            assert!(children.start(&mut Command::new("/no/such/program")).is_err());
            // Real-time signals are what nix's wait cannot report.
            let killed = children.run(Command::new("sh").args(["-c", "kill -40 $$"])).unwrap();
            assert_eq!(killed.status.signal(), Some(40));
            let many: Vec<Started> = (0..50).map(|_| children.start(&mut Command::new("true")).unwrap()).collect();
            assert!(many.iter().all(|started| started.wait().unwrap().success()));
            assert!(children.wait_none_left(Duration::from_secs(60)));
        });
    }

    #[test]
    fn one_that_is_started_as_the_last_one_goes_is_not_slept_through() {
        let children = Children::default();
        let seen = children.lock().started;
        // The kernel has said that nobody is left; somebody is started before the reaper is asleep.
        children.lock().started += 1;
        children.sleep_until_started(seen);
        assert!(!children.lock().none_left, "somebody is left");
    }

    #[test]
    fn orphans_of_everybody_are_buried() {
        let count = std::env::var("BERTH_TEST_COUNT").unwrap_or_else(|_| "500".to_owned());
        // As PID 1 gets them, whoever their parents were.
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        with_reaper(|children| {
            // The one in the middle says the orphan's number and ends.
            let script = format!("n=0; while [ $n -lt {count} ]; do (: & echo $!); n=$((n+1)); done");
            let mut shell = children.start(Command::new("sh").args(["-c", &script]).stdout(Stdio::piped())).unwrap();
            let mut orphans = String::new();
            shell.child.stdout.take().unwrap().read_to_string(&mut orphans).unwrap();
            assert!(shell.wait().unwrap().success());
            assert_eq!(orphans.lines().count().to_string(), count);
            assert!(children.wait_none_left(Duration::from_secs(60)), "somebody stays");
        });
    }
}
