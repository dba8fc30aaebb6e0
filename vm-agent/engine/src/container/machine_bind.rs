//! Whether a path of the machine can be mounted as asked.

use crate::{Error, Result};
use std::path::Path;

/// Refuses a source that is not there, and a propagation that the mount it lies on does not have: docker's sentences
/// (moby `volume/mounts/validate.go`, `daemon/oci_linux.go`).
pub(crate) fn check(source: &str, propagation: &str) -> Result<()> {
    let Ok(resolved) = std::fs::canonicalize(source) else {
        return Err(Error::InvalidParameter(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {source}"
        )));
    };
    let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo")
        .map_err(|e| Error::Internal(format!("could not read the machine's mounts: {e}")))?;
    shared_enough(source, &resolved, propagation, &mounts)
}

/// `resolved` is `source` without links.
fn shared_enough(source: &str, resolved: &Path, propagation: &str, mounts: &str) -> Result<()> {
    let (wanted, what): (&[&str], _) = match propagation {
        "shared" | "rshared" => (&["shared:"], "a shared"),
        "slave" | "rslave" => (&["shared:", "master:"], "a shared or slave"),
        _ => return Ok(()),
    };
    // mountinfo(5): the mount point is the fifth field, the optional ones are the seventh up to a dash.
    let mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.get(4).is_some_and(|point| resolved.starts_with(point)))
        .max_by_key(|fields| fields[4].len());
    let mut optional = mount.iter().flatten().skip(6).take_while(|field| **field != "-");
    if optional.any(|field| wanted.iter().any(|kind| field.starts_with(kind))) {
        return Ok(());
    }
    let point = mount.as_ref().and_then(|fields| fields.get(4)).copied().unwrap_or("/");
    Err(Error::InvalidParameter(format!("path {source} is mounted on {point} but it is not {what} mount")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "21 1 0:19 / / rw,relatime - tmpfs root rw
22 21 0:20 / /proc rw - proc proc rw
23 21 0:21 / /sys rw shared:7 - sysfs sysfs rw
24 23 0:22 / /sys/fs/cgroup rw master:7 - cgroup2 cgroup2 rw";

    #[test]
    fn a_mount_propagates_as_far_as_it_is_shared() {
        let look = |source: &str, kind: &str| shared_enough(source, Path::new(source), kind, MOUNTS);
        let said = |source: &str, kind: &str| look(source, kind).unwrap_err().to_string();
        look("/proc/sys", "rprivate").unwrap();
        look("/sys", "rslave").unwrap();
        look("/sys/class", "rshared").unwrap();
        look("/sys/fs/cgroup/x", "slave").unwrap();
        assert_eq!(
            said("/proc/sys", "rslave"),
            "path /proc/sys is mounted on /proc but it is not a shared or slave mount"
        );
        assert_eq!(said("/dev", "rshared"), "path /dev is mounted on / but it is not a shared mount");
        assert_eq!(
            said("/sys/fs/cgroup/x", "shared"),
            "path /sys/fs/cgroup/x is mounted on /sys/fs/cgroup but it is not a shared mount"
        );
        assert!(
            check("/proc/nope", "").unwrap_err().to_string().ends_with("bind source path does not exist: /proc/nope")
        );
    }

    #[test]
    fn the_mount_is_the_one_that_a_link_leads_to() {
        let refused = shared_enough("/sys/link", Path::new("/proc/1"), "rshared", MOUNTS).unwrap_err().to_string();
        assert_eq!(refused, "path /sys/link is mounted on /proc but it is not a shared mount");
    }
}
