//! The boot, step by step. A step that fails is the last one: what comes after needs it. The control port is opened as
//! early as it can be, so that the host can read why.

use crate::children::Children;
use crate::control::{self, Guest};
use crate::launch::{self, Launch};
use crate::modules::LoadOrder;
use crate::steps::Steps;
use crate::supervise::Supervisor;
use crate::{background, cgroups, clock, console, disk, modules, mounts, root, settings, shutdown, uplink};
use berth_protocol::boot::{self, BootConfig, Uplink};
use berth_protocol::control::Report;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Why the host's words were not understood.
#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error("{} cannot be read; the host did not append it to the initramfs, install Berth again", boot::PATH)]
    Read(#[source] std::io::Error),
    #[error("{} cannot be understood; host and guest are of different releases, install Berth again", boot::PATH)]
    Parse(#[from] serde_json::Error),
    #[error("{} cannot be removed", boot::PATH)]
    Unlink(#[source] std::io::Error),
    #[error("the host name cannot be set")]
    Hostname(#[from] nix::Error),
}

/// Everything the boot works on.
pub(crate) struct Boot {
    steps: Arc<Steps>,
    children: Arc<Children>,
    supervisor: Arc<Supervisor>,
    uplink: Arc<Supervisor>,
}

impl Boot {
    /// A boot whose PID 1 began `kernel` after the kernel.
    pub(crate) fn new(kernel: Duration, children: Arc<Children>) -> Self {
        Self { steps: Arc::new(Steps::new(kernel)), children, supervisor: Arc::default(), uplink: Arc::default() }
    }

    /// Runs to the end of the engine's supervision, or to the first step that fails.
    pub(crate) fn run(self) {
        if self.steps_in_order().is_none() {
            console::say("the boot stops here; the host can read the report and shut down");
        }
    }

    fn steps_in_order(&self) -> Option<()> {
        let steps = &self.steps;
        steps.run("root", root::settle)?;
        steps.run("mounts", mounts::all)?;
        settings::apply();
        let config = steps.run("config", read_config)?;
        // The disk waits for its device by itself, so it is ready about when the last module is.
        let disk = self.attach_disk();
        let folder = Path::new(modules::FOLDER);
        let order = steps.run("modules", || {
            let order = LoadOrder::read(folder)?;
            modules::load(folder, &order.boot).map(|()| order)
        });
        // Also when a module failed: it may have been another one than the port's.
        steps.run("control", || control::listen(config.secret.clone(), Arc::new(self.controls())))?;
        let order = order?;
        steps.run("clock", || clock::set_at_boot(config.clock_unix_nanos))?;
        steps.run("cgroups", || {
            cgroups::set_up(Path::new(cgroups::TREE), cgroups::Machine::read(Path::new("/proc"))?)
        })?;
        steps.run("network", || uplink::bring_up(&config.uplink).map(|()| self.keep_uplink(&config)))?;
        disk?.join().ok().flatten()?;
        let launch = Launch { program: launch::ENGINE, config, children: Arc::clone(&self.children) };
        let first = |first| {
            steps.run("engine", || first);
            load_late(order);
        };
        self.supervisor.keep_alive(&launch, first, || steps.engine_restarted());
        Some(())
    }

    /// Makes the disk ready beside the other steps; the thread ends with `None` when that failed.
    fn attach_disk(&self) -> Option<JoinHandle<Option<()>>> {
        let (steps, children) = (Arc::clone(&self.steps), Arc::clone(&self.children));
        let work = move || steps.run("disk", || disk::attach(&children));
        match std::thread::Builder::new().name("disk".into()).spawn(work) {
            Ok(thread) => Some(thread),
            Err(error) => self.steps.run("disk", || Err(error)),
        }
    }

    /// Keeps the program alive that carries packets, where packets travel over a stream: not in this process, which must
    /// not die of one, nor in the engine, which may be replaced at any moment.
    fn keep_uplink(&self, config: &BootConfig) {
        if config.uplink != Uplink::Frames {
            return;
        }
        let uplink = Arc::clone(&self.uplink);
        let launch = Launch { program: launch::UPLINK, config: config.clone(), children: Arc::clone(&self.children) };
        let say = |first: std::io::Result<()>| {
            if let Err(error) = first {
                console::say(&format!("there is no way out: {error}"));
            }
        };
        let work = move || uplink.keep_alive(&launch, say, || {});
        if let Err(error) = std::thread::Builder::new().name("uplink".into()).spawn(work) {
            console::say(&format!("there is no way out: {error}"));
        }
    }

    fn controls(&self) -> Controls {
        Controls {
            steps: Arc::clone(&self.steps),
            children: Arc::clone(&self.children),
            supervisor: Arc::clone(&self.supervisor),
            uplink: Arc::clone(&self.uplink),
            shutting_down: AtomicBool::new(false),
        }
    }
}

fn read_config() -> Result<BootConfig, ConfigError> {
    let bytes = std::fs::read(boot::PATH).map_err(ConfigError::Read)?;
    std::fs::remove_file(boot::PATH).map_err(ConfigError::Unlink)?;
    let config: BootConfig = serde_json::from_slice(&bytes)?;
    nix::unistd::sethostname(&config.hostname)?;
    Ok(config)
}

/// Beside the engine's start, and behind it where there is one processor: it answers its first requests without them.
fn load_late(order: LoadOrder) {
    let work = move || {
        if let Err(error) = background::step_back() {
            console::say(&format!("late modules keep their priority: {error}"));
        }
        let result = modules::load(Path::new(modules::FOLDER), &order.late);
        let at = clock::since_kernel_start().as_secs_f64();
        let why = result.err().map(|error| console::chain(&error));
        console::say(&format!("{at:.3} late modules {}", why.as_deref().unwrap_or("done")));
        if let Err(error) = modules::announce(why.as_deref().map_or(Ok(()), Err)) {
            console::say(&format!("the engine cannot be told about modules: {error}"));
        }
    };
    if let Err(error) = std::thread::Builder::new().name("modules".into()).spawn(work) {
        modules::announce(Err(&error.to_string())).ok();
    }
}

/// What the control port drives.
struct Controls {
    steps: Arc<Steps>,
    children: Arc<Children>,
    supervisor: Arc<Supervisor>,
    uplink: Arc<Supervisor>,
    shutting_down: AtomicBool,
}

impl Guest for Controls {
    fn report(&self) -> Report {
        self.steps.report()
    }

    fn shut_down(&self, grace: Duration) {
        if self.shutting_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let (supervisor, uplink) = (Arc::clone(&self.supervisor), Arc::clone(&self.uplink));
        let children = Arc::clone(&self.children);
        let work = move || shutdown::power_off(&supervisor, &uplink, &children, grace);
        if let Err(error) = std::thread::Builder::new().name("shutdown".into()).spawn(work) {
            console::say(&format!("no thread for the shutdown ({error}), it is done here"));
            shutdown::power_off(&self.supervisor, &self.uplink, &self.children, grace);
        }
    }
}
