//! One boot, from the files on disk to an answered ping.

use super::{MachineConfig, boot_config, status};
use crate::{guest::Guest, guest_image};
use berth_api::{MachineStatus, Problem};
use berth_machine::{
    DataDisk, Driver, Failure, MachineSpec, ShutdownMode, Vm,
    boot::{Step, Timeline},
};
use berth_protocol::control::Report;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Step: the guest image is there and undamaged.
pub(crate) const IMAGE: &str = "image";
/// Step: a way of getting a VM is chosen.
pub(crate) const HYPERVISOR: &str = "hypervisor";
/// Before the names of the steps that the guest itself reports.
const GUEST: &str = "guest-";
/// What every guest's kernel is told. One that has lost its way must end for the host to notice; programs of 32 bits
/// would be a second system call surface (architectures without it ignore the word).
const KERNEL_WORDS: [&str; 2] = ["oops=panic", "ia32_emulation=off"];
const LOOK_AT_CONSOLE: &str = "look at the guest's console with: berth logs";

const IMAGE_STEP: Step = Step {
    name: IMAGE,
    deadline: Duration::from_secs(60),
    todo: "check that the disk with Berth's programs is healthy",
};
const HYPERVISOR_STEP: Step =
    Step { name: HYPERVISOR, deadline: Duration::from_secs(30), todo: "start it again with: berth up" };
/// Deadlines on hardware; on emulation they are multiplied.
const KERNEL: Duration = Duration::from_secs(30);
const ENGINE: Duration = Duration::from_secs(60);
/// When the guest is asked for failed steps while its engine stays silent, and how often.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(500);
const VERSION: Duration = Duration::from_secs(5);

/// A machine that is ready.
pub(crate) struct Booted {
    pub(crate) vm: Arc<dyn Vm>,
    pub(crate) guest: Guest,
    pub(crate) slowdown: u32,
}

/// Why there is no machine.
pub(crate) struct BootFailed {
    /// For clients.
    pub(crate) problem: Problem,
    /// For the lifecycle.
    pub(crate) failure: Failure,
}

impl BootFailed {
    /// A failure of step `step`.
    pub(crate) fn at(step: &str, failure: Failure) -> Box<Self> {
        Box::new(Self { problem: status::problem(step, &failure), failure })
    }
}

/// The VM of a boot that goes on, for whoever must end it in the middle.
#[derive(Clone, Default)]
pub(crate) struct VmSlot(Arc<Mutex<Option<Arc<dyn Vm>>>>);

impl VmSlot {
    fn put(&self, vm: &Arc<dyn Vm>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(vm));
    }

    pub(crate) fn take(&self) -> Option<Arc<dyn Vm>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Boots. `board` shows every step; `slot` holds the VM from the moment it exists. After an error no VM is left.
///
/// # Errors
/// The problem of the failing step.
pub(crate) async fn boot(
    config: MachineConfig,
    chosen: Arc<tokio::sync::OnceCell<Arc<dyn Driver>>>,
    board: watch::Sender<MachineStatus>,
    slot: VmSlot,
) -> Result<Booted, Box<BootFailed>> {
    let observer = board.clone();
    let mut timeline = Timeline::new(move |steps| observer.send_modify(|shown| shown.steps = status::steps(steps)));
    let booted = try_boot(&config, &chosen, &board, &slot, &mut timeline).await;
    if booted.is_err()
        && let Some(vm) = slot.take()
    {
        vm.shutdown(ShutdownMode::Kill).await;
    }
    booted.map_err(|failure| {
        let failed = timeline.steps().iter().rev().find(|step| step.failure.is_some());
        let step = failed.map_or("", |step| step.name.as_str());
        BootFailed::at(step, failure)
    })
}

