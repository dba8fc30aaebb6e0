//! The task that owns the VM, and the handle by which others wish and watch.

use super::{
    MachineConfig,
    boot::{self, BootFailed, Booted, VmSlot},
    status,
};
use crate::{
    guest::{Guest, clock, publish, uplink},
    ports::Ports,
    routes,
};
use berth_api::{Code, MachineState, MachineStatus, Problem};
use berth_machine::{
    Driver, End, Failure, ShutdownMode,
    lifecycle::{Event, State},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OnceCell, mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
};

/// How long containers may take to stop when the machine does.
const GRACE: Duration = Duration::from_secs(10);
/// What flushing and powering off may take besides, on hardware.
const FLUSH: Duration = Duration::from_secs(20);

/// The machine of one Berth. Dropping the last handle kills the VM.
pub struct Machine {
    wishes: mpsc::Sender<Wish>,
    board: watch::Receiver<MachineStatus>,
    guest: watch::Receiver<Option<Guest>>,
}

enum Wish {
    Start(oneshot::Sender<()>),
    Stop(oneshot::Sender<()>),
}

/// How long a running machine may take to answer a ping before it is doubted.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the end of a dead machine may take to be noticed.
const CRASH: Duration = Duration::from_secs(5);

impl Machine {
    /// A stopped machine. Its ports follow its guest.
    #[must_use]
    pub fn new(config: MachineConfig, ports: Arc<Ports>) -> Arc<Self> {
        let (wishes, asked) = mpsc::channel(16);
        let (board, shown) = watch::channel(MachineStatus::stopped(&config.home));
        let (guest, reachable) = watch::channel(None);
        let life = Life {
            config,
            ports,
            board,
            guest,
            chosen: Arc::default(),
            state: State::default(),
            phase: Phase::Idle,
            problem: None,
        };
        tokio::spawn(life.live(asked));
        Arc::new(Self { wishes, board: shown, guest: reachable })
    }

    /// Starts it, unless it runs or starts; gives its status right after. One that is stopping starts again then.
    pub async fn start(&self) -> MachineStatus {
        self.await_crash().await;
        self.wish(Wish::Start).await;
        self.status()
    }

    /// A machine that died a moment ago may still be shown as running: one that does not answer is waited for until its
    /// end shows, so that "start" never says "it runs already" of a dead one.
    async fn await_crash(&self) {
        let Some(guest) = self.guest.borrow().clone() else { return };
        if guest.ping(ANSWER).await.is_err() {
            let mut board = self.board.clone();
            let ended = board.wait_for(|status| status.state != MachineState::Running);
            if tokio::time::timeout(CRASH, ended).await.is_err() {
                tracing::warn!("the machine runs and does not answer");
            }
        }
    }

    /// Stops it in order and waits until it has stopped, or failed.
    pub async fn stop(&self) -> MachineStatus {
        self.wish(Wish::Stop).await;
        let mut board = self.board.clone();
        let over = |status: &MachineStatus| matches!(status.state, MachineState::Stopped | MachineState::Failed);
        match board.wait_for(over).await {
            Ok(status) => status.clone(),
            Err(_) => self.status(),
        }
    }

    /// Its status now.
    #[must_use]
    pub fn status(&self) -> MachineStatus {
        self.board.borrow().clone()
    }

