//! QEMU does not outlive the process that started it, however that process ends.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod fixture;

use berth_machine::Driver;
use berth_machine::boot::Timeline;
use berth_machine_qemu::QemuDriver;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Set in the process that this test starts, kills, and so cannot be itself.
const OWNER: &str = "BERTH_TEST_OWNER_DIR";
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn killing_the_owner_kills_qemu() {
    if let Some(dir) = env::var_os(OWNER) {
        return own(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let program = env::current_exe().expect("this program");
    let mut owner = Command::new(program)
        .args(["--exact", "killing_the_owner_kills_qemu", "--nocapture"])
        .env(OWNER, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(owner.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let pid = lines.find_map(|line| line.strip_prefix("qemu is ").map(str::to_owned));
    owner.kill().expect("killed");
    owner.wait().expect("reaped");
    let process = Path::new("/proc").join(pid.expect("QEMU was started"));
    let began = Instant::now();
    while is_running(&process) {
        assert!(began.elapsed() < PATIENCE, "QEMU lives on without its owner");
        sleep(Duration::from_millis(10));
    }
}

async fn own(dir: &Path) {
    let booted = QemuDriver::detect().boot(fixture::spec(dir), &mut Timeline::new(|_| {})).await;
    let vm = booted.expect("booted");
    println!("\nqemu is {}", vm.pid().expect("it runs"));
    vm.wait().await;
}

/// Whether the process exists and is no zombie: whoever inherits it may be slow to reap.
fn is_running(process: &Path) -> bool {
    let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
