//! A running QEMU as a machine.

use crate::connector::VsockConnector;
use crate::console;
use crate::process::Process;
use crate::qmp::{Ending, Qmp};
use crate::sockets::Sockets;
use crate::vhost_user::Backend;
use async_trait::async_trait;
use berth_machine::{Connector, End, ShutdownMode, Vm, VmState};
use berth_vmm_virtio::vsock::Dialer;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// How long QEMU's last words may take to arrive after it ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub(crate) struct QemuVm {
    process: Arc<Process>,
    qmp: Arc<Qmp>,
    dialer: Dialer,
    state: watch::Sender<VmState>,
    killed: Arc<AtomicBool>,
}

/// What a running QEMU was given, kept until it has ended.
pub(crate) struct Belongings {
    pub(crate) backend: Backend,
    pub(crate) sockets: Sockets,
    pub(crate) console_log: PathBuf,
    pub(crate) qemu_log: PathBuf,
}

impl QemuVm {
    /// Watches over a QEMU that was started and has answered.
    pub(crate) fn watch(
        process: Process,
        ended: oneshot::Receiver<io::Result<ExitStatus>>,
        qmp: Qmp,
        belongings: Belongings,
    ) -> Self {
        let (state, _) = watch::channel(VmState::Running);
        let dialer = belongings.backend.dialer().clone();
        let vm = Self {
            process: Arc::new(process),
            qmp: Arc::new(qmp),
            dialer,
            state,
            killed: Arc::new(AtomicBool::new(false)),
        };
        let (qmp, state, killed) = (Arc::clone(&vm.qmp), vm.state.clone(), Arc::clone(&vm.killed));
        tokio::spawn(async move {
            let status = ended.await.unwrap_or_else(|_| Err(io::Error::other("nobody waited for QEMU")));
            let ending = timeout(LAST_WORDS, qmp.ending()).await.unwrap_or_default();
            let Belongings { backend, sockets, console_log, qemu_log } = belongings;
            // Threads are waited for and files removed and read, before anybody may start this machine again.
            let asked = *state.borrow() == VmState::Stopping;
            let judge = move || {
                drop(backend);
                drop(sockets);
                if killed.load(Ordering::SeqCst) {
                    return End::Killed;
                }
                match why_not_orderly(asked, &status, &ending) {
                    None => End::Orderly,
                    Some(why) => {
                        let words = console::tail(&qemu_log);
                        let why = words.last().map_or(why.clone(), |word| format!("{why} (QEMU says: {word})"));
                        End::Crashed { why, console: console::tail(&console_log) }
                    }
                }
            };
            let end = tokio::task::spawn_blocking(judge).await.unwrap_or(End::Killed);
            state.send_replace(VmState::Ended(end));
        });
        vm
    }

    fn kill(&self) {
        // Only if it still runs: a crash that came first stays a crash.
        if self.process.pid().is_some() {
            self.killed.store(true, Ordering::SeqCst);
            self.process.kill();
        }
    }
}

/// Why this end is none that was asked for. With `panic=-1` and `-no-reboot`, QEMU ends with status 0 when the guest
/// kernel panics, so the status alone says nothing.
fn why_not_orderly(asked: bool, status: &io::Result<ExitStatus>, ending: &Ending) -> Option<String> {
    let status = match status {
        Ok(status) => status,
        Err(error) => return Some(format!("the end of QEMU could not be seen: {error}")),
    };
    if let Some(signal) = status.signal() {
        return Some(format!("QEMU was killed by signal {signal}"));
    }
    match (ending.reason.as_deref(), status.code()) {
        (Some("guest-shutdown"), _) if asked => None,
        (Some("guest-shutdown"), _) => Some("the guest powered off without having been asked to".into()),
        (Some("guest-reset" | "guest-panic"), _) => Some("the guest kernel stopped".into()),
        (Some(reason), _) => Some(format!("QEMU ended with reason {reason}")),
        (None, Some(code)) => Some(format!("QEMU ended with status {code}")),
        (None, None) => Some("QEMU ended".into()),
    }
}

#[async_trait]
impl Vm for QemuVm {
    fn events(&self) -> watch::Receiver<VmState> {
        self.state.subscribe()
    }

    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(VsockConnector(self.dialer.clone()))
    }

    async fn shutdown(&self, mode: ShutdownMode) -> End {
        self.state.send_if_modified(|state| {
            let running = *state == VmState::Running;
            if running {
                *state = VmState::Stopping;
            }
            running
        });
        let within = match mode {
            ShutdownMode::Kill => Duration::ZERO,
            ShutdownMode::Expected { within } => within,
            ShutdownMode::PowerButton { within } => {
                self.qmp.press_power_button().await;
                within
            }
        };
        if within.is_zero() || timeout(within, self.wait()).await.is_err() {
            self.kill();
        }
        self.wait().await
    }

    fn pid(&self) -> Option<u32> {
        self.process.pid()
    }
}

impl Drop for QemuVm {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(asked: bool, raw: i32, reason: Option<&str>) -> Option<String> {
        let ending = Ending { reason: reason.map(str::to_owned), closed: true };
        why_not_orderly(asked, &Ok(ExitStatus::from_raw(raw)), &ending)
    }

    #[test]
    fn only_a_power_off_that_was_asked_for_is_orderly() {
        assert_eq!(judge(true, 0, Some("guest-shutdown")), None);
        for (asked, raw, reason, word) in [
            (false, 0, Some("guest-shutdown"), "without having been asked"),
            (false, 0, Some("guest-reset"), "kernel stopped"),
            (true, 0, Some("guest-reset"), "kernel stopped"),
            (true, 0, None, "status 0"),
            (false, 9, None, "signal 9"),
            (false, 1 << 8, None, "status 1"),
            (false, 0, Some("host-signal"), "host-signal"),
        ] {
            let why = judge(asked, raw, reason).unwrap();
            assert!(why.contains(word), "{why}");
        }
    }
}