async fn try_boot(
    config: &MachineConfig,
    chosen: &tokio::sync::OnceCell<Arc<dyn Driver>>,
    board: &watch::Sender<MachineStatus>,
    slot: &VmSlot,
    timeline: &mut Timeline,
) -> Result<Booted, Failure> {
    let image = timeline.step(IMAGE_STEP, check_image(config)).await?;
    let driver = timeline
        .step(HYPERVISOR_STEP, async { chosen.get_or_try_init(|| (config.choose_driver)()).await.cloned() })
        .await?;
    board.send_modify(|shown| shown.acceleration = Some(status::acceleration(driver.acceleration())));
    let slowdown = driver.acceleration().slowdown();

    let (secret, initramfs_extra) = boot_config::make(&config.home)?;
    let spec = MachineSpec {
        kernel: image.kernel,
        initramfs: image.initramfs,
        initramfs_extra,
        cmdline: KERNEL_WORDS.map(str::to_owned).to_vec(),
        cpus: config.settings.cpus,
        memory_mib: config.settings.memory_mib,
        disk: DataDisk { path: config.home.data_disk(), bytes: config.settings.disk_bytes },
        console_log: config.home.console_log(),
        run_dir: config.home.run_dir(),
    };
    let begun = Instant::now();
    let vm = driver.boot(spec, timeline).await?;
    slot.put(&vm);
    let guest = Guest::new(vm.connector(), secret);

    let kernel = Step { name: "kernel", deadline: KERNEL * slowdown, todo: LOOK_AT_CONSOLE };
    timeline.step(kernel, alive(&*vm, agent_answers(&guest, kernel.deadline))).await?;
    let engine = Step { name: "engine", deadline: ENGINE * slowdown, todo: LOOK_AT_CONSOLE };
    timeline.step(engine, alive(&*vm, engine_answers(&guest, engine.deadline))).await?;
    let took = begun.elapsed();
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    board.send_modify(|shown| shown.boot_millis = Some(status::millis(micros)));
    tracing::info!(millis = took.as_millis(), "the machine is ready");
    describe(&guest, board, timeline).await;
    Ok(Booted { vm, guest, slowdown })
}

async fn check_image(config: &MachineConfig) -> Result<guest_image::GuestImage, Failure> {
    let (share, known) = (config.share.clone(), config.home.machine_dir().join("guest-image.json"));
    let checked = tokio::task::spawn_blocking(move || guest_image::verify(&share, &known)).await;
    checked
        .map_err(|error| Failure::new("checking the guest image", error, "start it again with: berth up"))?
        .map_err(|error| error.failure())
}

/// `work`, unless the VM ends first.
async fn alive<T>(vm: &dyn Vm, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        biased;
        done = work => done,
        end = vm.wait() => Err(end.failure().unwrap_or_else(|| {
            Failure::new("booting the machine", "the machine was ended", "start it again with: berth up")
        })),
    }
}

/// PID 1 listens: the kernel is up.
async fn agent_answers(guest: &Guest, within: Duration) -> Result<(), Failure> {
    let channel = guest.open_when_listening(berth_protocol::port::CONTROL, within).await;
    channel.map(drop).map_err(|error| Failure::new("reaching the agent in the guest", error, LOOK_AT_CONSOLE))
}

/// The engine answers a ping, or a step of PID 1 has failed.
async fn engine_answers(guest: &Guest, within: Duration) -> Result<(), Failure> {
    tokio::select! {
        biased;
        answer = guest.ping(within) => {
            answer.map_err(|error| Failure::new("reaching the engine in the guest", error, LOOK_AT_CONSOLE))
        }
        failure = failed_step(guest) => Err(failure),
    }
}

/// Waits for a failed step in PID 1's report.
async fn failed_step(guest: &Guest) -> Failure {
    tokio::time::sleep(FIRST_LOOK).await;
    loop {
        match guest.report().await {
            Ok(report) => {
                let failed = report.steps.iter().find_map(|step| Some((&step.name, step.error.as_ref()?)));
                if let Some((name, why)) = failed {
                    return Failure::new(format!("the guest's step {name:?}"), why, LOOK_AT_CONSOLE);
                }
            }
            Err(error) => tracing::debug!(%error, "no report of the guest"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What is nice to know and not needed: the guest's own steps and versions.
async fn describe(guest: &Guest, board: &watch::Sender<MachineStatus>, timeline: &mut Timeline) {
    match guest.report().await {
        Ok(report) => {
            record(&report, timeline);
            board.send_modify(|shown| shown.kernel = Some(report.kernel));
        }
        Err(error) => tracing::warn!(%error, "the guest gives no report"),
    }
    match guest.engine_version(VERSION).await {
        Ok(version) => board.send_modify(|shown| shown.engine_version = Some(version)),
        Err(error) => tracing::warn!(%error, "the engine does not tell its version"),
    }
}

fn record(report: &Report, timeline: &mut Timeline) {
    let now = timeline.elapsed();
    timeline.record(&format!("{GUEST}kernel"), now, Duration::from_micros(report.kernel_micros), None);
    for step in &report.steps {
        let failure = step
            .error
            .as_ref()
            .map(|why| Failure::new(format!("the guest's step {:?}", step.name), why, LOOK_AT_CONSOLE));
        timeline.record(&format!("{GUEST}{}", step.name), now, Duration::from_micros(step.micros), failure);
    }
}
