//! A network of its own for one case, as if the host stood elsewhere: what the case starts sees nothing of this machine's.

use nix::sched::{CloneFlags, unshare};
use std::process::Command;
use std::thread;

/// The host's addresses there, where its other programs listen.
pub const HERE: &str = "203.0.113.1";
/// The same of IPv6.
pub const HERE_V6: &str = "2001:db8::1";
/// Somebody in the same network who never answers.
pub const SILENT: &str = "203.0.113.99";

/// Runs a case on a thread whose network is its own: an interface with an address of each family, and no way further.
///
/// # Panics
/// When the case does.
pub fn on_own_network(case: impl FnOnce() + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: a network of its own takes root");
        return;
    }
    let ran = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network");
        ip("link set lo up");
        ip("link add lan type veth peer name wire");
        ip("link set wire up");
        ip(&format!("address add {HERE}/24 dev lan"));
        ip(&format!("address add {HERE_V6}/64 dev lan nodad"));
        ip("link set lan up");
        ip(&format!("neighbor add {SILENT} lladdr 02:00:00:00:00:63 dev lan"));
        // Of this network only: what a system tells after minutes comes after seconds.
        std::fs::write("/proc/sys/net/ipv4/tcp_syn_retries", "1").expect("a setting");
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").expect("a setting");
        case();
    });
    if let Err(panic) = ran.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Changes the network that this thread is on, with iproute's `ip`.
///
/// # Panics
/// When it refuses.
pub fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is installed");
    assert!(status.success(), "ip {arguments}");
}