    /// Its status and every change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<MachineStatus> {
        self.board.clone()
    }

    /// The guest of a running machine; one that starts is waited for.
    ///
    /// # Errors
    /// A problem that says what the machine does instead.
    pub async fn guest(&self, within: Duration) -> Result<Guest, Problem> {
        let mut board = self.board.clone();
        let decided = board.wait_for(|status| status.state != MachineState::Starting);
        let Ok(Ok(status)) =
            tokio::time::timeout(within, decided).await.map(|status| status.map(|status| status.clone()))
        else {
            let message = "the Berth machine is still starting; see its steps with: berth status";
            return Err(Problem::new(Code::Timeout, message));
        };
        match (status.state, self.guest.borrow().clone(), status.error) {
            (MachineState::Running, Some(guest), _) => Ok(guest),
            (MachineState::Failed, _, Some(why)) => Err(Problem::new(
                Code::MachineFailed,
                format!("the Berth machine has failed: {why}; start it again with: berth up"),
            )),
            (MachineState::Stopping, ..) => {
                Err(Problem::new(Code::MachineStopped, "the Berth machine is stopping; start it again with: berth up"))
            }
            _ => Err(Problem::machine_stopped()),
        }
    }

    /// Sends a wish and waits until its first effect shows in the status.
    async fn wish(&self, wish: impl FnOnce(oneshot::Sender<()>) -> Wish) {
        let (seen, done) = oneshot::channel();
        if self.wishes.send(wish(seen)).await.is_err() || done.await.is_err() {
            tracing::error!("the machine's task is gone");
        }
    }
}

struct Life {
    config: MachineConfig,
    ports: Arc<Ports>,
    board: watch::Sender<MachineStatus>,
    guest: watch::Sender<Option<Guest>>,
    chosen: Arc<OnceCell<Arc<dyn Driver>>>,
    state: State,
    phase: Phase,
    /// What the failed state shows; the lifecycle's own failure has no code for clients.
    problem: Option<Problem>,
}

/// What exists in a state.
enum Phase {
    Idle,
    Booting { task: JoinHandle<Result<Booted, Box<BootFailed>>>, slot: VmSlot },
    Running { booted: Booted, _duties: JoinSet<()> },
    Stopping { task: JoinHandle<End>, start_again: bool },
}

/// How a phase ends by itself.
enum Turn {
    Booted(Result<Booted, Box<BootFailed>>),
    Ended(End),
}

impl Phase {
    /// Waits until the phase ends by itself. Safe to drop and call again.
    async fn turn(&mut self) -> Turn {
        match self {
            Self::Idle => std::future::pending().await,
            Self::Booting { task, .. } => Turn::Booted(task.await.unwrap_or_else(|error| {
                let failure =
                    Failure::new("booting the machine", error, "report this, and start it again with: berth up");
                Err(BootFailed::at("", failure))
            })),
            Self::Running { booted, .. } => Turn::Ended(booted.vm.wait().await),
            Self::Stopping { task, .. } => Turn::Ended(task.await.unwrap_or(End::Killed)),
        }
    }
}

impl Life {
    async fn live(mut self, mut asked: mpsc::Receiver<Wish>) {
        loop {
            tokio::select! {
                wish = asked.recv() => match wish {
                    Some(Wish::Start(seen)) => {
                        self.start();
                        // Who asked may have gone; the wish stands.
                        seen.send(()).unwrap_or_default();
                    }
                    Some(Wish::Stop(seen)) => {
                        self.stop();
                        seen.send(()).unwrap_or_default();
                    }
                    None => return,
                },
                turn = self.phase.turn() => match turn {
                    Turn::Booted(Ok(booted)) => self.ready(booted),
                    Turn::Booted(Err(failed)) => self.failed(*failed),
                    Turn::Ended(end) => self.ended(end),
                },
            }
        }
    }

