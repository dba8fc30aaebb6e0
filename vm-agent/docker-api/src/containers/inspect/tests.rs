//! A container as docker's clients read it.

use super::*;
use berth_engine::container::{
    ContainerConfig, Endpoint, HostConfig, Mount, MountKind, MountPoint, NetworkSettings, PortBinding, RestartPolicy,
};

fn container() -> ContainerDetails {
    let port = |text: &str| text.parse().unwrap();
    ContainerDetails {
        id: "ab".repeat(32),
        name: "web".into(),
        created: Timestamp(1_700_000_000_123_456_789),
        path: "nginx".into(),
        args: vec!["-g".into(), "daemon off;".into()],
        state: StateDetails {
            status: ContainerState::Running,
            pid: 321,
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            started_at: Some(Timestamp(1_700_000_001_000_000_000)),
            finished_at: None,
            health: None,
        },
        image_id: format!("sha256:{}", "cd".repeat(32)),
        platform: "linux".into(),
        restart_count: 0,
        storage_driver: "overlay2".into(),
        storage: BTreeMap::from([("UpperDir".into(), "/data/berth/containers/ab/upper".into())]),
        log_path: Some("/data/berth/containers/ab/container.log".into()),
        hosts_path: "/data/berth/containers/ab/hosts".into(),
        hostname_path: "/data/berth/containers/ab/hostname".into(),
        resolv_conf_path: "/data/berth/containers/ab/resolv.conf".into(),
        config: ContainerConfig {
            image: "nginx".into(),
            cmd: Some(vec!["nginx".into(), "-g".into(), "daemon off;".into()]),
            env: vec!["PATH=/bin".into()],
            hostname: "abababababab".into(),
            exposed_ports: [port("80/tcp")].into(),
            stop_signal: Some("SIGQUIT".into()),
            ..ContainerConfig::default()
        },
        host: HostConfig {
            binds: vec!["db:/db".into()],
            port_bindings: [(port("80/tcp"), vec![PortBinding { port: 8080, ..PortBinding::default() }])].into(),
            restart_policy: RestartPolicy::OnFailure(3),
            mounts: vec![Mount {
                kind: MountKind::Tmpfs,
                source: String::new(),
                target: "/t".into(),
                read_only: false,
                no_copy: false,
                labels: BTreeMap::new(),
                propagation: String::new(),
                non_recursive: false,
                read_only_reach: Default::default(),
                tmpfs_size: Some(4096),
                tmpfs_mode: None,
            }],
            ..HostConfig::default()
        },
        mounts: vec![MountPoint {
            kind: MountKind::Volume,
            name: "db".into(),
            source: "/data/berth/volumes/db/_data".into(),
            destination: "/db".into(),
            driver: "local".into(),
            mode: "z".into(),
            rw: true,
            propagation: String::new(),
        }],
        execs: vec![],
        network: NetworkSettings {
            sandbox_id: "12".repeat(32),
            sandbox_key: "/run/berth/netns/ab".into(),
            ports: [
                (port("80/tcp"), vec!["127.0.0.1:8080".parse().unwrap(), "[::1]:8080".parse().unwrap()]),
                (port("443/tcp"), vec![]),
            ]
            .into(),
            networks: BTreeMap::from([(
                "bridge".to_owned(),
                Endpoint {
                    network_id: "ef".repeat(32),
                    endpoint_id: "01".repeat(32),
                    address: Some([172, 17, 0, 2].into()),
                    prefix: 16,
                    gateway: Some([172, 17, 0, 1].into()),
                    mac: "02:42:ac:11:00:02".into(),
                    ..Endpoint::default()
                },
            )]),
        },
    }
}

#[test]
fn a_container_is_dockers_and_the_oracle_reads_it() {
    let details = Details::new(container(), crate::CURRENT);
    let text = serde_json::to_string(&details).unwrap();
    let read: bollard_stubs::models::ContainerInspectResponse = serde_json::from_str(&text).unwrap();
    let ports = read.network_settings.unwrap().ports.unwrap();
    assert_eq!(ports["80/tcp"].as_ref().unwrap()[1].host_ip.as_deref(), Some("::1"));
    assert_eq!(ports["443/tcp"], None);
    assert_eq!(read.host_config.unwrap().restart_policy.unwrap().maximum_retry_count, Some(3));
    assert_eq!(read.state.unwrap().running, Some(true));
    insta::assert_json_snapshot!(details);
}

#[test]
fn health_is_dockers_and_the_oracle_reads_it() {
    use berth_engine::container::HealthStatus;
    let mut container = container();
    let at = Timestamp(1_700_000_000_000_000_000);
    let log = vec![Probe { start: at, end: at, exit_code: 1, output: "no".into() }];
    container.state.health = Some(Health { status: HealthStatus::Unhealthy, failing_streak: 3, log });
    let text = serde_json::to_string(&Details::new(container, crate::CURRENT)).unwrap();
    let read: bollard_stubs::models::ContainerInspectResponse = serde_json::from_str(&text).unwrap();
    let health = read.state.unwrap().health.unwrap();
    assert_eq!((health.failing_streak, health.log.unwrap()[0].exit_code), (Some(3), Some(1)));
    assert!(
        text.contains(r#""Health":{"Status":"unhealthy","FailingStreak":3,"Log":[{"Start":"2023-11-14T22:13:20Z""#)
    );
}

#[test]
fn old_clients_find_the_address_where_it_was() {
    let old = serde_json::to_value(Details::new(container(), ApiVersion::new(1, 51))).unwrap();
    let settings = &old["NetworkSettings"];
    assert_eq!((&settings["IPAddress"], &settings["Gateway"]), (&"172.17.0.2".into(), &"172.17.0.1".into()));
    let new = serde_json::to_value(Details::new(container(), crate::CURRENT)).unwrap();
    assert_eq!(new["NetworkSettings"].get("IPAddress"), None);
}

#[test]
fn a_frozen_container_runs_too_and_an_ended_one_does_not() {
    let life = |status| Life::from(StateDetails { status, ..container().state });
    assert!(life(ContainerState::Paused).running && life(ContainerState::Paused).paused);
    let ended = life(ContainerState::Exited);
    assert!(!ended.running && !ended.dead);
    assert_eq!((ended.status, ended.finished_at.as_str()), ("exited", "0001-01-01T00:00:00Z"));
}
