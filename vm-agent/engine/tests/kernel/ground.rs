//! A machine for one case.

use berth_engine::{
    Engine, EngineConfig,
    container::{ContainerConfig, CreateContainer, HostConfig, WaitCondition},
    log::LogOptions,
};
use berth_protocol::{
    boot::{DeviceUplink, Uplink},
    settings::EngineSettings,
};
use futures_util::StreamExt;
use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
};
use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

const BUSYBOX: &str = "/bin/busybox";

/// What a case stands on.
pub(crate) struct Ground {
    pub(crate) dir: PathBuf,
    runtime: PathBuf,
    /// What its engines are set to.
    pub(crate) settings: EngineSettings,
}

/// Runs a case on a thread whose network and mounts are its own.
pub(crate) fn on_own_ground<F: Future<Output = ()>>(case: impl FnOnce(Ground) -> F + Send + 'static) {
    let Some(runtime) = runtime() else {
        eprintln!("skipped: needs root, {BUSYBOX} and berth-runtime (cargo build -p berth-runtime)");
        return;
    };
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        // As in the guest: what a container mounts must not reach even a shared mount.
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SHARED, None::<&str>).unwrap();
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        // On a disk: an overlay's writable part cannot be on every temporary filesystem.
        let dir = tempfile::Builder::new().prefix("bt").tempdir_in("/var/tmp").unwrap();
        let ground = Ground { dir: dir.path().to_owned(), runtime, settings: EngineSettings::default() };
        fs::create_dir_all(ground.dir.join("run")).unwrap();
        fs::write(ground.dir.join("run/modules-loaded"), "").unwrap();
        // One hierarchy exists for the whole machine, and an engine sweeps what it does not know: each case has a part.
        mount(Some("cgroup2"), "/sys/fs/cgroup", Some("cgroup2"), MsFlags::empty(), None::<&str>).unwrap();
        let part = Path::new("/sys/fs/cgroup").join(ground.dir.file_name().unwrap());
        fs::create_dir(&part).unwrap();
        mount(Some(&part), "/sys/fs/cgroup", None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        block_on(case(ground));
        umount("/sys/fs/cgroup").unwrap();
        for empty in [part.join("berth"), part] {
            fs::remove_dir(empty).unwrap();
        }
    })
    .join()
    .unwrap();
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

fn runtime() -> Option<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("berth-runtime"));
    let runtime = std::env::var_os("BERTH_RUNTIME").map(PathBuf::from).or_else(beside)?;
    let all = nix::unistd::geteuid().is_root() && runtime.exists() && Path::new(BUSYBOX).exists();
    all.then_some(runtime)
}

impl Ground {
    pub(crate) async fn engine(&self) -> Engine {
        let uplink = DeviceUplink {
            interface: "eth0".into(),
            address: [10, 0, 2, 15].into(),
            prefix: 24,
            gateway: [10, 0, 2, 2].into(),
            dns: vec![[10, 0, 2, 3].into()],
            host: [10, 0, 2, 2].into(),
        };
        let config = EngineConfig {
            data: self.dir.join("data"),
            run: self.dir.join("run"),
            cgroup_root: "/sys/fs/cgroup".into(),
            runtime: self.runtime.clone(),
            modules_loaded: self.dir.join("run/modules-loaded"),
            modules_failed: self.dir.join("run/modules-failed"),
            uplink: Uplink::Device(uplink),
            ca_roots_pem: vec![],
            registry_certificates: BTreeMap::new(),
            hostname: "berth".into(),
            host_routes: vec![],
            settings: self.settings.clone(),
        };
        Engine::open(config).await.unwrap()
    }

    /// An engine that has the image `busybox`.
    pub(crate) async fn engine_with_busybox(&self) -> Engine {
        let engine = self.engine().await;
        let loaded = engine.load_images(std::io::Cursor::new(archive()), None).await.unwrap();
        let loaded: Vec<_> = loaded.map(|event| event.unwrap().to_string()).collect().await;
        assert_eq!(loaded.last().unwrap(), "Loaded image: busybox:latest");
        engine
    }

