//! `HostConfig.Mounts`, what `docker run --mount` sends.

use super::not_supported;
use crate::error::{ApiError, Reply};
use berth_engine::container::{Mount, MountKind, ReadOnlyReach};
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

/// One mount of a request.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct MountIn {
    #[serde(rename = "Type")]
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    read_only: Option<bool>,
    bind_options: Option<BindOptions>,
    volume_options: Option<VolumeOptions>,
    tmpfs_options: Option<TmpfsOptions>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct BindOptions {
    propagation: Option<String>,
    non_recursive: Option<bool>,
    create_mountpoint: Option<bool>,
    read_only_non_recursive: Option<bool>,
    read_only_force_recursive: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct VolumeOptions {
    no_copy: Option<bool>,
    labels: Option<BTreeMap<String, String>>,
    subpath: Option<String>,
    driver_config: Option<DriverConfig>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DriverConfig {
    name: Option<String>,
    options: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TmpfsOptions {
    size_bytes: Option<u64>,
    mode: Option<u32>,
    options: Option<Vec<IgnoredAny>>,
}

/// As the engine takes it.
///
/// # Errors
/// A kind that is none, options of another kind, and options that the engine does not have.
pub(super) fn read(asked: MountIn) -> Reply<Mount> {
    let name = asked.kind.unwrap_or_default();
    let kind = match name.as_str() {
        "bind" => MountKind::Bind,
        "volume" => MountKind::Volume,
        "tmpfs" => MountKind::Tmpfs,
        "image" | "npipe" | "cluster" => return Err(not_supported(&format!("a mount of type \"{name}\""))),
        _ => {
            return Err(ApiError::bad_request(format!("invalid mount config for type \"{name}\": mount type unknown")));
        }
    };
    for (options, given, only) in [
        ("VolumeOptions", asked.volume_options.is_some(), MountKind::Volume),
        ("BindOptions", asked.bind_options.is_some(), MountKind::Bind),
        ("TmpfsOptions", asked.tmpfs_options.is_some(), MountKind::Tmpfs),
    ] {
        if given && kind != only {
            return Err(ApiError::bad_request(format!("{options} must not be specified on mount type \"{name}\"")));
        }
    }
    let bind = asked.bind_options.unwrap_or_default();
    let volume = asked.volume_options.unwrap_or_default();
    let tmpfs = asked.tmpfs_options.unwrap_or_default();
    let driver = volume.driver_config.unwrap_or_default();
    for (option, given) in [
        ("BindOptions.CreateMountpoint", bind.create_mountpoint == Some(true)),
        ("VolumeOptions.Subpath", volume.subpath.is_some_and(|path| !path.is_empty())),
        ("VolumeOptions.DriverConfig", driver.name.is_some_and(|name| !matches!(name.as_str(), "" | "local"))),
        ("VolumeOptions.DriverConfig.Options", driver.options.is_some_and(|options| !options.is_empty())),
        ("TmpfsOptions.Options", tmpfs.options.is_some_and(|options| !options.is_empty())),
    ] {
        if given {
            return Err(not_supported(option));
        }
    }
    let alone = bind.read_only_non_recursive.unwrap_or_default();
    let read_only_reach = match (alone, bind.read_only_force_recursive.unwrap_or_default()) {
        (true, true) => {
            return Err(ApiError::bad_request(
                "invalid mount config for type \"bind\": mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive",
            ));
        }
        (true, false) => ReadOnlyReach::Alone,
        (false, true) => ReadOnlyReach::RecursiveOrFail,
        (false, false) => ReadOnlyReach::Recursive,
    };
    Ok(Mount {
        kind,
        source: asked.source.unwrap_or_default(),
        target: asked.target.unwrap_or_default(),
        read_only: asked.read_only.unwrap_or_default(),
        no_copy: volume.no_copy.unwrap_or_default(),
        labels: volume.labels.unwrap_or_default(),
        propagation: bind.propagation.unwrap_or_default(),
        non_recursive: bind.non_recursive.unwrap_or_default(),
        read_only_reach,
        tmpfs_size: tmpfs.size_bytes.filter(|bytes| *bytes > 0),
        tmpfs_mode: tmpfs.mode.filter(|mode| *mode > 0),
    })
}
