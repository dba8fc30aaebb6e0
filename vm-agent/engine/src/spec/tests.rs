use super::*;
use crate::{
    Timestamp,
    container::{ContainerConfig, HostConfig, MountKind, MountPoint, MountSpec, ReadOnlyReach},
};
use proptest::prelude::*;
use std::path::PathBuf;

fn definition() -> Definition {
    Definition {
        id: "0123456789abcdef".repeat(4),
        created: Timestamp(0),
        image_id: "sha256:aa".into(),
        argv: vec!["/bin/sh".into(), "-c".into(), "true".into()],
        config: ContainerConfig { env: vec!["A=1".into()], ..ContainerConfig::default() },
        host: HostConfig::default(),
        mounts: vec![],
    }
}

fn built(definition: &Definition) -> Value {
    let user = ResolvedUser { uid: 0, gid: 0, groups: vec![10], home: "/root".into() };
    let at = Circumstances {
        rootfs: Path::new("/run/berth/containers/id/rootfs"),
        etc: &EtcFiles::of(Path::new("/data/berth/containers/id")),
        users: None,
        network_namespace: Some(Path::new("/run/berth/netns/id")),
        user: &user,
        hostname: hostname(definition, "machine"),
        joined: &Joined::default(),
        runtime: Path::new("/usr/bin/berth-runtime"),
    };
    build(definition, &at).unwrap()
}

fn mount(kind: MountKind, destination: &str, rw: bool) -> MountSpec {
    MountSpec {
        point: MountPoint {
            kind,
            name: "data".into(),
            source: "/data/berth/volumes/data/_data".into(),
            destination: destination.into(),
            driver: "local".into(),
            mode: String::new(),
            rw,
            propagation: String::new(),
        },
        fill: true,
        anonymous: false,
        tmpfs_options: tmpfs_options("size=64m,exec").unwrap(),
        read_only_reach: ReadOnlyReach::default(),
        non_recursive: false,
    }
}

#[test]
fn the_default_spec() {
    let mut spec = built(&definition());
    let rules = spec["linux"]["seccomp"]["syscalls"].as_array().unwrap().len();
    spec["linux"]["seccomp"]["syscalls"] = json!(format!("{rules} rules of the default profile"));
    insta::assert_json_snapshot!(spec);
}

#[test]
fn others_read_the_spec_as_it_is_meant() {
    let mut definition = definition();
    definition.mounts = vec![mount(MountKind::Volume, "/data", false), mount(MountKind::Tmpfs, "/scratch", true)];
    definition.host.resources.memory = Some(64 << 20);
    let spec: oci_spec::runtime::Spec = serde_json::from_value(built(&definition)).unwrap();
    let linux = spec.linux().as_ref().unwrap();
    assert_eq!(linux.namespaces().as_ref().unwrap().len(), 6);
    assert_eq!(linux.resources().as_ref().unwrap().memory().unwrap().limit(), Some(64 << 20));
    assert!(linux.seccomp().is_some());
    let caps = spec.process().as_ref().unwrap().capabilities().as_ref().unwrap();
    assert_eq!(caps.effective().as_ref().unwrap().len(), 14);
    assert!(caps.inheritable().is_none() && caps.ambient().is_none());
}

#[test]
fn own_mounts_come_parents_first_and_take_the_place_of_defaults() {
    let mut definition = definition();
    definition.mounts = vec![
        mount(MountKind::Volume, "/a/b/c", true),
        mount(MountKind::Volume, "/a", false),
        mount(MountKind::Tmpfs, "/dev/shm", true),
        mount(MountKind::Volume, "/etc/hosts", true),
    ];
    let spec = built(&definition);
    let mounts = spec["mounts"].as_array().unwrap();
    let at = |path: &str| mounts.iter().filter(|m| m["destination"] == path).collect::<Vec<_>>();
    let place = |path: &str| mounts.iter().position(|m| m["destination"] == path).unwrap();
    assert!(place("/a") < place("/a/b/c") && place("/etc/resolv.conf") < place("/a"));
    assert_eq!(at("/a")[0]["options"], json!(["rbind", "rprivate", "rro"]));
    assert_eq!(at("/dev/shm").len(), 1);
    assert_eq!(at("/dev/shm")[0]["options"], json!(["nosuid", "nodev", "size=64m", "exec"]));
    assert_eq!(at("/etc/hosts")[0]["source"], "/data/berth/volumes/data/_data");
}