    /// Runs an engine in a runtime of its own and ends it in the middle of whatever it does.
    pub(crate) fn engine_that_dies<F: Future<Output = ()> + Send>(&self, work: impl FnOnce(Engine) -> F + Send) {
        thread::scope(|scope| {
            scope.spawn(|| block_on(async { work(self.engine().await).await }));
        });
    }

    /// Nothing that only a running container needs is left.
    pub(crate) fn nothing_runs(&self) {
        let mounts = fs::read_to_string("/proc/thread-self/mounts").unwrap();
        assert!(!mounts.contains(self.dir.to_str().unwrap()), "{mounts}");
        let links = String::from_utf8(Command::new("ip").args(["-o", "link"]).output().unwrap().stdout).unwrap();
        assert!(!links.contains("vb"), "{links}");
        assert_eq!(fs::read_dir(self.dir.join("run/netns")).unwrap().count(), 0);
    }
}

/// A request to run a shell line.
pub(crate) fn shell(
    name: &str,
    line: &str,
    change: impl FnOnce(&mut ContainerConfig, &mut HostConfig),
) -> CreateContainer {
    let cmd = Some(["sh", "-c", line].map(str::to_owned).to_vec());
    let mut config = ContainerConfig { image: "busybox".into(), cmd, ..ContainerConfig::default() };
    let mut host = HostConfig::default();
    change(&mut config, &mut host);
    CreateContainer { name: Some(name.into()), config, host, ..CreateContainer::default() }
}

/// Runs a shell line to its end: its output and exit code.
pub(crate) async fn run(
    engine: &Engine,
    name: &str,
    line: &str,
    change: impl FnOnce(&mut ContainerConfig, &mut HostConfig),
) -> (String, i64) {
    let id = engine.create_container(shell(name, line, change)).await.unwrap().id;
    let wait = engine.wait_container(&id, WaitCondition::NextExit).await.unwrap();
    engine.start_container(&id).await.unwrap();
    let code = wait.outcome().await.exit_code;
    (output(engine, name).await, code)
}

/// All that a container printed.
pub(crate) async fn output(engine: &Engine, name: &str) -> String {
    let options = LogOptions { stdout: true, stderr: true, ..LogOptions::default() };
    let frames: Vec<_> = engine.container_logs(name, options).await.unwrap().collect().await;
    frames.into_iter().map(|frame| String::from_utf8(frame.unwrap().bytes.to_vec()).unwrap()).collect()
}

/// `docker save` of an image with busybox in it.
fn archive() -> Vec<u8> {
    let mut layer = tar::Builder::new(Vec::new());
    let mut add = |path: &str, mode: u32, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        layer.append_data(&mut header, path, bytes).unwrap();
    };
    add("bin/busybox", 0o755, &fs::read(BUSYBOX).unwrap());
    add("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/www:/bin/sh\n");
    add("etc/group", 0o644, b"root:x:0:\nwww:x:33:\nextra:x:50:www\n");
    add("etc/plain", 0o644, b"not a program\n");
    add("www/index.html", 0o644, b"hello from the image\n");
    for applet in [
        "sh", "cat", "echo", "grep", "wc", "head", "mkdir", "id", "httpd", "sleep", "ls", "hostname", "mount", "touch",
        "seq", "true", "env", "ip", "nc", "stty", "tty", "pwd", "stat", "chown", "chmod", "ping", "kill",
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        layer.append_link(&mut header, format!("bin/{applet}"), "busybox").unwrap();
    }
    let layer = layer.into_inner().unwrap();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Cmd": ["sh"] },
        "rootfs": { "type": "layers", "diff_ids": [berth_image::Digest::of(&layer).to_string()] },
    });
    let manifest =
        serde_json::json!([{ "Config": "config.json", "RepoTags": ["busybox:latest"], "Layers": ["layer.tar"] }]);
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("manifest.json", manifest.to_string().into_bytes()),
        ("config.json", config.to_string().into_bytes()),
        ("layer.tar", layer),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    archive.into_inner().unwrap()
}
