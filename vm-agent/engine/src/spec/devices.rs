//! Devices of the machine in a container: the nodes, and the rules of its control group.

use crate::{
    Error, Result,
    container::{DeviceMapping, HostConfig},
};
use nix::sys::stat::{FileStat, SFlag, lstat, major, minor, stat};
use serde_json::{Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What belongs to the machine's own `/dev` and not to devices in it (moby `oci/devices_linux.go` after
/// runc `libcontainer/devices`).
const NOT_WALKED: &[&str] = &["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"];
const ALL: &str = "rwm";

/// `linux.devices`, and what goes into `linux.resources.devices` beside docker's default rules.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Devices {
    pub(super) nodes: Vec<Value>,
    pub(super) rules: Vec<Value>,
    /// Where each node is on the machine.
    sources: Vec<PathBuf>,
}

impl Devices {
    /// Takes the nodes as bind mounts instead: a user namespace may not make them.
    pub(super) fn bind(&mut self) -> Vec<Value> {
        let nodes = std::mem::take(&mut self.nodes);
        let sources = std::mem::take(&mut self.sources);
        let bind = |(node, source): (&Value, PathBuf)| json!({ "destination": node["path"], "type": "bind", "source": source.to_string_lossy(), "options": ["bind"] });
        nodes.iter().zip(sources).map(bind).collect()
    }

    fn add(&mut self, path: &Path, source: PathBuf, status: &FileStat) {
        self.nodes.push(node(path, status));
        self.sources.push(source);
    }
}

/// The devices asked for, looked up now; `dev` is the machine's `/dev`. A privileged container gets them all.
///
/// # Errors
/// Docker's sentence for a path that is no device.
pub(super) fn of(host: &HostConfig, dev: &Path) -> Result<Devices> {
    let mut all = Devices::default();
    if host.privileged {
        let failed = |e| Error::Internal(format!("could not list the machine's devices: {e}"));
        let mut found = Vec::new();
        walk(dev, &mut found).map_err(failed)?;
        for (path, status) in found {
            all.add(&path.clone(), path, &status);
        }
        all.rules.push(json!({ "allow": true, "access": ALL }));
    }
    for mapping in &host.devices {
        // A privileged container has it already, but for another name.
        if host.privileged && (mapping.in_container.is_empty() || mapping.in_container == mapping.on_host) {
            continue;
        }
        for (path, source, status) in mapped(mapping).map_err(|e| gathering(mapping, &e))? {
            all.add(&path, source, &status);
            if !host.privileged {
                all.rules.push(rule(&status, &mapping.permissions));
            }
        }
    }
    if !host.privileged {
        for rule in &host.device_cgroup_rules {
            all.rules.push(parse_rule(rule)?);
        }
    }
    Ok(all)
}

/// Refuses rules and permissions that make no sense; whether a device is there is seen at each start.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    for mapping in &host.devices {
        let permissions = &mapping.permissions;
        if !mapping.on_host.starts_with('/') {
            return Err(Error::InvalidParameter(format!("{} is not an absolute path", mapping.on_host)));
        }
        if !permissions.is_empty() && !is_access(permissions) {
            return Err(Error::InvalidParameter(format!("invalid device mode: {permissions}")));
        }
    }
    host.device_cgroup_rules.iter().try_for_each(|rule| parse_rule(rule).map(drop))
}

/// `TYPE MAJOR:MINOR ACCESS` (moby `daemon/oci_linux.go`, `deviceCgroupRuleRegex`).
pub(crate) fn parse_rule(text: &str) -> Result<Value> {
    let bad = || Error::InvalidParameter(format!("invalid device cgroup rule format: '{text}'"));
    let parts: Vec<&str> = text.split(' ').collect();
    let [kind, numbers, access] = parts.as_slice() else { return Err(bad()) };
    let (first, second) = numbers.split_once(':').ok_or_else(bad)?;
    if !matches!(*kind, "a" | "b" | "c") || !is_access(access) {
        return Err(bad());
    }
    let mut rule = json!({ "allow": true, "type": kind, "access": access });
    for (key, number) in [("major", first), ("minor", second)] {
        if number != "*" {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            rule[key] = json!(number.parse::<u32>().ok().filter(|_| digits).ok_or_else(bad)?);
        }
    }
    Ok(rule)
}

fn is_access(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|letter| b"rwm".contains(&letter))
}

/// One device, or all in a directory, with their paths in the container and on the machine.
fn mapped(mapping: &DeviceMapping) -> io::Result<Vec<(PathBuf, PathBuf, FileStat)>> {
    let inside = if mapping.in_container.is_empty() { &mapping.on_host } else { &mapping.in_container };
    let resolved = fs::canonicalize(&mapping.on_host)?;
    let status = stat(&resolved)?;
    if is_device(&status) {
        return Ok(vec![(inside.into(), resolved, status)]);
    }
    let mut found = Vec::new();
    if resolved.is_dir() {
        walk(&resolved, &mut found)?;
    }
    if found.is_empty() {
        return Err(io::Error::other("not a device node"));
    }
    let placed = |(source, status): (PathBuf, FileStat)| {
        let below = source.strip_prefix(&resolved).map(Path::to_owned).unwrap_or_default();
        (Path::new(inside).join(below), source, status)
    };
    Ok(found.into_iter().map(placed).collect())
}

