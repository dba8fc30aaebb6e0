//! An OCI bundle: a directory with `config.json`.

use std::path::{Path, PathBuf};

use nix::sched::CloneFlags;
use oci_spec::runtime::{Linux, Process, Spec};

use crate::{
    failure::{Context, Failure},
    init::{IdMaps, Namespaces, check_sysctl},
};

/// A bundle as read, with its paths made absolute.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) directory: PathBuf,
    pub(crate) spec: Spec,
    pub(crate) rootfs: PathBuf,
}

impl Bundle {
    /// Reads `directory/config.json`.
    ///
    /// # Errors
    /// A file that cannot be read, and a configuration that asks for what this runtime does not do: it is refused, since
    /// to leave a part of it out in silence could leave out a protection.
    pub(crate) fn load(directory: &Path) -> Result<Self, Failure> {
        let directory = directory.canonicalize().context(format_args!("open bundle {}", directory.display()))?;
        let file = directory.join("config.json");
        let text = std::fs::read(&file).context(format_args!("read {}", file.display()))?;
        let spec: Spec = serde_json::from_slice(&text).context(format_args!("parse {}", file.display()))?;
        let root = spec.root().as_ref().ok_or_else(|| Failure::other("config.json has no root"))?;
        let rootfs = directory.join(root.path());
        let bundle = Self { directory, rootfs, spec };
        bundle.refuse_unsupported()?;
        Ok(bundle)
    }

    /// The section `process`.
    pub(crate) fn process(&self) -> Result<&Process, Failure> {
        self.spec.process().as_ref().ok_or_else(|| Failure::other("config.json has no process"))
    }

    /// The section `linux`.
    pub(crate) fn linux(&self) -> Result<&Linux, Failure> {
        self.spec.linux().as_ref().ok_or_else(|| Failure::other("config.json has no linux section"))
    }

    /// Whether the container's process gets a terminal.
    pub(crate) fn wants_terminal(&self) -> Result<bool, Failure> {
        Ok(self.process()?.terminal().unwrap_or(false))
    }

    /// The maps of its user namespace, or of mounts that give none of their own.
    pub(crate) fn id_maps(&self) -> Result<Option<IdMaps>, Failure> {
        let linux = self.linux()?;
        IdMaps::of(linux.uid_mappings(), linux.gid_mappings())
    }

    /// The namespaces, with what needs one of them checked.
    pub(crate) fn namespaces(&self) -> Result<Namespaces, Failure> {
        let namespaces = Namespaces::from_spec(self.linux()?.namespaces().as_deref().unwrap_or_default())?;
        if namespaces.creates(CloneFlags::CLONE_NEWUSER) && self.id_maps()?.is_none() {
            return Err(Failure::other("a user namespace needs linux.uidMappings and linux.gidMappings"));
        }
        let named = [self.spec.hostname(), self.spec.domainname()];
        let is_named = named.into_iter().flatten().any(|name| !name.is_empty());
        if is_named && !namespaces.separates(CloneFlags::CLONE_NEWUTS) {
            return Err(Failure::other("a host name needs a uts namespace of the container's own"));
        }
        if let Some(parameters) = self.linux()?.sysctl() {
            check_sysctl(parameters, &namespaces)?;
        }
        Ok(namespaces)
    }

    fn refuse_unsupported(&self) -> Result<(), Failure> {
        check_process(self.process()?)?;
        let linux = self.linux()?;
        let refused = [
            ("hooks", self.spec.hooks().as_ref().is_some_and(|hooks| *hooks != oci_spec::runtime::Hooks::default())),
            ("linux.intelRdt", linux.intel_rdt().is_some()),
            ("linux.memoryPolicy", linux.memory_policy().is_some()),
            ("linux.netDevices", linux.net_devices().as_ref().is_some_and(|devices| !devices.is_empty())),
            ("linux.personality", linux.personality().is_some()),
            ("linux.timeOffsets", linux.time_offsets().as_ref().is_some_and(|offsets| !offsets.is_empty())),
            ("linux.mountLabel", is_set(linux.mount_label())),
        ];
        refuse(&refused)
    }
}

/// Reads the description of a process in `file`, which has the form of a configuration's section `process`.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn load_process(file: &Path) -> Result<Process, Failure> {
    let text = std::fs::read(file).context(format_args!("read {}", file.display()))?;
    serde_json::from_slice(&text).context(format_args!("parse {}", file.display()))
}

/// Refuses what a process asks for and does not get here.
///
/// # Errors
/// Names the first such field.
pub(crate) fn check_process(process: &Process) -> Result<(), Failure> {
    let confined = |profile: &Option<String>| is_set(profile) && profile.as_deref() != Some("unconfined");
    refuse(&[
        ("process.apparmorProfile", confined(process.apparmor_profile())),
        ("process.selinuxLabel", is_set(process.selinux_label())),
        ("process.ioPriority", process.io_priority().is_some()),
        ("process.scheduler", process.scheduler().is_some()),
    ])
}

fn is_set(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(|text| !text.is_empty())
}

fn refuse(asked: &[(&str, bool)]) -> Result<(), Failure> {
    match asked.iter().find(|(_, is_asked_for)| *is_asked_for) {
        Some((name, _)) => Err(Failure::other(format!("{name} is not supported; remove it from config.json"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn load(config: &[u8]) -> Result<Bundle, Failure> {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("config.json"), config).unwrap();
        Bundle::load(place.path())
    }

    fn good() -> Value {
        json!({
            "ociVersion": "1.2.0",
            "process": {
                "user": { "uid": 0, "gid": 0 }, "args": ["sh"], "env": ["A=1"], "cwd": "/",
                "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 1, "hard": 2 }],
                "capabilities": { "bounding": ["CAP_CHOWN"] }
            },
            "root": { "path": "rootfs" },
            "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"] }],
            "linux": {
                "namespaces": [{ "type": "mount" }, { "type": "network" }],
                "sysctl": { "net.ipv4.ip_forward": "1" },
                "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
                "seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                    { "names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{ "index": 0, "value": 1, "op": "SCMP_CMP_EQ" }] }
                ] }
            }
        })
    }

    #[test]
    fn what_is_not_supported_is_refused_by_its_name() {
        load(good().to_string().as_bytes()).unwrap().namespaces().unwrap();
        let mut config = good();
        config["linux"]["timeOffsets"] = json!({ "monotonic": { "secs": 1, "nanosecs": 0 } });
        let said = load(config.to_string().as_bytes()).unwrap_err().message;
        assert_eq!(said, "linux.timeOffsets is not supported; remove it from config.json");
    }

    proptest! {
        #[test]
        fn a_configuration_with_anything_anywhere_gets_an_answer(
            config in berth_fuzz::changed(good()),
        ) {
            if let Ok(bundle) = load(config.to_string().as_bytes()) {
                prop_assert!(bundle.process().is_ok() && bundle.linux().is_ok());
                drop(bundle.namespaces());
                if let Some(profile) = bundle.linux().unwrap().seccomp() {
                    drop(seccomp::compile(profile));
                }
            }
        }

        #[test]
        fn bytes_that_are_no_configuration_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(load(&bytes).is_err());
        }
    }
}
