//! What is to be mounted, from the five places where docker lets one ask for it.

use super::{ContainerConfig, HostConfig, Mount, MountKind};
use crate::{Error, Result, spec::tmpfs_options, volume};
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
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WishKind {
    /// A volume; without a name it is made for this container.
    Volume { name: Option<String>, fill: bool, labels: BTreeMap<String, String> },
    /// Memory, with options as mount(8) takes them.
    Tmpfs { options: Vec<String> },
}

/// Everything that is asked for, one per target. The image's and the request's bare paths yield to explicit ones.
pub(crate) fn plan(config: &ContainerConfig, host: &HostConfig, image_volumes: &BTreeSet<String>) -> Result<Vec<Wish>> {
    let mut wishes = Vec::new();
    let mut taken = BTreeSet::new();
    let binds = host.binds.iter().map(|bind| from_bind(bind));
    let mounts = host.mounts.iter().map(from_mount);
    let tmpfs = host.tmpfs.iter().map(|(target, options)| {
        Ok(Wish {
            target: clean_target(target, target)?,
            what: WishKind::Tmpfs { options: tmpfs_options(options)? },
            rw: !options.split(',').any(|option| option == "ro"),
            mode: String::new(),
        })
    });
    for wish in binds.chain(mounts).chain(tmpfs) {
        let wish = wish?;
        if !taken.insert(wish.target.clone()) {
            return Err(Error::InvalidParameter(format!("Duplicate mount point: {}", wish.target)));
        }
        wishes.push(wish);
    }
    for target in config.volumes.iter().chain(image_volumes) {
        let target = clean_target(target, target)?;
        if taken.insert(target.clone()) {
            let what = WishKind::Volume { name: None, fill: true, labels: BTreeMap::new() };
            wishes.push(Wish { target, what, rw: true, mode: String::new() });
        }
    }
    Ok(wishes)
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
    if source.starts_with('/') || source.starts_with('.') || source.starts_with('~') {
        return Err(no_host_directory(source, target));
    }
    volume::name::check(source)?;
    let (mut rw, mut fill) = (true, true);
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "readonly" => rw = false,
            "rw" => rw = true,
            "nocopy" => fill = false,
            // They change nothing on a machine without SELinux and with one kernel.
            "z" | "Z" | "cached" | "delegated" | "consistent" | "default" => {}
            _ => return Err(Error::InvalidParameter(format!("invalid mode: {mode}"))),
        }
    }
    let what = WishKind::Volume { name: Some(source.to_owned()), fill, labels: BTreeMap::new() };
    Ok(Wish { target: clean_target(target, bind)?, what, rw, mode: mode.to_owned() })
}

fn from_mount(mount: &Mount) -> Result<Wish> {
    let target = clean_target(&mount.target, &mount.target)?;
    let what = match mount.kind {
        MountKind::Bind => return Err(no_host_directory(&mount.source, &mount.target)),
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
    Ok(Wish { target, what, rw: !mount.read_only, mode: String::new() })
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
    let mut parts: Vec<&str> = Vec::new();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Err(bad("destination can't be '/'"));
    }
    Ok(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(host: HostConfig) -> String {
        plan(&ContainerConfig::default(), &host, &BTreeSet::new()).unwrap_err().to_string()
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
        let image = BTreeSet::from(["/var/lib/db".to_owned(), "/cache".to_owned(), "/run".to_owned()]);
        let wishes = plan(&ContainerConfig::default(), &host, &image).unwrap();
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
}
