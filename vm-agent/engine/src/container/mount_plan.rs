//! What is to be mounted, from the five places where docker lets one ask for it.

use super::{ContainerConfig, HostConfig, Mount, MountKind, ReadOnlyReach};
use crate::{
    Error, Result,
    spec::{machine_path, tmpfs_options},
    volume,
};
use std::collections::{BTreeMap, BTreeSet};

/// One mount that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Absolute and without detours.
    pub(crate) target: String,
    /// What.
    pub(crate) what: WishKind,
    /// Takes writes.
    pub(crate) rw: bool,
    /// The options as given.
    pub(crate) mode: String,
    /// How far it is read-only when it is.
    pub(crate) reach: ReadOnlyReach,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WishKind {
    /// A volume; without a name it is made for this container.
    Volume { name: Option<String>, fill: bool, labels: BTreeMap<String, String> },
    /// Memory, with options as mount(8) takes them.
    Tmpfs { options: Vec<String> },
    /// A path of the machine's kernel filesystems.
    Machine { source: String, propagation: String, non_recursive: bool },
}

/// Everything that is asked for, one per target. Those inherited from other containers yield to explicit ones, and the
/// image's and the request's bare paths to both.
pub(crate) fn plan(config: &ContainerConfig, host: &HostConfig, inherited: Vec<Wish>) -> Result<Vec<Wish>> {
    let mut wishes: Vec<Wish> = Vec::new();
    let mut taken = BTreeSet::new();
    let binds = host.binds.iter().map(|bind| from_bind(bind));
    let mounts = host.mounts.iter().map(from_mount);
    let tmpfs = host.tmpfs.iter().map(|(target, options)| {
        let what = WishKind::Tmpfs { options: tmpfs_options(options)? };
        let rw = !options.split(',').any(|option| option == "ro");
        Ok(Wish { rw, ..Wish::new(clean_target(target, target)?, what) })
    });
    for wish in binds.chain(mounts).chain(tmpfs) {
        let wish = wish?;
        if !taken.insert(wish.target.clone()) {
            return Err(Error::InvalidParameter(format!("Duplicate mount point: {}", wish.target)));
        }
        wishes.push(wish);
    }
    // Of two containers with a volume at the same place, the later one's is taken, as in docker.
    for wish in inherited.into_iter().rev() {
        if taken.insert(wish.target.clone()) {
            wishes.push(wish);
        }
    }
    for target in &config.volumes {
        let target = clean_target(target, target)?;
        if taken.insert(target.clone()) {
            wishes.push(Wish::new(target, WishKind::Volume { name: None, fill: true, labels: BTreeMap::new() }));
        }
    }
    Ok(wishes)
}

impl Wish {
    fn new(target: String, what: WishKind) -> Self {
        Self { target, what, rw: true, mode: String::new(), reach: ReadOnlyReach::default() }
    }
}

/// `name-or-id[:mode]` of `--volumes-from`: the container, and whether writes are taken.
///
/// # Errors
/// Docker's sentences (moby `volume/mounts`, `ParseVolumesFrom`).
pub(crate) fn volumes_from(text: &str) -> Result<(&str, bool)> {
    let (name, mode) = text.split_once(':').unwrap_or((text, "rw"));
    if name.is_empty() {
        return Err(Error::InvalidParameter("volumesFrom specification cannot be an empty string".to_owned()));
    }
    let mut writable = true;
    for option in mode.split(',') {
        match option {
            "rw" | "z" | "Z" => {}
            "ro" => writable = false,
            _ => return Err(Error::InvalidParameter(format!("invalid mode: {mode}"))),
        }
    }
    Ok((name, writable))
}

