//! `/info`.

use crate::{error::Reply, wire::json};
use axum::extract::State;
use berth_engine::{Engine, log::DRIVERS, system::SystemInfo};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The runtime's name, in info and as the answer to a container's `HostConfig.Runtime`.
pub(crate) const RUNTIME: &str = "berth-runtime";

pub(super) async fn get(State(engine): State<Engine>) -> Reply {
    let version = engine.version().version;
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    Ok(json::ok(&Info::new(engine.info().await?, version, tasks)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(rename = "ID")]
    id: String,
    containers: usize,
    containers_running: usize,
    containers_paused: usize,
    containers_stopped: usize,
    images: usize,
    driver: String,
    driver_status: Vec<[String; 2]>,
    plugins: Value,
    // What the guest's own kernel and runtime can do; cgroup v2 has no switch for the OOM killer.
    memory_limit: bool,
    swap_limit: bool,
    cpu_cfs_period: bool,
    cpu_cfs_quota: bool,
    #[serde(rename = "CPUShares")]
    cpu_shares: bool,
    #[serde(rename = "CPUSet")]
    cpu_set: bool,
    pids_limit: bool,
    #[serde(rename = "IPv4Forwarding")]
    ipv4_forwarding: bool,
    oom_kill_disable: bool,
    debug: bool,
    #[serde(rename = "NFd")]
    open_files: usize,
    // Docker's count of goroutines; the engine's tasks are the same kind of number.
    #[serde(rename = "NGoroutines")]
    tasks: usize,
    system_time: String,
    logging_driver: String,
    cgroup_driver: &'static str,
    cgroup_version: &'static str,
    #[serde(rename = "NEventsListener")]
    event_listeners: usize,
    kernel_version: String,
    operating_system: String,
    #[serde(rename = "OSVersion")]
    os_version: &'static str,
    #[serde(rename = "OSType")]
    os_type: &'static str,
    architecture: String,
    index_server_address: &'static str,
    registry_config: Value,
    #[serde(rename = "NCPU")]
    cpus: usize,
    mem_total: u64,
    generic_resources: Option<()>,
    docker_root_dir: String,
    http_proxy: String,
    https_proxy: String,
    no_proxy: String,
    name: String,
    labels: [String; 0],
    experimental_build: bool,
    server_version: String,
    runtimes: Value,
    default_runtime: &'static str,
    swarm: Value,
    live_restore_enabled: bool,
    isolation: &'static str,
    init_binary: &'static str,
    containerd_commit: Commit,
    runc_commit: Commit,
    init_commit: Commit,
    security_options: Vec<String>,
    #[serde(rename = "CDISpecDirs")]
    cdi_spec_dirs: [String; 0],
    warnings: Vec<String>,
}

/// Berth contains none of the programs whose commits docker tells.
#[derive(Default, Serialize)]
struct Commit {
    #[serde(rename = "ID")]
    id: &'static str,
}

impl Info {
    fn new(info: SystemInfo, version: String, tasks: usize) -> Self {
        let mut security_options = vec![format!("name=seccomp,profile={}", info.seccomp_profile)];
        security_options.extend(info.userns_remap.then(|| "name=userns".to_owned()));
        security_options.push("name=cgroupns".to_owned());
        if info.no_new_privileges {
            security_options.push("name=no-new-privileges".to_owned());
        }
        Self {
            id: info.id,
            containers: info.containers,
            containers_running: info.running,
            containers_paused: info.paused,
            containers_stopped: info.stopped,
            images: info.images,
            driver: info.storage_driver,
            driver_status: vec![["Backing Filesystem".to_owned(), info.backing_filesystem]],
            plugins: json!({
                "Volume": ["local"],
                "Network": ["bridge", "host", "ipvlan", "macvlan", "null"],
                "Authorization": null,
                "Log": DRIVERS,
            }),
            memory_limit: true,
            swap_limit: true,
            cpu_cfs_period: true,
            cpu_cfs_quota: true,
            cpu_shares: true,
            cpu_set: true,
            pids_limit: true,
            ipv4_forwarding: true,
            oom_kill_disable: false,
            debug: false,
            open_files: info.open_files,
            tasks,
            system_time: info.now.rfc3339(),
            logging_driver: info.log_driver,
            cgroup_driver: "cgroupfs",
            cgroup_version: "2",
            event_listeners: info.event_listeners,
            kernel_version: info.kernel_version,
            operating_system: info.operating_system,
            os_version: "",
            os_type: "linux",
            architecture: info.machine,
            index_server_address: "https://index.docker.io/v1/",
            registry_config: registry_config(&info.registry_mirrors, &info.insecure_registries),
            cpus: info.cpus,
            mem_total: info.memory,
            generic_resources: None,
            docker_root_dir: info.root_dir,
            http_proxy: info.proxies.http_proxy,
            https_proxy: info.proxies.https_proxy,
            no_proxy: info.proxies.no_proxy,
            name: info.hostname,
            labels: [],
            experimental_build: false,
            server_version: version,
            runtimes: json!({ RUNTIME: { "path": RUNTIME } }),
            default_runtime: RUNTIME,
            swarm: json!({
                "NodeID": "",
                "NodeAddr": "",
                "LocalNodeState": "inactive",
                "ControlAvailable": false,
                "Error": "",
                "RemoteManagers": null,
            }),
            // Containers go on when the engine stops: their monitors hold them.
            live_restore_enabled: true,
            isolation: "",
            init_binary: "",
            containerd_commit: Commit::default(),
            runc_commit: Commit::default(),
            init_commit: Commit::default(),
            security_options,
            cdi_spec_dirs: [],
            warnings: info.warnings,
        }
    }
}

/// Docker's words for how registries are reached: the loopback is always among the insecure ones.
fn registry_config(mirrors: &[String], insecure: &[String]) -> Value {
    let (ranges, names): (Vec<&str>, Vec<&str>) =
        insecure.iter().map(String::as_str).partition(|registry| registry.contains('/'));
    let ranges: Vec<&str> = ranges.into_iter().chain(["::1/128", "127.0.0.0/8"]).collect();
    let mut indexes = Map::new();
    for name in names {
        indexes.insert(name.into(), json!({ "Name": name, "Mirrors": [], "Secure": false, "Official": false }));
    }
    let official = json!({ "Name": "docker.io", "Mirrors": mirrors, "Secure": true, "Official": true });
    indexes.insert("docker.io".into(), official);
    json!({ "InsecureRegistryCIDRs": ranges, "IndexConfigs": indexes, "Mirrors": (!mirrors.is_empty()).then_some(mirrors) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::{Timestamp, system::ProxySettings};

    #[test]
    fn the_oracle_reads_it_and_the_shape_is_dockers() {
        let info = SystemInfo {
            id: "b7".into(),
            containers: 3,
            running: 1,
            paused: 0,
            stopped: 2,
            images: 4,
            storage_driver: "overlay2".into(),
            backing_filesystem: "extfs".into(),
            kernel_version: "6.12.57".into(),
            operating_system: "Berth".into(),
            machine: "x86_64".into(),
            cpus: 2,
            memory: 2 << 30,
            hostname: "berth".into(),
            root_dir: "/data/berth".into(),
            now: Timestamp(1_700_000_000_000_000_000),
            event_listeners: 1,
            open_files: 20,
            log_driver: "json-file".into(),
            seccomp_profile: "builtin".into(),
            no_new_privileges: false,
            userns_remap: false,
            registry_mirrors: vec!["https://mirror.example.com/".into()],
            insecure_registries: vec!["r.example.com:5000".into(), "10.0.0.0/8".into()],
            proxies: ProxySettings { http_proxy: "http://proxy:3128".into(), ..ProxySettings::default() },
            warnings: vec![],
        };
        let remapping = Info::new(SystemInfo { userns_remap: true, ..info.clone() }, String::new(), 0);
        assert_eq!(remapping.security_options, ["name=seccomp,profile=builtin", "name=userns", "name=cgroupns"]);
        let info = Info::new(info, "0.1.0".into(), 5);
        let text = serde_json::to_string(&info).unwrap();
        let read: bollard_stubs::models::SystemInfo = serde_json::from_str(&text).unwrap();
        assert_eq!((read.containers, read.ncpu, read.mem_total), (Some(3), Some(2), Some(2 << 30)));
        assert_eq!(read.os_type.as_deref(), Some("linux"));
        insta::assert_json_snapshot!(info);
    }
}
