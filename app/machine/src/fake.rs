//! A machine without a VM: the guest is functions of the test. For the tests of whoever uses the port.

use crate::boot::{Step, Timeline};
use crate::{
    Acceleration, Channel, ConnectError, Connector, Driver, End, Failure, MachineSpec, ShutdownMode, Vm, VmState, disk,
};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::duplex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

/// How many bytes a connection holds in each direction before its writer waits.
const WINDOW: usize = 64 << 10;

type Handler = Arc<dyn Fn(Box<dyn Channel>, GuestContext) -> BoxFuture<'static, ()> + Send + Sync>;

/// What listens in the guest of a fake machine.
#[derive(Clone, Default)]
pub struct FakeGuest {
    handlers: HashMap<u32, Handler>,
    silent: bool,
}

impl FakeGuest {
    /// Adds a listener: `handler` is called with each connection to `port`, on a task of its own that ends with the
    /// machine.
    #[must_use]
    pub fn listen<F, Fut>(mut self, port: u32, handler: F) -> Self
    where
        F: Fn(Box<dyn Channel>, GuestContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |channel, guest| Box::pin(handler(channel, guest)));
        self.handlers.insert(port, handler);
        self
    }

    /// A guest that hangs while it boots: no connection is ever answered.
    #[must_use]
    pub fn silent() -> Self {
        Self { handlers: HashMap::new(), silent: true }
    }
}

/// What a handler can do to its own machine.
#[derive(Clone)]
pub struct GuestContext {
    spec: Arc<MachineSpec>,
    state: watch::Sender<VmState>,
}

impl GuestContext {
    /// What the machine was booted with: the kernel command line, `boot.json`, the disk.
    #[must_use]
    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// Powers off, as PID 1 does at its end.
    pub fn power_off(&self) {
        let asked = *self.state.borrow() == VmState::Stopping;
        self.end(if asked {
            End::Orderly
        } else {
            End::Crashed { why: "the guest powered off without having been asked to".into(), console: vec![] }
        });
    }

    /// Stops as a kernel panic does.
    pub fn crash(&self, last_line: &str) {
        self.end(End::Crashed { why: "the guest kernel stopped".into(), console: vec![last_line.into()] });
    }

    fn end(&self, end: End) {
        self.state.send_if_modified(|state| {
            let ends = !matches!(state, VmState::Ended(_));
            if ends {
                *state = VmState::Ended(end);
            }
            ends
        });
    }
}

/// Boots machines that exist in this process only.
pub struct FakeDriver {
    guest: FakeGuest,
    acceleration: Acceleration,
}

impl FakeDriver {
    /// A driver whose machines all run `guest`.
    #[must_use]
    pub fn new(guest: FakeGuest) -> Self {
        Self { guest, acceleration: Acceleration::Software { why: "the machine is a fake".into() } }
    }
}

#[async_trait]
impl Driver for FakeDriver {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn acceleration(&self) -> &Acceleration {
        &self.acceleration
    }

    async fn boot(&self, spec: MachineSpec, timeline: &mut Timeline) -> Result<Arc<dyn Vm>, Failure> {
        let step = |name| Step { name, deadline: Duration::from_secs(5), todo: "run the test again" };
        timeline.step(step("check"), async { spec.check() }).await?;
        timeline.step(step("disk"), async { disk::prepare(&spec.disk) }).await?;
        let console = fs::write(&spec.console_log, "the fake guest is up\n");
        timeline
            .step(step("hardware"), async { console.map_err(|e| Failure::new("writing the console", e, "")) })
            .await?;
        let (state, _) = watch::channel(VmState::Running);
        let guest = GuestContext { spec: Arc::new(spec), state };
        Ok(Arc::new(FakeVm(Arc::new(FakeConnector { guest: self.guest.clone(), context: guest }))))
    }
}

struct FakeVm(Arc<FakeConnector>);

#[async_trait]
impl Vm for FakeVm {
    fn events(&self) -> watch::Receiver<VmState> {
        self.0.context.state.subscribe()
    }

    fn connector(&self) -> Arc<dyn Connector> {
        Arc::<FakeConnector>::clone(&self.0)
    }

    async fn shutdown(&self, mode: ShutdownMode) -> End {
        let context = &self.0.context;
        context.state.send_if_modified(|state| {
            let running = *state == VmState::Running;
            if running {
                *state = VmState::Stopping;
            }
            running
        });
        match mode {
            ShutdownMode::Expected { within } => match timeout(within, self.wait()).await {
                Ok(end) => return end,
                Err(_) => context.end(End::Killed),
            },
            ShutdownMode::PowerButton { .. } => context.power_off(),
            ShutdownMode::Kill => context.end(End::Killed),
        }
        self.wait().await
    }

    fn pid(&self) -> Option<u32> {
        None
    }
}

impl Drop for FakeVm {
    fn drop(&mut self) {
        self.0.context.end(End::Killed);
    }
}

struct FakeConnector {
    guest: FakeGuest,
    context: GuestContext,
}

#[async_trait]
impl Connector for FakeConnector {
    async fn connect(&self, port: u32, deadline: Instant) -> Result<Box<dyn Channel>, ConnectError> {
        let mut events = self.context.state.subscribe();
        let has_ended = |state: &VmState| matches!(state, VmState::Ended(_));
        if self.guest.silent {
            return match timeout_at(deadline, events.wait_for(has_ended)).await {
                Ok(_) => Err(ConnectError::Gone),
                Err(_) => Err(ConnectError::TimedOut { port }),
            };
        }
        if has_ended(&events.borrow()) {
            return Err(ConnectError::Gone);
        }
        let handler = self.guest.handlers.get(&port).ok_or(ConnectError::Refused { port })?;
        let (ours, theirs) = duplex(WINDOW);
        let work = handler(Box::new(theirs), self.context.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = work => (),
                _ = events.wait_for(has_ended) => (),
            }
        });
        Ok(Box::new(ours))
    }
}
