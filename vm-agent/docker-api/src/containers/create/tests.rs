//! What a client writes, what the engine gets.

use super::*;
use berth_engine::container::{MountKind, NetworkMode, PortBinding, ReadOnlyReach, RestartPolicy};
use serde_json::{Value, json};
use std::time::Duration;

fn read(body: Value) -> Result<(CreateContainer, Vec<String>), String> {
    let asked = serde_json::from_value(body).map_err(|error| error.to_string())?;
    request(asked, &Query::parse("name=web&platform=linux%2Famd64"), crate::CURRENT)
        .map_err(|error| error.message().to_owned())
}

fn refusal(body: Value) -> String {
    read(body).unwrap_err()
}

/// What docker 28 sends for
/// `docker run -d --name web -p 8080:80 -e A=b -v db:/var/lib/db --rm nginx`.
fn docker_run() -> Value {
    serde_json::from_str(include_str!("docker_run.json")).unwrap()
}

#[test]
fn what_docker_run_sends_is_understood_whole() {
    let (request, warnings) = read(docker_run()).unwrap();
    assert_eq!((request.name.as_deref(), request.platform.as_deref()), (Some("web"), Some("linux/amd64")));
    assert!(warnings.is_empty());
    assert_eq!((request.config.image.as_str(), request.config.cmd.as_ref()), ("nginx", None));
    assert_eq!(request.config.entrypoint, None);
    assert_eq!(request.host.binds, ["db:/var/lib/db"]);
    let port = "80/tcp".parse().unwrap();
    assert_eq!(request.host.port_bindings[&port], [PortBinding { port: 8080, ..PortBinding::default() }]);
    assert!(request.config.exposed_ports.contains(&port) && request.host.auto_remove);
    assert_eq!(request.host.network_mode, NetworkMode::Default);
    assert_eq!(request.host.resources, berth_engine::container::Resources::default());
    assert_eq!(request.host.log_config.driver, "");
}

#[test]
fn null_everywhere_is_the_same_as_nothing() {
    fn nulled(value: Value) -> Value {
        match value {
            Value::Object(map) => map.into_iter().map(|(key, _)| (key, Value::Null)).collect(),
            other => other,
        }
    }
    let mut body = docker_run();
    body["HostConfig"] = nulled(body["HostConfig"].clone());
    let (with_nulls, _) = read(nulled(body.clone())).unwrap();
    let (empty, _) = read(json!({})).unwrap();
    assert_eq!(with_nulls, empty);
    let (host_nulls, _) = read(json!({ "HostConfig": body["HostConfig"] })).unwrap();
    assert_eq!(host_nulls, empty);
}

#[test]
fn words_may_be_a_string_and_clearing_an_entrypoint_differs_from_leaving_it() {
    let (request, _) = read(json!({ "Cmd": "ls", "Entrypoint": [] })).unwrap();
    assert_eq!((request.config.cmd, request.config.entrypoint), (Some(vec!["ls".into()]), Some(vec![])));
    let (request, _) = read(json!({ "Cmd": [], "Entrypoint": [""] })).unwrap();
    assert_eq!((request.config.cmd, request.config.entrypoint), (None, Some(vec![String::new()])));
    assert!(refusal(json!({ "Cmd": 7 })).contains("expected a list of strings"));
}

