//! Who may know whom, kept as data and checked against `cargo metadata`.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// A crate of ours and the crates of ours that it may depend on, outside of its tests.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("berth-protocol", &[]),
    // The host, from the port outwards.
    ("berth-machine", &["berth-protocol"]),
    ("berth-vmm-virtio", &[]),
    ("berth-machine-qemu", &["berth-machine", "berth-protocol", "berth-vmm-virtio"]),
    ("berth-api", &["berth-protocol"]),
    ("berth-net", &["berth-protocol"]),
    ("berth-host", &["berth-api", "berth-machine", "berth-machine-qemu", "berth-net", "berth-protocol"]),
    ("berth-cli", &["berth-api"]),
    ("berth-desktop", &["berth-api"]),
    // The guest, from the wire inwards.
    ("berth-database", &[]),
    ("berth-image", &["berth-database", "berth-protocol"]),
    ("berth-network", &["berth-protocol"]),
    ("berth-engine", &["berth-database", "berth-image", "berth-network", "berth-protocol"]),
    ("berth-docker-api", &["berth-engine"]),
    ("berth-uplink", &["berth-protocol"]),
    (
        "berth-agent",
        &["berth-docker-api", "berth-engine", "berth-image", "berth-network", "berth-protocol", "berth-uplink"],
    ),
    ("berth-runtime", &[]),
    // Developer programs, which may know everything that is built.
    ("guest-image", &[]),
    ("xtask", &["guest-image"]),
    ("berth-fuzz", &[]),
    ("berth-load", &[]),
    ("berth-tests", &["berth-api", "berth-load", "berth-machine", "berth-machine-qemu", "berth-protocol"]),
];

/// Crates from outside, the only crates of ours that may name them, and why.
const ONLY: &[(&str, &[&str], &str)] = &[
    ("tauri", &["berth-desktop"], "the window is one client among others"),
    ("axum", &["berth-docker-api", "berth-host", "berth-agent"], "routes live in the fronts"),
    ("bollard", &["berth-api"], "one client of the Docker API"),
    ("rusqlite", &["berth-database", "berth-engine", "berth-image"], "state belongs to the engine"),
    ("vhost", &["berth-machine-qemu"], "vhost-user is QEMU's way to a device"),
];

/// A crate of ours and crates from outside that it may never name, and why.
const NEVER: &[(&str, &[&str], &str)] = &[
    ("berth-runtime", &["tokio"], "namespaces are made by a process with one thread"),
    ("berth-protocol", &["tokio"], "the wire does no I/O"),
    ("berth-uplink", &["tokio"], "two threads that wait are enough"),
    ("berth-engine", &["axum", "hyper", "http"], "the engine knows no HTTP"),
    ("berth-network", &["axum", "hyper", "http"], "the network knows no HTTP"),
    ("berth-api", &["tauri"], "the host surface knows no window"),
];

fn metadata() -> Metadata {
    MetadataCommand::new().other_options(vec!["--locked".into()]).exec().expect("cargo metadata")
}

/// Crate -> what it depends on outside of its tests.
fn dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let members = metadata.workspace_packages();
    let named = |package: &cargo_metadata::Package| {
        let outside_tests =
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        outside_tests.map(|dependency| dependency.name.clone()).collect()
    };
    members.into_iter().map(|package| (package.name.to_string(), named(package))).collect()
}

#[test]
fn every_crate_knows_only_whom_it_may() {
    let all = dependencies(&metadata());
    let rules: BTreeMap<_, _> = MAY_KNOW.iter().copied().collect();
    let mut broken = Vec::new();
    for (name, dependencies) in &all {
        let Some(allowed) = rules.get(name.as_str()) else {
            broken.push(format!("{name} has no rule: add it to MAY_KNOW"));
            continue;
        };
        for other in dependencies.iter().filter(|other| all.contains_key(*other)) {
            if !allowed.contains(&other.as_str()) {
                broken.push(format!("{name} must not know {other}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(all.len(), rules.len(), "a rule names a crate that is gone");
}

#[test]
fn crates_from_outside_stay_in_their_room() {
    let all = dependencies(&metadata());
    let mut broken = Vec::new();
    for (outside, allowed, why) in ONLY {
        for (name, dependencies) in &all {
            if dependencies.contains(*outside) && !allowed.contains(&name.as_str()) {
                broken.push(format!("{name} must not name {outside}: {why}"));
            }
        }
    }
    for (name, forbidden, why) in NEVER {
        for outside in forbidden.iter().filter(|outside| all[*name].contains(**outside)) {
            broken.push(format!("{name} must not name {outside}: {why}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_crate_inherits_the_lints_and_the_licence() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} does not inherit the workspace's lints",
            package.name
        );
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{}", package.name);
    }
}
