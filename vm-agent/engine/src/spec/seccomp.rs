//! The default seccomp profile, opened for what added capabilities are for.

use super::seccomp_profile;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Docker's allow-list for the default capabilities, as an OCI object.
const DEFAULT: &str = include_str!("seccomp-default.json");

/// System calls that docker's profile allows with a capability (moby `profiles/seccomp/default.json`).
const WITH_CAPABILITY: &[(&str, &[&str])] = &[
    ("CAP_BPF", &["bpf"]),
    ("CAP_DAC_READ_SEARCH", &["open_by_handle_at"]),
    ("CAP_PERFMON", &["perf_event_open"]),
    (
        "CAP_SYS_ADMIN",
        &[
            "bpf",
            "clone",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "syslog",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    ("CAP_SYS_BOOT", &["reboot"]),
    ("CAP_SYS_MODULE", &["delete_module", "finit_module", "init_module"]),
    ("CAP_SYS_NICE", &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    ("CAP_SYS_PACCT", &["acct"]),
    ("CAP_SYS_PTRACE", &["kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"]),
    ("CAP_SYS_RAWIO", &["ioperm", "iopl"]),
    ("CAP_SYS_TIME", &["clock_settime", "clock_settime64", "settimeofday", "stime"]),
    ("CAP_SYS_TTY_CONFIG", &["vhangup"]),
    ("CAP_SYSLOG", &["syslog"]),
];

/// A profile of the user's own for a container with these capabilities.
///
/// # Errors
/// One sentence for a text that is no profile.
pub(super) fn own_profile(text: &str, capabilities: &BTreeSet<&str>) -> Result<Value> {
    let kernel = rustix::system::uname();
    seccomp_profile::read(text, capabilities, &kernel.release().to_string_lossy())
}

/// The profile for a container with these capabilities.
pub(super) fn default_profile(capabilities: &BTreeSet<&str>) -> Result<Value> {
    let mut profile: Value = serde_json::from_str(DEFAULT)
        .map_err(|e| Error::Internal(format!("the seccomp profile cannot be read: {e}")))?;
    let opened: BTreeSet<&str> = WITH_CAPABILITY
        .iter()
        .filter(|(capability, _)| capabilities.contains(capability))
        .flat_map(|(_, calls)| calls.iter().copied())
        .collect();
    if opened.is_empty() {
        return Ok(profile);
    }
    let Some(rules) = profile["syscalls"].as_array_mut() else {
        return Err(Error::Internal("the seccomp profile has no system calls".to_owned()));
    };
    // A rule with conditions or a refusal would stand beside the open one: it has to go.
    for rule in rules.iter_mut() {
        if let Some(names) = rule["names"].as_array_mut() {
            names.retain(|name| name.as_str().is_none_or(|name| !opened.contains(name)));
        }
    }
    rules.retain(|rule| rule["names"].as_array().is_none_or(|names| !names.is_empty()));
    rules.push(json!({ "names": opened, "action": "SCMP_ACT_ALLOW" }));
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_for(profile: &Value, call: &str) -> Vec<Value> {
        let rules = profile["syscalls"].as_array().unwrap();
        rules.iter().filter(|rule| rule["names"].as_array().unwrap().contains(&json!(call))).cloned().collect()
    }

    #[test]
    fn the_default_profile_keeps_mounting_away_and_a_capability_opens_it() {
        let plain = default_profile(&BTreeSet::from(["CAP_CHOWN"])).unwrap();
        assert!(rules_for(&plain, "mount").is_empty() && rules_for(&plain, "bpf").is_empty());
        assert_eq!(rules_for(&plain, "clone3")[0]["action"], "SCMP_ACT_ERRNO");
        let admin = default_profile(&BTreeSet::from(["CAP_SYS_ADMIN"])).unwrap();
        for call in ["mount", "clone3", "setns"] {
            let rules = rules_for(&admin, call);
            assert_eq!((rules.len(), &rules[0]["action"]), (1, &json!("SCMP_ACT_ALLOW")), "{call}");
        }
    }
}