    fn start(&mut self) {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Stopping { start_again, .. } => {
                *start_again = true;
                return;
            }
            Phase::Booting { .. } | Phase::Running { .. } => return,
        }
        tracing::info!("the machine starts");
        self.problem = None;
        self.board.send_modify(|shown| {
            shown.steps.clear();
            shown.boot_millis = None;
            shown.engine_version = None;
            shown.kernel = None;
        });
        let slot = VmSlot::default();
        let boot = boot::boot(self.config.clone(), Arc::clone(&self.chosen), self.board.clone(), slot.clone());
        self.phase = Phase::Booting { task: tokio::spawn(boot), slot };
        self.advance(Event::Start);
    }

    fn ready(&mut self, booted: Booted) {
        let mut duties = JoinSet::new();
        duties.spawn(clock::keep(booted.guest.clone()));
        let (routes, watched) = watch::channel(routes::read());
        duties.spawn(routes::watch(routes));
        duties.spawn(publish::serve(booted.guest.clone(), Arc::clone(&self.ports), watched));
        duties.spawn(uplink::serve(booted.guest.clone(), self.config.gateway.clone()));
        self.ports.set_guest(Some(booted.guest.clone()));
        self.guest.send_replace(Some(booted.guest.clone()));
        self.phase = Phase::Running { booted, _duties: duties };
        self.advance(Event::Ready);
    }

    fn failed(&mut self, BootFailed { problem, failure }: BootFailed) {
        tracing::error!(%failure, "the machine does not start");
        self.problem = Some(problem);
        self.phase = Phase::Idle;
        self.advance(Event::Fail(failure));
    }

    fn stop(&mut self) {
        let task = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => None,
            Phase::Booting { task, slot } => Some(tokio::spawn(give_up(task, slot))),
            Phase::Running { booted, _duties } => Some(tokio::spawn(stop_in_order(booted))),
            Phase::Stopping { task, .. } => Some(task),
        };
        if let Some(task) = task {
            tracing::info!("the machine stops");
            self.phase = Phase::Stopping { task, start_again: false };
            self.unreachable();
        }
        self.problem = None;
        self.advance(Event::Stop);
    }

    fn ended(&mut self, end: End) {
        let start_again = matches!(self.phase, Phase::Stopping { start_again: true, .. });
        self.phase = Phase::Idle;
        self.unreachable();
        match &end {
            End::Orderly => tracing::info!("the machine has stopped"),
            End::Killed => tracing::warn!("the machine was killed"),
            End::Crashed { why, console } => tracing::error!(why, ?console, "the machine died"),
        }
        self.problem = end.failure().map(|failure| status::problem("", &failure));
        if start_again {
            // Nobody who waits for the start should see a stopped machine in between.
            self.state = State::Stopped;
            return self.start();
        }
        self.advance(Event::Ended(end));
    }

    /// No more streams to the guest, and no listeners for it.
    fn unreachable(&self) {
        self.guest.send_replace(None);
        self.ports.set_guest(None);
    }

    fn advance(&mut self, event: Event) {
        match std::mem::take(&mut self.state).after(event) {
            Ok(state) => self.state = state,
            Err(refused) => {
                tracing::error!(%refused, "the machine's lifecycle is out of step");
                self.state = refused.state;
            }
        }
        let (state, problem) = (status::state(&self.state), self.problem.clone());
        self.board.send_modify(|shown| {
            shown.state = state;
            shown.error = problem.filter(|_| state == MachineState::Failed);
        });
    }
}

/// Ends a boot in the middle: there is nothing to flush that the guest's journal does not hold.
async fn give_up(task: JoinHandle<Result<Booted, Box<BootFailed>>>, slot: VmSlot) -> End {
    task.abort();
    let finished = task.await;
    let vm = match finished {
        Ok(Ok(booted)) => Some(booted.vm),
        _ => slot.take(),
    };
    if let Some(vm) = vm {
        vm.shutdown(ShutdownMode::Kill).await;
    }
    End::Killed
}

/// Tells the guest to end and waits until it has; kills it when it does not.
async fn stop_in_order(booted: Booted) -> End {
    let Booted { vm, guest, slowdown } = booted;
    let within = GRACE + FLUSH * slowdown;
    // First the VM learns that an end is expected, then the guest is told: its power-off must not look like a crash.
    let mut ended = vm.shutdown(ShutdownMode::Expected { within });
    let asked = tokio::select! {
        biased;
        end = &mut ended => return end,
        asked = guest.shut_down(GRACE) => asked,
    };
    match asked {
        Ok(()) => ended.await,
        Err(error) => {
            tracing::warn!(%error, "the guest was not told to end; pressing the power button");
            vm.shutdown(ShutdownMode::PowerButton { within }).await
        }
    }
}