#[test]
fn limits_and_options_reach_the_engine() {
    let (request, warnings) = read(json!({
        "Labels": { "a": null, "b": "c" },
        "Healthcheck": { "Test": ["CMD", "true"], "Interval": 1_000_000_000, "Timeout": 0, "Retries": 3 },
        "StopSignal": "SIGQUIT", "StopTimeout": -1,
        "HostConfig": {
            "Memory": 67_108_864, "MemorySwap": -1, "NanoCpus": 1_500_000_000_i64, "PidsLimit": -1,
            "CapAdd": ["NET_ADMIN"], "CapDrop": "ALL", "Dns": ["1.1.1.1"], "MaskedPaths": [],
            "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 5 },
            "Ulimits": [{ "Name": "nofile", "Soft": 1024, "Hard": 2048 }],
            "Mounts": [
                { "Type": "volume", "Source": "db", "Target": "/db", "VolumeOptions": { "NoCopy": true } },
                { "Type": "tmpfs", "Target": "/t", "TmpfsOptions": { "SizeBytes": 4096, "Mode": 493 } },
            ],
            "PortBindings": { "53/udp": null, "80": [{ "HostIp": "0.0.0.0" }], "81": [{ "HostPort": "8000-8010" }] },
            "BlkioWeight": 300, "BlkioWeightDevice": [{ "Path": "/dev/vda", "Weight": 20 }],
            "BlkioDeviceReadIOps": [{ "Path": "/dev/vda", "Rate": 5 }],
            "MemorySwappiness": 60, "OomKillDisable": true,
        },
    }))
    .unwrap();
    let (config, host) = (request.config, request.host);
    assert_eq!((config.labels["a"].as_str(), config.labels["b"].as_str()), ("", "c"));
    let check = config.healthcheck.unwrap();
    assert_eq!((check.interval, check.timeout, check.retries), (Some(Duration::from_secs(1)), None, Some(3)));
    assert_eq!((config.stop_signal.as_deref(), config.stop_timeout), (Some("SIGQUIT"), Some(-1)));
    assert_eq!((host.resources.memory, host.resources.memory_swap), (Some(67_108_864), Some(-1)));
    assert_eq!((host.resources.nano_cpus, host.resources.pids), (Some(1_500_000_000), None));
    assert_eq!((host.resources.blkio_weight, host.resources.blkio_weight_devices[0].weight), (Some(300), 20));
    assert_eq!(
        (host.resources.blkio_read_iops[0].path.as_str(), host.resources.blkio_read_iops[0].rate),
        ("/dev/vda", 5)
    );
    assert_eq!((host.cap_add, host.cap_drop), (vec!["NET_ADMIN".to_owned()], vec!["ALL".to_owned()]));
    assert_eq!((host.masked_paths, host.readonly_paths), (Some(vec![]), None));
    assert_eq!(host.restart_policy, RestartPolicy::OnFailure(5));
    assert_eq!((host.mounts[0].kind, host.mounts[0].no_copy), (MountKind::Volume, true));
    assert_eq!((host.mounts[1].tmpfs_size, host.mounts[1].tmpfs_mode), (Some(4096), Some(493)));
    assert_eq!(host.port_bindings[&"53/udp".parse().unwrap()], [PortBinding::default()]);
    let anywhere = PortBinding { ip: Some([0, 0, 0, 0].into()), ..PortBinding::default() };
    assert_eq!(host.port_bindings[&"80/tcp".parse().unwrap()], [anywhere]);
    let any_of = PortBinding { port: 8000, last_port: Some(8010), ..PortBinding::default() };
    assert_eq!(host.port_bindings[&"81/tcp".parse().unwrap()], [any_of]);
    assert_eq!(
        warnings,
        [
            "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
            "Your kernel does not support OomKillDisable. OomKillDisable discarded."
        ]
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_one_sentence() {
    let host = |host: Value| refusal(json!({ "HostConfig": host }));
    for (said, expected) in [
        (refusal(json!({ "ExposedPorts": { "x": {} } })), "invalid port specification: \"x\""),
        (refusal(json!({ "Healthcheck": { "Interval": 5 } })), "Interval in Healthcheck cannot be less than 1ms"),
        (refusal(json!({ "Healthcheck": { "Retries": -1 } })), "Retries in Healthcheck cannot be negative"),
        (host(json!({ "PortBindings": { "80": [{ "HostPort": "web" }] } })), "invalid port specification: \"web\""),
        (host(json!({ "PortBindings": { "80": [{ "HostPort": "9-8" }] } })), "invalid port specification: \"9-8\""),
        (
            host(json!({ "PortBindings": { "80": [{ "HostIp": "web" }] } })),
            "invalid HostIp: \"web\" is not an IP address",
        ),
        (host(json!({ "Memory": -1 })), "invalid Memory: it cannot be negative"),
        (
            host(json!({ "RestartPolicy": { "Name": "always", "MaximumRetryCount": 1 } })),
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        ),
        (
            host(json!({ "RestartPolicy": { "Name": "maybe" } })),
            "invalid restart policy: unknown policy 'maybe'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (
            host(json!({ "StorageOpt": { "size": "1G" } })),
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
        ),
        (
            host(json!({ "DeviceRequests": [{ "Driver": "", "Count": -1, "Capabilities": [["gpu"]] }] })),
            "could not select device driver \"\" with capabilities: [[gpu]]",
        ),
        (
            host(json!({ "Mounts": [{ "Type": "bind", "Source": "/proc", "Target": "/p", "ReadOnly": true,
                "BindOptions": { "ReadOnlyNonRecursive": true, "ReadOnlyForceRecursive": true } }] })),
            "invalid mount config for type \"bind\": mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive",
        ),
        (host(json!({ "CpuRealtimePeriod": 5 })), "kernel does not support CPU real-time scheduler"),
        (
            host(json!({ "Annotations": { "": "x" } })),
            "invalid Annotation: the empty string is not permitted as an annotation key",
        ),
        (host(json!({ "Runtime": "nvidia" })), "unknown or invalid runtime name: nvidia"),
        (
            host(json!({ "Mounts": [{ "Type": "tmpfs", "Target": "/t", "VolumeOptions": {} }] })),
            "VolumeOptions must not be specified on mount type \"tmpfs\"",
        ),
        (
            host(json!({ "Mounts": [{ "Type": "magic", "Target": "/t" }] })),
            "invalid mount config for type \"magic\": mount type unknown",
        ),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn a_network_is_found_in_either_place() {
    let mode = |host: Value, endpoints: Value| {
        let (request, _) =
            read(json!({ "HostConfig": host, "NetworkingConfig": { "EndpointsConfig": endpoints } })).unwrap();
        (request.host.network_mode, request.networks.into_keys().collect::<Vec<_>>())
    };
    let app = || vec!["app_default".to_owned()];
    assert_eq!(
        mode(json!({ "NetworkMode": "app_default" }), json!({ "app_default": {} })),
        (NetworkMode::Named("app_default".into()), app())
    );
    assert_eq!(mode(json!({}), json!({ "app_default": null })), (NetworkMode::Default, app()));
    assert_eq!(mode(json!({ "NetworkMode": "none" }), Value::Null), (NetworkMode::None, vec![]));
    assert_eq!(read(json!({ "NetworkDisabled": true })).unwrap().0.host.network_mode, NetworkMode::None);
}

#[test]
fn what_is_asked_of_a_network_reaches_the_engine() {
    let endpoint = json!({ "IPAMConfig": { "IPv4Address": "10.0.0.9", "IPv6Address": "fd00::9" }, "Aliases": ["db"],
        "Links": ["web:w"], "DriverOpts": { "a": "b" }, "GwPriority": 7, "MacAddress": "92:d0:c6:0a:29:33" });
    let asked = |endpoint: &Value| {
        read(json!({ "HostConfig": { "NetworkMode": "back" }, "NetworkingConfig": { "EndpointsConfig": { "back": endpoint } } }))
            .map(|(mut request, _)| request.networks.remove("back").unwrap())
    };
    let back = asked(&endpoint).unwrap();
    assert_eq!((back.v4, back.v6), (Some([10, 0, 0, 9].into()), Some("fd00::9".parse().unwrap())));
    assert_eq!((back.aliases, back.links, back.gateway_priority), (vec!["db".to_owned()], vec!["web:w".to_owned()], 7));
    assert_eq!((back.mac.as_str(), back.options["a"].as_str()), ("92:d0:c6:0a:29:33", "b"));
    for (wrong, said) in [
        (json!({ "IPAMConfig": { "IPv4Address": "here" } }), "invalid endpoint settings:\ninvalid IPv4 address: here"),
        (json!({ "IPAMConfig": { "IPv6Address": "10.0.0.1" } }), "invalid IPv6 address: 10.0.0.1"),
        (json!({ "IPAMConfig": { "LinkLocalIPs": ["169.254.0.7"] } }), "LinkLocalIPs is not supported"),
    ] {
        assert!(asked(&wrong).unwrap_err().contains(said), "{wrong}");
    }
    let (request, _) =
        read(json!({ "MacAddress": "92:d0:c6:0a:29:33", "HostConfig": { "NetworkMode": "back" } })).unwrap();
    assert_eq!(request.networks["back"].mac, "92:d0:c6:0a:29:33", "older clients give it to the container");
    assert!(read(json!({ "MacAddress": "92:d0:c6:0a:29:33", "HostConfig": { "NetworkMode": "host" } })).is_err());
}

#[test]
fn isolation_and_devices_reach_the_engine() {
    let (request, _) = read(json!({ "HostConfig": {
        "Privileged": true, "Init": false, "PidMode": "container:db", "IpcMode": "shareable", "UTSMode": "host",
        "UsernsMode": "host", "CgroupnsMode": "host", "CgroupParent": "/team", "NetworkMode": "container:db",
        "Devices": [{ "PathOnHost": "/dev/fuse", "PathInContainer": "/dev/f", "CgroupPermissions": "rw" }],
        "DeviceCgroupRules": ["c 1:3 r"], "VolumesFrom": ["db:ro"],
        "Mounts": [{ "Type": "bind", "Source": "/proc", "Target": "/p", "ReadOnly": true,
            "BindOptions": { "Propagation": "rslave", "ReadOnlyNonRecursive": true, "NonRecursive": true } }],
    } }))
    .unwrap();
    let host = request.host;
    assert_eq!(
        (host.privileged, host.init, host.network_mode),
        (true, Some(false), NetworkMode::Container("db".into()))
    );
    assert_eq!(
        (host.pid_mode.as_str(), host.ipc_mode.as_str(), host.uts_mode.as_str()),
        ("container:db", "shareable", "host")
    );
    assert_eq!(
        (host.userns_mode.as_str(), host.cgroupns_mode.as_str(), host.cgroup_parent.as_str()),
        ("host", "host", "/team")
    );
    assert_eq!((host.devices[0].in_container.as_str(), host.devices[0].permissions.as_str()), ("/dev/f", "rw"));
    assert_eq!((host.device_cgroup_rules, host.volumes_from), (vec!["c 1:3 r".to_owned()], vec!["db:ro".to_owned()]));
    let mount = &host.mounts[0];
    assert_eq!(
        (mount.propagation.as_str(), mount.non_recursive, mount.read_only_reach),
        ("rslave", true, ReadOnlyReach::Alone)
    );
}