/// `name:/target[:options]`.
fn from_bind(bind: &str) -> Result<Wish> {
    let invalid = || Error::InvalidParameter(format!("invalid volume specification: '{bind}'"));
    let parts: Vec<&str> = bind.split(':').collect();
    let (source, target, mode) = match parts.as_slice() {
        [source, target] => (*source, *target, ""),
        [source, target, mode] => (*source, *target, *mode),
        _ => return Err(invalid()),
    };
    if source.is_empty() || target.is_empty() {
        return Err(invalid());
    }
    let from_machine = source.starts_with('/').then(|| cleaned(source)).filter(|path| machine_path(path));
    if from_machine.is_none() {
        if source.starts_with('/') || source.starts_with('.') || source.starts_with('~') {
            return Err(no_host_directory(source, target));
        }
        volume::name::check(source)?;
    }
    let (mut rw, mut fill, mut propagation) = (true, true, "");
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "readonly" => rw = false,
            "rw" => rw = true,
            "nocopy" if from_machine.is_none() => fill = false,
            kind if from_machine.is_some() && propagation.is_empty() && is_propagation(kind) => propagation = kind,
            // They change nothing on a machine without SELinux and with one kernel.
            "z" | "Z" | "cached" | "delegated" | "consistent" | "default" => {}
            _ => return Err(Error::InvalidParameter(format!("invalid mode: {mode}"))),
        }
    }
    let what = match from_machine {
        Some(source) => WishKind::Machine { source, propagation: or_private(propagation), non_recursive: false },
        None => WishKind::Volume { name: Some(source.to_owned()), fill, labels: BTreeMap::new() },
    };
    Ok(Wish { rw, mode: mode.to_owned(), ..Wish::new(clean_target(target, bind)?, what) })
}

/// Docker's list (moby `volume/mounts/linux_parser.go`).
fn is_propagation(kind: &str) -> bool {
    matches!(kind, "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared")
}

fn or_private(propagation: &str) -> String {
    if propagation.is_empty() { "rprivate".to_owned() } else { propagation.to_owned() }
}

fn from_mount(mount: &Mount) -> Result<Wish> {
    let target = clean_target(&mount.target, &mount.target)?;
    let what = match mount.kind {
        MountKind::Bind => {
            let source = cleaned(&mount.source);
            if !mount.source.starts_with('/') || !machine_path(&source) {
                return Err(no_host_directory(&mount.source, &mount.target));
            }
            let bad = |why: &str| Error::InvalidParameter(format!("invalid mount config for type \"bind\": {why}"));
            if !mount.propagation.is_empty() && !is_propagation(&mount.propagation) {
                return Err(bad(&format!("invalid propagation mode: {}", mount.propagation)));
            }
            if mount.read_only_reach != ReadOnlyReach::Recursive && !mount.read_only {
                return Err(bad("ReadOnlyNonRecursive and ReadOnlyForceRecursive need ReadOnly"));
            }
            WishKind::Machine {
                source,
                propagation: or_private(&mount.propagation),
                non_recursive: mount.non_recursive,
            }
        }
        MountKind::Volume => {
            let name = Some(mount.source.clone()).filter(|name| !name.is_empty());
            name.as_deref().map_or(Ok(()), volume::name::check)?;
            WishKind::Volume { name, fill: !mount.no_copy, labels: mount.labels.clone() }
        }
        MountKind::Tmpfs => {
            if !mount.source.is_empty() {
                return Err(Error::InvalidParameter(
                    "invalid mount config for type \"tmpfs\": field Source must not be specified".to_owned(),
                ));
            }
            let size = mount.tmpfs_size.filter(|size| *size > 0).map(|size| format!("size={size}"));
            let mode = mount.tmpfs_mode.map(|mode| format!("mode={:o}", mode & 0o7777));
            let access = mount.read_only.then(|| "ro".to_owned());
            let all: Vec<String> = size.into_iter().chain(mode).chain(access).collect();
            WishKind::Tmpfs { options: tmpfs_options(&all.join(","))? }
        }
    };
    Ok(Wish { rw: !mount.read_only, reach: mount.read_only_reach, ..Wish::new(target, what) })
}

fn no_host_directory(source: &str, target: &str) -> Error {
    Error::InvalidParameter(format!(
        "the host directory {source} cannot be mounted: Berth shares no host files yet; use a named volume such as data:{target}"
    ))
}

/// The target without `.`, `..` and doubled slashes.
fn clean_target(target: &str, given: &str) -> Result<String> {
    let bad = |why: &str| Error::InvalidParameter(format!("invalid volume specification: '{given}': {why}"));
    if !target.starts_with('/') {
        return Err(bad(&format!("invalid mount path: '{target}' mount path must be absolute")));
    }
    if target.contains('\0') {
        return Err(bad("the path holds a zero byte"));
    }
    let clean = cleaned(target);
    if clean == "/" {
        return Err(bad("destination can't be '/'"));
    }
    Ok(clean)
}

