//! A bundle with busybox in it, and the commands of the runtime on it.

use std::{
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

const RUNTIME: &str = env!("CARGO_BIN_EXE_berth-runtime");
const BUSYBOX: &str = "/bin/busybox";

/// docker's default capabilities, and their bits as /proc shows them.
pub(crate) const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];
pub(crate) const CAPABILITY_BITS: &str = "00000000a80425fb";

/// One container and its directory.
pub(crate) struct Fixture {
    place: tempfile::TempDir,
    pub(crate) spec: Value,
    pub(crate) id: String,
    /// Run before each command of the runtime, in its mount namespace.
    preparation: String,
}

/// How a monitored container ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i64,
    pub(crate) signal: Option<i64>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Fixture {
    /// A container that runs `script` in a shell, with docker's defaults.
    pub(crate) fn new(script: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "containers are made by root: run the tests as root");
        assert!(Path::new(BUSYBOX).exists(), "{BUSYBOX} is missing: install it with: apt-get install busybox-static");
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let place = tempfile::tempdir().unwrap();
        let fixture = Self { place, spec: default_spec(script), id, preparation: String::new() };
        fixture.populate();
        fixture
    }

    fn populate(&self) {
        let bin = self.rootfs().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir(self.rootfs().join("etc")).unwrap();
        fs::copy(BUSYBOX, bin.join("busybox")).unwrap();
        let applets = Command::new(BUSYBOX).arg("--list").output().unwrap().stdout;
        for applet in String::from_utf8(applets).unwrap().lines().filter(|applet| *applet != "busybox") {
            symlink("busybox", bin.join(applet)).unwrap();
        }
    }

    /// Where the bundle, and everything else of this test, lies.
    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.place.path().join("rootfs")
    }

    /// Changes the configuration.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.spec);
        self
    }

    /// Adds a mount behind the default ones.
    pub(crate) fn mount(self, mount: Value) -> Self {
        self.with(|spec| spec["mounts"].as_array_mut().unwrap().push(mount))
    }

    /// Has `script` run before each command, for what must be mounted.
    pub(crate) fn prepared_by(mut self, script: &str) -> Self {
        self.preparation = format!("{script} && ");
        self
    }

    pub(crate) fn write_config(&self) {
        fs::write(self.path().join("config.json"), self.spec.to_string()).unwrap();
    }

    /// The runtime with `arguments`, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        let script = format!("{}exec \"$0\" \"$@\"", self.preparation);
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script, RUNTIME, "--root"]);
        command.arg(self.path().join("state")).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs the runtime with `arguments`.
    pub(crate) fn runtime(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the runtime with `arguments`, which must succeed, and returns what it printed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.runtime(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the runtime with `arguments`, which must fail, and returns its complaint.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.runtime(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        complaint
    }

    /// `create` without a monitor; the container's output is thrown away.
    pub(crate) fn create(&self) {
        self.write_config();
        let mut command = self.command(&["create", "--bundle", self.path().to_str().unwrap(), &self.id]);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.succeed(&["state", &self.id])).unwrap()
    }

    /// The monitor, not yet started.
    pub(crate) fn monitor_command(&self) -> Command {
        let log = self.log();
        let (bundle, log) = (self.path().to_str().unwrap(), log.to_str().unwrap());
        self.command(&["monitor", "--bundle", bundle, "--log", log, &self.id])
    }

    /// Starts the monitor, and returns it with its announcement.
    pub(crate) fn monitor(&self) -> (Child, Value) {
        self.monitor_with(&[])
    }

    /// As [`Fixture::monitor`], with more options.
    pub(crate) fn monitor_with(&self, options: &[&str]) -> (Child, Value) {
        self.write_config();
        let mut monitor = self.monitor_command().args(options).stdout(Stdio::piped()).spawn().unwrap();
        let mut announcement = String::new();
        monitor.stdout.take().unwrap().read_to_string(&mut announcement).unwrap();
        assert_eq!(announcement.lines().count(), 1, "{announcement}");
        (monitor, serde_json::from_str(&announcement).unwrap())
    }

    /// Runs the container to its end under a monitor.
    pub(crate) fn run(&self) -> Ended {
        let (mut monitor, announcement) = self.monitor();
        assert!(announcement["created"]["pid"].is_u64(), "{announcement}");
        self.succeed(&["start", &self.id]);
        assert!(monitor.wait().unwrap().success());
        self.succeed(&["delete", &self.id]);
        self.ended()
    }

    /// Has the monitor fail to create the container, and returns the error it announces.
    pub(crate) fn refused(&self) -> Value {
        let (mut monitor, announcement) = self.monitor();
        assert!(announcement.get("error").is_some(), "{announcement}");
        assert!(!monitor.wait().unwrap().success(), "{announcement}");
        assert!(!self.path().join("state").join(&self.id).exists(), "a half-made container stayed");
        assert!(!self.path().join("monitor.sock").exists());
        announcement["error"].clone()
    }

    /// What the monitor has recorded.
    pub(crate) fn ended(&self) -> Ended {
        let exit: Value = serde_json::from_slice(&fs::read(self.path().join("exit.json")).unwrap()).unwrap();
        let text = |stream: &str| -> String {
            let entries = self.log_entries();
            let of_stream = entries.iter().filter(|entry| entry["stream"] == stream);
            of_stream.map(|entry| entry["log"].as_str().unwrap()).collect()
        };
        Ended {
            code: exit["exited"]["code"].as_i64().unwrap(),
            signal: exit["exited"]["signal"].as_i64(),
            stdout: text("stdout"),
            stderr: text("stderr"),
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("container.log")
    }

    pub(crate) fn log_entries(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.log()).unwrap();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Fixture {
    /// A failed test leaves no container behind.
    fn drop(&mut self) {
        self.runtime(&["delete", "--force", &self.id]);
    }
}

/// Whether `condition` comes to hold within half a minute: for what another process does in its own time.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::time::Instant::now() < deadline {
        if condition() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    false
}

fn default_spec(script: &str) -> Value {
    let seccomp: Value = serde_json::from_str(include_str!("../../../engine/src/spec/seccomp-default.json")).unwrap();
    json!({
        "ociVersion": "1.2.0",
        "process": {
            "user": { "uid": 0, "gid": 0 },
            "args": ["sh", "-c", script],
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": CAPABILITIES,
                "permitted": CAPABILITIES
            }
        },
        "root": { "path": "rootfs" },
        "hostname": "box",
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] },
            {
                "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]
            },
            {
                "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
            },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] },
            {
                "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                "options": ["ro", "nosuid", "noexec", "nodev"]
            },
            { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"] },
            {
                "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]
            }
        ],
        "linux": {
            "namespaces": [
                { "type": "mount" }, { "type": "network" }, { "type": "uts" }, { "type": "pid" }, { "type": "ipc" },
                { "type": "cgroup" }
            ],
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
                "/sys/devices/virtual/powercap", "/sys/firmware"
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            "seccomp": seccomp
        }
    })
}
