//! Whether a path of the machine can be mounted as asked.

use crate::{Error, Result};
use std::path::Path;

/// Refuses a source that is not there, and a propagation that the mount it lies on does not have: docker's sentences
/// (moby `volume/mounts/validate.go`, `daemon/oci_linux.go`).
pub(crate) fn check(source: &str, propagation: &str) -> Result<()> {
    if !Path::new(source).exists() {
        return Err(Error::InvalidParameter(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {source}"
        )));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")
        .map_err(|e| Error::Internal(format!("could not read the machine's mounts: {e}")))?;
    shared_enough(source, propagation, &mounts)
}

fn shared_enough(source: &str, propagation: &str, mounts: &str) -> Result<()> {
    let wanted: &[&str] = match propagation.trim_start_matches('r') {
        "shared" => &["shared:"],
        "slave" => &["shared:", "master:"],
        _ => return Ok(()),
    };
    // mountinfo(5): the mount point is the fifth field, the optional ones are the seventh up to a dash.
    let mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.get(4).is_some_and(|point| Path::new(source).starts_with(point)))
        .max_by_key(|fields| fields[4].len());
    let optional = mount.iter().flatten().skip(6).take_while(|field| **field != "-");
    let has_it = optional.into_iter().any(|field| wanted.iter().any(|kind| field.starts_with(kind)));
    if has_it && wanted.len() > 1 {
        return Ok(());
    }
    let point = mount.as_ref().and_then(|fields| fields.get(4)).copied().unwrap_or("/");
    let what = if wanted.len() > 1 { "a shared or slave" } else { "a shared" };
    Err(Error::InvalidParameter(if has_it {
        format!("path {source}: a container's mounts cannot be shared back to the machine; use rslave")
    } else {
        format!("path {source} is mounted on {point} but it is not {what} mount")
    }))
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
        let said = |source: &str, kind: &str| shared_enough(source, kind, MOUNTS).unwrap_err().to_string();
        shared_enough("/proc/sys", "rprivate", MOUNTS).unwrap();
        shared_enough("/sys", "rslave", MOUNTS).unwrap();
        shared_enough("/sys/fs/cgroup/x", "slave", MOUNTS).unwrap();
        assert_eq!(
            said("/proc/sys", "rslave"),
            "path /proc/sys is mounted on /proc but it is not a shared or slave mount"
        );
        assert_eq!(said("/dev", "rshared"), "path /dev is mounted on / but it is not a shared mount");
        assert!(said("/sys", "shared").contains("use rslave"));
        assert!(
            check("/proc/nope", "").unwrap_err().to_string().ends_with("bind source path does not exist: /proc/nope")
        );
    }
}