/// An absolute path without `.`, `..` and doubled slashes, worked out on its text.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(host: HostConfig) -> String {
        plan(&ContainerConfig::default(), &host, vec![]).unwrap_err().to_string()
    }

    fn bind(bind: &str) -> HostConfig {
        HostConfig { binds: vec![bind.into()], ..HostConfig::default() }
    }

    #[test]
    fn explicit_mounts_win_over_those_of_the_image() {
        let host = HostConfig {
            binds: vec!["data:/var/lib/db/:ro,z".into()],
            tmpfs: BTreeMap::from([("/run".to_owned(), "size=1m".to_owned())]),
            ..HostConfig::default()
        };
        let volumes = BTreeSet::from(["/var/lib/db".to_owned(), "/cache".to_owned(), "/run".to_owned()]);
        let wishes = plan(&ContainerConfig { volumes, ..ContainerConfig::default() }, &host, vec![]).unwrap();
        let targets: Vec<_> = wishes.iter().map(|wish| wish.target.as_str()).collect();
        assert_eq!(targets, ["/var/lib/db", "/run", "/cache"]);
        assert!(!wishes[0].rw && wishes[0].mode == "ro,z");
        assert!(matches!(&wishes[2].what, WishKind::Volume { name: None, fill: true, .. }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(said(bind("data")), "invalid volume specification: 'data'");
        assert_eq!(
            said(bind("data:www")),
            "invalid volume specification: 'data:www': invalid mount path: 'www' mount path must be absolute"
        );
        assert!(said(bind("data:/a/..")).ends_with("destination can't be '/'"));
        assert!(
            said(bind("/home/me:/src"))
                .contains("Berth shares no host files yet; use a named volume such as data:/src")
        );
        assert_eq!(said(bind("data:/x:rx")), "invalid mode: rx");
        assert!(said(bind("..:/x")).contains("host directory"));
        let twice = HostConfig { binds: vec!["a1:/x".into(), "b1:/x/".into()], ..HostConfig::default() };
        assert_eq!(said(twice), "Duplicate mount point: /x");
    }

    #[test]
    fn volumes_of_another_container_yield_to_explicit_mounts_and_come_before_bare_paths() {
        let inherited = |target: &str| {
            Wish::new(
                target.into(),
                WishKind::Volume { name: Some("other".into()), fill: false, labels: BTreeMap::new() },
            )
        };
        let config =
            ContainerConfig { volumes: BTreeSet::from(["/b".to_owned(), "/c".to_owned()]), ..Default::default() };
        let wishes = plan(&config, &bind("mine:/a"), vec![inherited("/a"), inherited("/b")]).unwrap();
        let names: Vec<_> = wishes
            .iter()
            .map(|wish| match &wish.what {
                WishKind::Volume { name, .. } => (wish.target.as_str(), name.as_deref()),
                _ => panic!("{wish:?}"),
            })
            .collect();
        assert_eq!(names, [("/a", Some("mine")), ("/b", Some("other")), ("/c", None)]);
        assert_eq!(volumes_from("db").unwrap(), ("db", true));
        assert_eq!(volumes_from("db:ro").unwrap(), ("db", false));
        assert_eq!(volumes_from("db:x").unwrap_err().to_string(), "invalid mode: x");
    }

    #[test]
    fn a_path_of_the_machines_kernel_is_bound_and_one_of_the_host_is_not() {
        let wishes = plan(&ContainerConfig::default(), &bind("/proc/./sys:/host/sys:ro,rslave"), vec![]).unwrap();
        let what = WishKind::Machine { source: "/proc/sys".into(), propagation: "rslave".into(), non_recursive: false };
        assert_eq!((&wishes[0].what, wishes[0].rw), (&what, false));
        assert!(said(bind("/proc/../etc:/x")).contains("host directory"));
        assert!(said(bind("/processes:/x")).contains("host directory"));
        assert_eq!(said(bind("data:/x:rslave")), "invalid mode: rslave");
        assert_eq!(said(bind("/dev:/x:nocopy")), "invalid mode: nocopy");
    }
}
