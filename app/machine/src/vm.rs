//! A machine that was started.

use crate::{Connector, Failure};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A started machine. Dropping the last reference kills it.
#[async_trait]
pub trait Vm: Send + Sync {
    /// What the virtual hardware does now.
    fn state(&self) -> VmState {
        self.events().borrow().clone()
    }

    /// The state and every change of it. The last value stays readable for ever, so an end cannot be missed.
    fn events(&self) -> watch::Receiver<VmState>;

    /// Opens connections to the guest. It may outlive the machine; then each connection is refused as gone.
    fn connector(&self) -> Arc<dyn Connector>;

    /// Ends the machine and returns when it has ended. On a machine that has ended it answers at once.
    async fn shutdown(&self, mode: ShutdownMode) -> End;

    /// Waits until the machine has ended, for whatever reason.
    async fn wait(&self) -> End {
        let mut events = self.events();
        loop {
            if let VmState::Ended(end) = &*events.borrow_and_update() {
                return end.clone();
            }
            if events.changed().await.is_err() {
                return End::Crashed { why: "the driver gave up the machine".into(), console: vec![] };
            }
        }
    }

    /// The process that runs the guest, for diagnostics only; `None` where there is none or it has ended.
    fn pid(&self) -> Option<u32>;
}

/// What the virtual hardware of a machine does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VmState {
    /// It runs; the guest may still be booting.
    Running,
    /// It was asked to end.
    Stopping,
    /// It has ended and stays so.
    Ended(End),
}

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The guest powered off after that was asked for: its disk is flushed.
    Orderly,
    /// It was killed, as asked, or because it did not power off in time.
    Killed,
    /// It ended without having been asked to.
    Crashed {
        /// What is known of the reason, one clause.
        why: String,
        /// The last lines of its console, oldest first.
        console: Vec<String>,
    },
}

impl End {
    /// The failure to show for an end that nobody asked for.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let Self::Crashed { why, console } = self else { return None };
        let why = match console.last() {
            Some(line) => format!("{why}; its console ends with: {line}"),
            None => why.clone(),
        };
        Some(Failure::new("running the machine", why, "start it again with: berth up"))
    }
}

/// How to end a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// The guest's agent was told and powers off by itself; it is killed when it has not done so in time.
    Expected {
        /// How long to wait.
        within: Duration,
    },
    /// Press the power button, for a guest whose agent does not answer; kill it when it does not react in time.
    PowerButton {
        /// How long to wait.
        within: Duration,
    },
    /// At once. What the guest had not flushed is lost, as in a power cut.
    Kill,
}
