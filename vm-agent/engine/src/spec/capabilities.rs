//! Which capabilities a container has.

use crate::{Error, Result, container::HostConfig};
use std::collections::BTreeSet;

/// Docker's fourteen (moby `oci/caps/defaults.go`).
const DEFAULT: &[&str] = &[
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];
/// Those the kernel has besides (linux/capability.h of 6.12).
const OTHERS: &[&str] = &[
    "CAP_AUDIT_CONTROL",
    "CAP_AUDIT_READ",
    "CAP_BLOCK_SUSPEND",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
    "CAP_DAC_READ_SEARCH",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_NET_ADMIN",
    "CAP_NET_BROADCAST",
    "CAP_PERFMON",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_MODULE",
    "CAP_SYS_NICE",
    "CAP_SYS_PACCT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
];

/// Every one for a privileged container; else what [`tweaked`] says. What makes no sense is refused either way.
pub(super) fn of(host: &HostConfig) -> Result<BTreeSet<&'static str>> {
    let tweaked = tweaked(&host.cap_add, &host.cap_drop)?;
    Ok(if host.privileged { DEFAULT.iter().chain(OTHERS).copied().collect() } else { tweaked })
}

/// The default ones, more and fewer, by docker's rules: an added `ALL` is every one less those dropped, a dropped
/// `ALL` leaves those added.
fn tweaked(add: &[String], drop: &[String]) -> Result<BTreeSet<&'static str>> {
    let (add, all_added) = parse("CapAdd", add)?;
    let (drop, all_dropped) = parse("CapDrop", drop)?;
    if all_added {
        return Ok(DEFAULT.iter().chain(OTHERS).copied().filter(|cap| !drop.contains(cap)).collect());
    }
    if all_dropped {
        return Ok(add);
    }
    let mut caps: BTreeSet<_> = DEFAULT.iter().copied().filter(|cap| !drop.contains(cap)).collect();
    caps.extend(add);
    Ok(caps)
}

fn parse(field: &str, names: &[String]) -> Result<(BTreeSet<&'static str>, bool)> {
    let mut caps = BTreeSet::new();
    let mut all = false;
    for name in names {
        let upper = name.to_ascii_uppercase();
        if upper == "ALL" {
            all = true;
            continue;
        }
        let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
        let known = DEFAULT.iter().chain(OTHERS).copied().find(|cap| *cap == full);
        caps.insert(
            known.ok_or_else(|| Error::InvalidParameter(format!("invalid {field}: unknown capability: {full:?}")))?,
        );
    }
    Ok((caps, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(add: &[&str], drop: &[&str]) -> BTreeSet<&'static str> {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        tweaked(&owned(add), &owned(drop)).unwrap()
    }

    #[test]
    fn dockers_rules() {
        assert_eq!(caps(&[], &[]).len(), 14);
        assert!(caps(&["net_admin"], &[]).contains("CAP_NET_ADMIN"));
        assert!(!caps(&[], &["CAP_NET_RAW"]).contains("CAP_NET_RAW"));
        assert_eq!(caps(&["CHOWN"], &["ALL"]), BTreeSet::from(["CAP_CHOWN"]));
        let most = caps(&["ALL"], &["SYS_ADMIN"]);
        assert!(most.len() == 40 && !most.contains("CAP_SYS_ADMIN"));
        let error = tweaked(&["FLY".into()], &[]).unwrap_err().to_string();
        assert_eq!(error, "invalid CapAdd: unknown capability: \"CAP_FLY\"");
    }
}
