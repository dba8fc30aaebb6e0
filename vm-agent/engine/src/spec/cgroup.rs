//! Where a container's control group is.

use super::CGROUP_PARENT;
use crate::{
    Error, Result,
    container::{Definition, HostConfig},
};

/// The path below the root of the hierarchy: `/berth/ID`, or below the parent asked for, as docker's cgroupfs driver.
pub(crate) fn path(definition: &Definition) -> String {
    let asked = definition.host.cgroup_parent.trim_matches('/');
    if asked.is_empty() { format!("{CGROUP_PARENT}/{}", definition.id) } else { format!("/{asked}/{}", definition.id) }
}

/// Refuses a parent that is no plain path. The cgroups of the machine itself are no place for containers' either.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    let refuse =
        |why: &str| Err(Error::InvalidParameter(format!("invalid cgroup-parent \"{}\": {why}", host.cgroup_parent)));
    let parent = &host.cgroup_parent;
    let mut parts = parent.split('/').filter(|part| !part.is_empty()).peekable();
    if parent.is_empty() {
        return Ok(());
    }
    if parts.peek() == Some(&"system") {
        return refuse("it belongs to the machine");
    }
    let plain = |part: &str| part != "." && part != ".." && !part.contains([':', '\0']) && !part.starts_with("cgroup.");
    if parts.peek().is_none() || !parts.all(plain) {
        return refuse("use a plain path, such as /team");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_a_plain_path() {
        let said = |parent: &str| check(&HostConfig { cgroup_parent: parent.into(), ..HostConfig::default() });
        for fine in ["", "/team", "team/a", "/berth/x/"] {
            said(fine).unwrap();
        }
        for bad in ["/", "/../x", "a/../b", "system.slice:docker:x", "/cgroup.procs", "system/engine"] {
            assert!(said(bad).unwrap_err().to_string().starts_with("invalid cgroup-parent"), "{bad}");
        }
    }
}
