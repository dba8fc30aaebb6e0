//! P1: `true` from a prepared bundle: create, start, wait, delete. The bundle is what our engine writes for a container
//! with default settings (capabilities, seccomp, masks, cgroup), the same file for every runtime.

use crate::figure::{Figure, line};
use crate::{floor, place, prepared};
use berth_tests::native::{Engine, Ground, program};
use nix::sys::{prctl, wait::waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Containers per runtime and round.
const COUNT: u32 = 200;

/// A runtime under measurement.
struct Runtime {
    name: &'static str,
    program: PathBuf,
    root: PathBuf,
    bundle: PathBuf,
    all: Figure,
    steps: [Figure; 3],
}

/// Prints the line, and each runtime's steps.
pub(crate) fn run(rounds: u32) {
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let prepared = prepared::enter(&ground, &engine);
    // What a runtime leaves running is this process's to wait for.
    prctl::set_child_subreaper(true).expect("a subreaper");
    let spec = std::fs::read(prepared.bundle.join("config.json")).expect("the bundle that the engine wrote");
    let mut spec: Value = serde_json::from_slice(&spec).expect("config.json");
    // Debian's crun knows no later one.
    spec["ociVersion"] = json!("1.0.2");
    spec["process"]["args"] = json!(["true"]);
    spec["root"]["path"] = json!(prepared.rootfs);
    place::describe(ground.dir(), &[&["crun", "--version"], &["runc", "--version"]]);
    let mut runtimes = [("berth-runtime", program("berth-runtime")), ("crun", "crun".into()), ("runc", "runc".into())]
        .map(|(name, program)| Runtime::new(name, program, ground.dir(), &spec));
    if let Err(why) = runtimes[1].once() {
        // crun raises limits, for its device program too, which a root without CAP_SYS_RESOURCE may not.
        println!("note: limits and device rules are left out of every bundle, since here crun says: {}", why.trim());
        for (section, key) in [("linux", "resources"), ("process", "rlimits")] {
            spec[section].as_object_mut().and_then(|section| section.remove(key));
        }
        runtimes.iter_mut().for_each(|runtime| runtime.prepare(&spec));
    }
    let mut limit = Figure::default();
    for round in 1..=rounds {
        let mut of_round: [Figure; 4] = Default::default();
        for _ in 0..COUNT {
            for (runtime, figure) in runtimes.iter_mut().zip(&mut of_round) {
                let steps = runtime.once().unwrap_or_else(|error| panic!("{}: {error}", runtime.name));
                figure.add(steps.iter().sum());
                runtime.steps.iter_mut().zip(steps).for_each(|(figure, step)| figure.add(step));
            }
            let from = Instant::now();
            floor::run(&prepared.rootfs, &prepared.net);
            of_round[3].add_time(from.elapsed());
        }
        let [ours, crun, runc, floor] = &of_round;
        println!("round {round} [us]: ours ({ours}) crun ({crun}) runc ({runc}) limit ({floor})");
        runtimes.iter_mut().zip(&of_round).for_each(|(runtime, figure)| runtime.all.merge(figure));
        limit.merge(floor);
    }
    for runtime in &runtimes {
        let [create, start, delete] = &runtime.steps;
        println!("  {:<14} create ({create}) start to end ({start}) delete ({delete})", runtime.name);
    }
    let [ours, crun, runc] = runtimes;
    line("runtime-vs-runc [us]", &ours.all, &runc.all, &limit);
    line("runtime [us]", &ours.all, &crun.all, &limit);
}

impl Runtime {
    fn new(name: &'static str, program: PathBuf, dir: &Path, spec: &Value) -> Self {
        let bundle = dir.join("bundles").join(name);
        std::fs::create_dir_all(&bundle).expect("a bundle");
        let root = dir.join("state").join(name);
        let runtime = Self { name, program, root, bundle, all: Figure::default(), steps: Default::default() };
        runtime.prepare(spec);
        runtime
    }

    fn prepare(&self, spec: &Value) {
        let mut spec = spec.clone();
        spec["linux"]["cgroupsPath"] = json!(format!("/berth/{}", self.name));
        std::fs::write(self.bundle.join("config.json"), spec.to_string()).expect("config.json");
    }

    /// Microseconds of create, of start until the end of the container, and of delete.
    fn once(&mut self) -> Result<[f64; 3], String> {
        let pid_file = self.bundle.join("pid");
        let mut times = [0.0; 3];
        let from = Instant::now();
        let bundle = self.bundle.to_string_lossy().into_owned();
        self.call(&["create", "--bundle", &bundle, "--pid-file", &pid_file.to_string_lossy(), "bench"])?;
        let created = Instant::now();
        let pid = std::fs::read_to_string(&pid_file).expect("the pid file").trim().parse().expect("a process id");
        self.call(&["start", "bench"])?;
        waitpid(Pid::from_raw(pid), None).map_err(|error| format!("no child {pid}: {error}"))?;
        let ended = Instant::now();
        self.call(&["delete", "bench"])?;
        for (time, (from, to)) in times.iter_mut().zip([(from, created), (created, ended), (ended, Instant::now())]) {
            *time = (to - from).as_secs_f64() * 1e6;
        }
        Ok(times)
    }

    fn call(&self, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(&self.root).args(arguments);
        // A container's output is what its runtime's is: a pipe would be held open by it.
        let errors = self.bundle.join("errors");
        let said = std::fs::File::create(&errors).expect("a file");
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).status().expect("a runtime");
        match status.success() {
            true => Ok(()),
            false => Err(std::fs::read_to_string(&errors).unwrap_or_default()),
        }
    }
}
