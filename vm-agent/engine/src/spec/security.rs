//! `--security-opt`.

use super::{capabilities, seccomp};
use crate::{Error, Result, container::HostConfig, truth::truth};
use serde_json::Value;
use std::collections::BTreeSet;

/// What the options come to.
#[derive(Debug, Default)]
pub(super) struct SecurityOptions<'a> {
    pub(super) no_new_privileges: bool,
    pub(super) writable_cgroups: bool,
    seccomp: Option<&'a str>,
}

impl<'a> SecurityOptions<'a> {
    /// Docker's rules and texts (moby `daemon_unix.go`, `parseSecurityOpt`).
    pub(super) fn parse(options: &'a [String]) -> Result<Self> {
        let mut parsed = Self::default();
        for option in options {
            if option == "no-new-privileges" {
                parsed.no_new_privileges = true;
                continue;
            }
            // The old way to write `label=disable`; there are no labels to disable.
            if option == "disable" {
                continue;
            }
            let bad = |why: u8| Error::InvalidParameter(format!("invalid --security-opt {why}: {option:?}"));
            let (key, value) = option.split_once('=').or_else(|| option.split_once(':')).ok_or_else(|| bad(1))?;
            match (key, value) {
                ("no-new-privileges", value) => parsed.no_new_privileges = truth(value).ok_or_else(|| bad(2))?,
                ("writable-cgroups", value) => parsed.writable_cgroups = truth(value).ok_or_else(|| bad(2))?,
                ("seccomp", profile) => parsed.seccomp = Some(profile),
                // The machine runs neither SELinux nor AppArmor: what turns them off asks for what is so already.
                ("label", "disable") | ("apparmor", "unconfined") => {}
                ("label", _) => {
                    return Err(Error::InvalidParameter(
                        "the machine has no SELinux: a label cannot be applied; leave it out".to_owned(),
                    ));
                }
                ("apparmor", profile) => {
                    return Err(Error::InvalidParameter(format!(
                        "the machine has no AppArmor: the profile {profile} cannot be applied; leave it out"
                    )));
                }
                _ => return Err(bad(2)),
            }
        }
        Ok(parsed)
    }

    /// The filter, `Null` for none. A privileged container has none unless it brings a profile.
    pub(super) fn filter(&self, privileged: bool, capabilities: &BTreeSet<&str>) -> Result<Value> {
        match self.seccomp {
            Some("unconfined") => Ok(Value::Null),
            None | Some("" | "builtin") if privileged => Ok(Value::Null),
            None | Some("" | "builtin") => seccomp::default_profile(capabilities),
            Some(profile) => seccomp::own_profile(profile, capabilities),
        }
    }
}

/// Refuses at creation what no start could apply.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    let capabilities = capabilities::of(host)?;
    SecurityOptions::parse(&host.security_opt)?.filter(host.privileged, &capabilities).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_texts() {
        let said = |option: &str| SecurityOptions::parse(&[option.to_owned()]).unwrap_err().to_string();
        assert_eq!(said("what"), "invalid --security-opt 1: \"what\"");
        assert_eq!(said("what=ever"), "invalid --security-opt 2: \"what=ever\"");
        assert_eq!(said("no-new-privileges=maybe"), "invalid --security-opt 2: \"no-new-privileges=maybe\"");
        assert!(said("apparmor=mine").contains("no AppArmor"));
        for fine in ["no-new-privileges", "no-new-privileges:false", "label=disable", "apparmor:unconfined", "disable"]
        {
            SecurityOptions::parse(&[fine.to_owned()]).unwrap();
        }
    }
}
