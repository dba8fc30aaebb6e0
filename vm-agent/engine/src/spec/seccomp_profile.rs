//! A seccomp profile of the user's own, in docker's JSON form (moby `profiles/seccomp`), as an OCI section.

use crate::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// `GOARCH`'s word for this architecture, which docker's profiles use.
const ARCHITECTURE: &str = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    architectures: Vec<String>,
    arch_map: Vec<Value>,
    flags: Vec<String>,
    listener_path: String,
    syscalls: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    name: String,
    names: Vec<String>,
    action: String,
    errno_ret: Option<u32>,
    args: Option<Vec<Argument>>,
    includes: Filter,
    excludes: Filter,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u32,
    #[serde(default)]
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

/// When a rule applies, or does not.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Filter {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// The profile `text` for a container with `capabilities` on this machine's kernel, whose release is `kernel`.
///
/// # Errors
/// One sentence for a text that is no profile.
pub(super) fn read(text: &str, capabilities: &BTreeSet<&str>, kernel: &str) -> Result<Value> {
    let refuse = |why: String| Err(Error::InvalidParameter(why));
    let profile: Profile = match serde_json::from_str(text) {
        Ok(profile) => profile,
        Err(e) => return refuse(format!("decoding seccomp profile failed: {e}")),
    };
    if !profile.architectures.is_empty() && !profile.arch_map.is_empty() {
        return refuse(
            "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'"
                .to_owned(),
        );
    }
    if !profile.listener_path.is_empty() {
        return refuse("a seccomp profile with a listenerPath is not supported; remove it".to_owned());
    }
    let mut rules = Vec::new();
    for rule in &profile.syscalls {
        if !rule.name.is_empty() && !rule.names.is_empty() {
            return refuse(
                "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'".to_owned(),
            );
        }
        if rule.excludes.meets_any(capabilities, kernel)? || !rule.includes.meets_all(capabilities, kernel)? {
            continue;
        }
        let names = if rule.name.is_empty() { rule.names.clone() } else { vec![rule.name.clone()] };
        if !names.is_empty() {
            rules.push(rule.to_oci(&names)?);
        }
    }
    let mut section = json!({ "defaultAction": action(&profile.default_action)?, "syscalls": rules });
    if let Some(errno) = profile.default_errno_ret {
        section["defaultErrnoRet"] = json!(errno);
    }
    const FLAGS: &[&str] = &[
        "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ];
    if let Some(flag) = profile.flags.iter().find(|flag| !FLAGS.contains(&flag.as_str())) {
        return refuse(format!("seccomp flag {flag:?} not known"));
    }
    if !profile.flags.is_empty() {
        section["flags"] = json!(profile.flags);
    }
    Ok(section)
}

impl Rule {
    fn to_oci(&self, names: &[String]) -> Result<Value> {
        const OPERATORS: &[&str] = &[
            "SCMP_CMP_NE",
            "SCMP_CMP_LT",
            "SCMP_CMP_LE",
            "SCMP_CMP_EQ",
            "SCMP_CMP_GE",
            "SCMP_CMP_GT",
            "SCMP_CMP_MASKED_EQ",
        ];
        let mut rule = json!({ "names": names, "action": action(&self.action)? });
        if let Some(errno) = self.errno_ret {
            rule["errnoRet"] = json!(errno);
        }
        let mut arguments = Vec::new();
        for argument in self.args.iter().flatten() {
            let (index, op) = (argument.index, &argument.op);
            if index > 5 || !OPERATORS.contains(&op.as_str()) {
                return Err(Error::InvalidParameter(format!("invalid seccomp argument: index {index}, op {op:?}")));
            }
            arguments
                .push(json!({ "index": index, "value": argument.value, "valueTwo": argument.value_two, "op": op }));
        }
        if !arguments.is_empty() {
            rule["args"] = json!(arguments);
        }
        Ok(rule)
    }
}

impl Filter {
    fn meets_all(&self, capabilities: &BTreeSet<&str>, kernel: &str) -> Result<bool> {
        Ok(self.arches.as_ref().is_none_or(|all| all.is_empty() || all.iter().any(|arch| arch == ARCHITECTURE))
            && self.caps.iter().flatten().all(|cap| capabilities.contains(cap.as_str()))
            && self.min_kernel.as_deref().map_or(Ok(true), |least| is_at_least(kernel, least))?)
    }

    fn meets_any(&self, capabilities: &BTreeSet<&str>, kernel: &str) -> Result<bool> {
        Ok(self.arches.iter().flatten().any(|arch| arch == ARCHITECTURE)
            || self.caps.iter().flatten().any(|cap| capabilities.contains(cap.as_str()))
            || self.min_kernel.as_deref().map_or(Ok(false), |least| is_at_least(kernel, least))?)
    }
}

/// Whether the kernel release (`6.12.43-cloud-amd64`) is `least` (`4.8`) or newer.
fn is_at_least(kernel: &str, least: &str) -> Result<bool> {
    let parts = |text: &str| -> Option<(u32, u32)> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let bad = || Error::InvalidParameter(format!("invalid kernel version in the seccomp profile: {least:?}"));
    let least = parts(least).ok_or_else(bad)?;
    Ok(parts(kernel).is_some_and(|kernel| kernel >= least))
}

fn action(name: &str) -> Result<&str> {
    const ACTIONS: &[&str] = &[
        "SCMP_ACT_KILL",
        "SCMP_ACT_KILL_PROCESS",
        "SCMP_ACT_KILL_THREAD",
        "SCMP_ACT_TRAP",
        "SCMP_ACT_ERRNO",
        "SCMP_ACT_TRACE",
        "SCMP_ACT_ALLOW",
        "SCMP_ACT_LOG",
    ];
    match name {
        "SCMP_ACT_NOTIFY" => Err(Error::InvalidParameter(
            "a seccomp profile with the action SCMP_ACT_NOTIFY is not supported; remove it".to_owned(),
        )),
        name if ACTIONS.contains(&name) => Ok(name),
        name => Err(Error::InvalidParameter(format!("decoding seccomp profile failed: unknown action {name:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn caps() -> BTreeSet<&'static str> {
        BTreeSet::from(["CAP_CHOWN", "CAP_SYS_ADMIN"])
    }

    fn names(text: &str) -> Vec<String> {
        let section = read(text, &caps(), "6.12.43+deb13-cloud-amd64").unwrap();
        let rules = section["syscalls"].as_array().unwrap().clone();
        rules
            .iter()
            .flat_map(|rule| rule["names"].as_array().unwrap().clone())
            .map(|n| n.as_str().unwrap().into())
            .collect()
    }

    #[test]
    fn rules_apply_by_capability_architecture_and_kernel() {
        let profile = json!({
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
            "archMap": [{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"] }],
            "syscalls": [
                { "names": ["read"], "action": "SCMP_ACT_ALLOW", "args": null, "comment": "", "includes": {}, "excludes": {} },
                { "name": "write", "action": "SCMP_ACT_ALLOW" },
                { "names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": { "caps": ["CAP_SYS_ADMIN"] } },
                { "names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": { "caps": ["CAP_BPF", "CAP_CHOWN"] } },
                { "names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": { "caps": ["CAP_SYS_ADMIN"] } },
                { "names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "4.8" } },
                { "names": ["futuristic"], "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "99.0" } },
                { "names": ["elsewhere"], "action": "SCMP_ACT_ALLOW", "includes": { "arches": ["s390x"] } },
                { "names": ["here"], "action": "SCMP_ACT_ALLOW", "includes": { "arches": ["amd64", "arm64"] } },
            ]
        });
        assert_eq!(names(&profile.to_string()), ["read", "write", "mount", "ptrace", "here"]);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        let said = |text: &str| read(text, &caps(), "6.12.0").unwrap_err().to_string();
        assert!(said("{").starts_with("decoding seccomp profile failed: "));
        assert!(said("{}").contains("unknown action"));
        assert!(
            said(r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["x"],"archMap":[{}]}"#)
                .starts_with("both 'arch")
        );
        assert!(
            said(r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"]}]}"#)
                .starts_with("both 'name'")
        );
        assert!(said(r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#).contains("SCMP_ACT_NOTIFY"));
        assert!(said(r#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["X"]}"#).contains("flag \"X\" not known"));
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in ".{0,80}") {
            drop(read(&text, &caps(), "6.12.0"));
        }
    }
}