#[test]
fn what_is_asked_reaches_the_spec() {
    let mut definition = definition();
    definition.config.tty = true;
    definition.config.working_dir = "/srv".into();
    definition.config.hostname = "box".into();
    definition.host = HostConfig {
        cap_drop: vec!["ALL".into()],
        read_only_rootfs: true,
        security_opt: vec!["no-new-privileges".into(), "seccomp=unconfined".into()],
        pid_mode: "host".into(),
        network_mode: NetworkMode::Host,
        masked_paths: Some(vec![]),
        ..HostConfig::default()
    };
    let spec = built(&definition);
    assert_eq!(spec["process"]["terminal"], true);
    assert_eq!(spec["process"]["cwd"], "/srv");
    assert_eq!(spec["process"]["capabilities"]["bounding"], json!([]));
    assert_eq!(spec["process"]["noNewPrivileges"], true);
    assert_eq!(spec["root"]["readonly"], true);
    assert_eq!(spec["hostname"], "box");
    assert!(spec["linux"].get("seccomp").is_none());
    assert_eq!(spec["linux"]["maskedPaths"], json!([]));
    assert_eq!(spec["linux"]["sysctl"], json!({}));
    let kinds: Vec<_> = spec["linux"]["namespaces"].as_array().unwrap().iter().map(|n| n["type"].clone()).collect();
    assert!(!kinds.contains(&json!("pid")) && kinds.contains(&json!("mount")));
}

proptest! {
    /// CVE-2026-94603, CVE-2026-53488: a label that some runtime takes for configuration.
    #[test]
    fn labels_never_become_configuration(
        key in prop_oneof!["run\\.oci\\.[a-z.]{1,20}", "io\\.[a-z.]{1,20}", "org\\.systemd\\.property\\.[A-Z][a-z]+", ".{0,20}"],
        value in ".{0,40}",
    ) {
        let plain = definition();
        let mut labelled = plain.clone();
        labelled.config.labels.insert(key, value);
        prop_assert_eq!(serde_json::to_vec(&built(&plain)).unwrap(), serde_json::to_vec(&built(&labelled)).unwrap());
    }
}

#[test]
fn what_makes_no_sense_is_refused_at_creation() {
    let config = ContainerConfig::default();
    let said = |change: fn(&mut HostConfig)| {
        let mut host = HostConfig::default();
        change(&mut host);
        check(&config, &host, 2).unwrap_err().to_string()
    };
    assert!(check(&config, &HostConfig::default(), 2).is_ok());
    assert_eq!(said(|h| h.security_opt = vec!["what=ever".into()]), "invalid --security-opt 2: \"what=ever\"");
    assert_eq!(
        said(|h| drop(h.sysctls.insert("kernel.panic".into(), "1".into()))),
        "sysctl \"kernel.panic\" is not in a separate kernel namespace"
    );
    assert!(said(|h| drop(h.sysctls.insert("net./../x".into(), "1".into()))).starts_with("sysctl"));
    assert!(said(|h| h.extra_hosts = vec!["a\n1.2.3.4 b:1.1.1.1".into()]).starts_with("bad format for add-host"));
    assert!(said(|h| h.extra_hosts = vec!["a:nowhere".into()]).starts_with("invalid IP address in add-host"));
    assert!(said(|h| h.dns_search = vec!["a\nnameserver 6.6.6.6".into()]).starts_with("invalid DNS setting"));
    assert!(said(|h| h.ipc_mode = "x".into()).starts_with("invalid IPC mode"));
    assert!(tmpfs_options("size=64m,huge=always").is_err() && tmpfs_options("mode=1779").is_err());
}

#[test]
fn the_files_in_etc() {
    let mut definition = definition();
    definition.config.domainname = "example.org".into();
    definition.host.extra_hosts = vec!["db:10.1.2.3".into(), "me:host-gateway".into(), "six=[fd00::1]".into()];
    definition.host.dns_search = vec!["corp".into()];
    let machine = [[10, 0, 2, 3].into()];
    let resolv_conf = |own| super::resolv_conf(&definition.host, &machine, own);
    let addresses = [[172, 17, 0, 2].into()];
    let texts = EtcTexts::of(&definition, "box", &addresses, &[], resolv_conf(false), [10, 0, 2, 2].into()).unwrap();
    let tail: Vec<&str> = texts.hosts.lines().skip(6).collect();
    assert_eq!(tail, ["10.1.2.3\tdb", "10.0.2.2\tme", "fd00::1\tsix", "172.17.0.2\tbox.example.org box"]);
    assert_eq!(texts.resolv_conf, "nameserver 10.0.2.3\nsearch corp\n");
    assert_eq!(resolv_conf(true), "nameserver 127.0.0.11\nsearch corp\noptions ndots:0\n");
    assert_eq!(texts.hostname, "box\n");
    assert_eq!(EtcFiles::of(&PathBuf::from("/x")).hosts, PathBuf::from("/x/hosts"));
}
