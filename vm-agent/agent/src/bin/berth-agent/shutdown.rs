//! The end of the machine: engine, containers, disk, power, in this order and each with a deadline.

use crate::children::Children;
use crate::console;
use crate::disk;
use crate::supervise::Supervisor;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, sync};
use std::time::Duration;

/// How long processes may take between being asked and being killed, after the engine has gone.
const STRAGGLERS: Duration = Duration::from_secs(2);
/// How long the kernel may take to remove killed processes.
const KILLED: Duration = Duration::from_secs(5);
/// Mounts that hold files of the data disk stand below these.
const HOLDERS: [&str; 2] = [disk::PLACE, "/run/berth"];

/// Ends everything and powers off. Does not return unless the kernel refuses.
pub(crate) fn power_off(engine: &Supervisor, uplink: &Supervisor, children: &Children, grace: Duration) {
    console::say("shutting down");
    engine.stop(grace);
    // Containers had their way out to the end.
    uplink.stop(STRAGGLERS);
    for (signal, wait) in [(Signal::SIGTERM, STRAGGLERS), (Signal::SIGKILL, KILLED)] {
        // Everything but this process, in all namespaces.
        if kill(Pid::from_raw(-1), signal).is_err() || children.wait_none_left(wait) {
            break;
        }
    }
    sync();
    release_disk();
    sync();
    console::say("powering off");
    let Err(error) = reboot(RebootMode::RB_POWER_OFF);
    console::say(&format!("the machine cannot be powered off: {error}; end it from the host"));
}

fn release_disk() {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for place in to_unmount(&mounts) {
        let Err(error) = umount2(place.as_str(), MntFlags::UMOUNT_NOFOLLOW) else { continue };
        if place != disk::PLACE {
            // Detached it no longer stands in the way of what is below it.
            umount2(place.as_str(), MntFlags::MNT_DETACH).ok();
            continue;
        }
        // Read-only is as good: everything is written and the journal is closed.
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        if let Err(again) = mount(None::<&str>, place.as_str(), None::<&str>, flags, None::<&str>) {
            console::say(&format!(
                "the data disk stays mounted ({error}, {again}); its journal is replayed at the next start"
            ));
        }
    }
}

/// Mount points that hold the disk, the last mounted first. Field five of a line is the point, with octal escapes
/// (proc(5)).
fn to_unmount(mountinfo: &str) -> Vec<String> {
    let below = |point: &str| {
        HOLDERS
            .iter()
            .any(|holder| point.strip_prefix(holder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    let mut points: Vec<String> = mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescape)
        .filter(|point| below(point))
        .collect();
    points.reverse();
    points
}

fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_on_the_disk_goes_before_the_disk_and_the_rest_stays() {
        let mountinfo = "22 1 0:5 / /proc rw - proc proc rw\n\
                         30 1 254:0 / /data rw - ext4 /dev/vda rw\n\
                         31 1 0:30 / /database rw - tmpfs tmpfs rw\n\
                         40 1 0:31 / /run/berth/containers/a\\040b/rootfs rw - overlay overlay rw\n";
        assert_eq!(to_unmount(mountinfo), ["/run/berth/containers/a b/rootfs", "/data"]);
    }
}
