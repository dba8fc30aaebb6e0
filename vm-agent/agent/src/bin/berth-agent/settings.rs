//! Kernel settings (`/proc/sys`) and limits of a machine that runs containers.

use crate::console;
use nix::sys::resource::{Resource, setrlimit};
use std::path::Path;

/// Path below `/proc/sys`, value, why.
const SETTINGS: [(&str, &str); 11] = [
    // Containers reach the outside through the guest.
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv6/conf/all/forwarding", "1"),
    ("net/ipv6/conf/default/forwarding", "1"),
    // A kernel that has lost its way ends, so that the host notices and starts it again.
    ("kernel/panic_on_oops", "1"),
    // A container does not read the guest kernel's log or addresses.
    ("kernel/dmesg_restrict", "1"),
    ("kernel/kptr_restrict", "1"),
    ("kernel/unprivileged_bpf_disabled", "1"),
    // What common images ask for: search engines map many files, development servers watch many.
    ("vm/max_map_count", "262144"),
    ("fs/inotify/max_user_watches", "1048576"),
    ("fs/inotify/max_user_instances", "8192"),
    // Little is gained by writing memory of a machine without swap early.
    ("vm/dirty_expire_centisecs", "1500"),
];
/// Open files of the engine, and so of containers that do not say otherwise: what servers expect of a container machine.
const OPEN_FILES: u64 = 1_048_576;

/// Writes them all. One that the kernel does not know is said and left: no container fails to start for it.
pub(crate) fn apply() {
    for (name, value) in SETTINGS {
        if let Err(error) = std::fs::write(Path::new("/proc/sys").join(name), value) {
            console::say(&format!("setting {name} = {value} was refused: {error}"));
        }
    }
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES) {
        console::say(&format!("the limit of open files stays: {error}"));
    }
}
