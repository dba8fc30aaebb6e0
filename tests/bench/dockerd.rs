//! The peer: Debian's dockerd with its own containerd, on ground of its own beside our engine's.

use berth_tests::native::{Client, Ground, busybox};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(60);

/// A running dockerd with the image `busybox`.
pub(crate) struct Dockerd {
    ground: Ground,
    process: Child,
}

impl Dockerd {
    /// Starts it; `None`, with a line that says so, when this machine has none or it does not come up.
    pub(crate) fn start() -> Option<Self> {
        let ground = Ground::new();
        let place = |name: &str| ground.dir().join(name).to_string_lossy().into_owned();
        let log = File::create(place("dockerd.log")).expect("a log");
        let mut command = ground.command("dockerd");
        command.args(["--data-root", &place("data"), "--exec-root", &place("exec"), "--pidfile", &place("pid")]);
        command.args(["--host", &format!("unix://{}", place("docker.sock")), "--storage-driver", "overlay2"]);
        command.args(["--cgroup-parent", "/berth"]).stdin(Stdio::null()).stdout(log.try_clone().expect("a log"));
        let process = command.stderr(log).spawn().ok()?;
        let mut dockerd = Self { ground, process };
        let started = Instant::now();
        while !dockerd.socket().exists() {
            std::thread::sleep(Duration::from_millis(50));
            if dockerd.process.try_wait().expect("wait").is_some() || started.elapsed() > START {
                let log = std::fs::read_to_string(dockerd.ground.dir().join("dockerd.log")).unwrap_or_default();
                println!(
                    "note: dockerd does not run here: {}",
                    log.lines().next_back().unwrap_or("it is not installed")
                );
                return None;
            }
        }
        dockerd.client().load(&busybox());
        Some(dockerd)
    }

    /// Where its API is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.ground.dir().join("docker.sock")
    }

    /// A connection to its API.
    pub(crate) fn client(&self) -> Client {
        Client::to(&self.socket())
    }

    /// What it stands on.
    pub(crate) fn ground(&self) -> &Ground {
        &self.ground
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // nsenter has become dockerd: SIGTERM lets it stop its containers and its containerd.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).expect("a process id"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).ok();
        self.process.wait().ok();
    }
}
