//! A container of our engine that sleeps, for what other programs borrow of it: its bundle, root and network namespace.

use berth_tests::native::{Engine, Ground, container};
use std::fs::File;
use std::path::PathBuf;

/// The files of a running container.
pub(crate) struct Prepared {
    /// Its OCI bundle.
    pub(crate) bundle: PathBuf,
    /// Its root filesystem, mounted on the ground.
    pub(crate) rootfs: PathBuf,
    /// Its network namespace, which has no interface but loopback.
    pub(crate) net: File,
}

/// Starts one, and moves this process onto the ground.
pub(crate) fn enter(ground: &Ground, engine: &Engine) -> Prepared {
    let mut client = engine.client();
    let id = client.create("prepared", &container(&["sleep", "100000"], "none"));
    assert_eq!(client.request("POST", &format!("/containers/{id}/start"), None).status, 204);
    ground.enter();
    let bundle = ground.dir().join("run/containers").join(&id);
    let net = File::open(ground.dir().join("run/netns").join(&id)).expect("the network namespace");
    Prepared { rootfs: bundle.join("rootfs"), bundle, net }
}