fn walk(directory: &Path, found: &mut Vec<(PathBuf, FileStat)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        // It may have gone meanwhile.
        let Ok(status) = lstat(&path) else { continue };
        let skipped = name.to_str().is_some_and(|name| NOT_WALKED.contains(&name) || name == "console");
        if skipped {
            continue;
        }
        if kind(&status) == SFlag::S_IFDIR {
            walk(&path, found)?;
        } else if is_device(&status) {
            found.push((path, status));
        }
    }
    Ok(())
}

fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
}

fn is_device(status: &FileStat) -> bool {
    matches!(kind(status), SFlag::S_IFCHR | SFlag::S_IFBLK)
}

fn letter(status: &FileStat) -> &'static str {
    if kind(status) == SFlag::S_IFBLK { "b" } else { "c" }
}

fn node(path: &Path, status: &FileStat) -> Value {
    json!({
        "path": path.to_string_lossy(), "type": letter(status),
        "major": major(status.st_rdev), "minor": minor(status.st_rdev),
        "fileMode": status.st_mode & 0o777, "uid": status.st_uid, "gid": status.st_gid,
    })
}

fn rule(status: &FileStat, permissions: &str) -> Value {
    json!({
        "allow": true, "type": letter(status), "major": major(status.st_rdev), "minor": minor(status.st_rdev),
        "access": if permissions.is_empty() { ALL } else { permissions },
    })
}

fn gathering(mapping: &DeviceMapping, why: &io::Error) -> Error {
    let why = match why.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        _ => why.to_string(),
    };
    let message = format!("error gathering device information while adding custom device {:?}: {why}", mapping.on_host);
    Error::StartFailed { message, callers_fault: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(on_host: &str, in_container: &str, permissions: &str) -> HostConfig {
        let mapping = DeviceMapping {
            on_host: on_host.into(),
            in_container: in_container.into(),
            permissions: permissions.into(),
        };
        HostConfig { devices: vec![mapping], ..HostConfig::default() }
    }

    #[test]
    fn a_device_is_looked_up_and_allowed() {
        let devices = of(&asked("/dev/null", "/dev/nothing", "r"), Path::new("/dev")).unwrap();
        assert_eq!((&devices.nodes[0]["path"], &devices.nodes[0]["minor"]), (&json!("/dev/nothing"), &json!(3)));
        let rule = json!({ "allow": true, "type": "c", "major": 1, "minor": 3, "access": "r" });
        assert_eq!(devices.rules, [rule]);
    }

    #[test]
    fn a_device_is_bound_from_where_it_is_on_the_machine() {
        let mut devices = of(&asked("/dev/null", "/dev/nothing", "r"), Path::new("/dev")).unwrap();
        let bound = devices.bind();
        let mount =
            json!({ "destination": "/dev/nothing", "type": "bind", "source": "/dev/null", "options": ["bind"] });
        assert_eq!((bound, devices.nodes.len(), devices.rules.len()), (vec![mount], 0, 1));
    }

    #[test]
    fn a_link_and_a_directory_bring_what_they_lead_to() {
        let place = tempfile::tempdir().unwrap();
        let (link, bare) = (place.path().join("link"), place.path().join("bare"));
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        fs::create_dir(&bare).unwrap();
        let devices = of(&asked(link.to_str().unwrap(), "/dev/x", ""), Path::new("/dev")).unwrap();
        assert_eq!((&devices.nodes[0]["minor"], &devices.rules[0]["access"]), (&json!(5), &json!("rwm")));
        let said = of(&asked(bare.to_str().unwrap(), "", ""), Path::new("/dev")).unwrap_err().to_string();
        assert!(said.ends_with("not a device node"), "{said}");
        let said = of(&asked("/dev/nope", "", ""), Path::new("/dev")).unwrap_err().to_string();
        assert_eq!(
            said,
            "error gathering device information while adding custom device \"/dev/nope\": no such file or directory"
        );
    }

    #[test]
    fn a_privileged_container_has_every_device_and_rule() {
        let host = HostConfig { privileged: true, ..HostConfig::default() };
        let devices = of(&host, Path::new("/dev")).unwrap();
        let has = |path: &str| devices.nodes.iter().any(|node| node["path"] == path);
        assert!(has("/dev/null") && !has("/dev/console") && !has("/dev/pts/ptmx"));
        assert_eq!(devices.rules, [json!({ "allow": true, "access": "rwm" })]);
    }

    #[test]
    fn rules_and_modes_that_make_no_sense_are_refused() {
        assert_eq!(
            parse_rule("c 1:3 mr").unwrap(),
            json!({ "allow": true, "type": "c", "major": 1, "minor": 3, "access": "mr" })
        );
        assert_eq!(parse_rule("a *:* rwm").unwrap(), json!({ "allow": true, "type": "a", "access": "rwm" }));
        for bad in ["", "c", "c 1:3", "d 1:3 r", "c 1 r", "c 1:x r", "c +1:3 r", "c 1:3 rwmr", "c 1:3 x", "c  1:3 r"] {
            let said = parse_rule(bad).unwrap_err().to_string();
            assert_eq!(said, format!("invalid device cgroup rule format: '{bad}'"));
        }
        assert_eq!(check(&asked("/dev/null", "", "x")).unwrap_err().to_string(), "invalid device mode: x");
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "[abc]? ?[0-9*]{0,12}:?[0-9*]{0,12} ?[rwmx]{0,4}") {
            if let Ok(rule) = parse_rule(&text) {
                prop_assert!(rule["allow"] == true && is_access(rule["access"].as_str().unwrap()));
            }
        }
    }
}
