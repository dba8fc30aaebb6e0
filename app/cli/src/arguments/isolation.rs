//! Options of `run` and `create` about what a container is kept from and what it is given, with docker's words.

use super::run::{each, named};
use crate::failure::{Failure, invalid};
use berth_api::run::{
    gpu,
    isolation::{self, Isolation},
    quantity,
};
use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct IsolationOptions {
    /// Give extended privileges to this container
    #[arg(long)]
    privileged: bool,
    /// Run an init inside the container that forwards signals and reaps processes; --init=false where daemon.json has one
    #[arg(long)]
    init: Option<bool>,
    /// PID namespace to use: host or container:NAME
    #[arg(long, value_name = "MODE")]
    pid: Option<String>,
    /// IPC mode to use: none, private, shareable, host or container:NAME
    #[arg(long, value_name = "MODE")]
    ipc: Option<String>,
    /// UTS namespace to use: host
    #[arg(long, value_name = "MODE")]
    uts: Option<String>,
    /// User namespace to use: host, or auto for one of its own in which root is nobody on the machine
    #[arg(long, value_name = "MODE")]
    userns: Option<String>,
    /// Cgroup namespace to use: host or private
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,
    /// Optional parent cgroup for the container
    #[arg(long, value_name = "PATH")]
    cgroup_parent: Option<String>,
    /// Add Linux capabilities
    #[arg(long, value_name = "NAME")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "NAME")]
    cap_drop: Vec<String>,
    /// Security options: no-new-privileges, seccomp=FILE or unconfined, systempaths=unconfined
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Add a device of the machine to the container: HOST[:CONTAINER][:rwm]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Add a rule to the cgroup allowed devices list, such as "c 1:3 rwm"
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,
    /// Mount volumes from the specified containers: NAME[:ro]
    #[arg(long, value_name = "CONTAINER")]
    volumes_from: Vec<String>,
    /// Attach a filesystem mount to the container: type=volume,source=NAME,target=PATH
    #[arg(long, value_name = "MOUNT")]
    mount: Vec<String>,
    /// Mount a tmpfs directory: PATH[:OPTIONS]
    #[arg(long, value_name = "PATH")]
    tmpfs: Vec<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES")]
    shm_size: Option<String>,
    /// Ulimit options: NAME=SOFT[:HARD]
    #[arg(long, value_name = "LIMIT")]
    ulimit: Vec<String>,
    /// Sysctl options: KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    sysctl: Vec<String>,
    /// Tune the machine's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    oom_score_adj: Option<i32>,
    /// Container NIS domain name
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// Add a custom host-to-IP mapping: HOST:IP
    #[arg(long, value_name = "HOST:IP")]
    add_host: Vec<String>,
    /// Set custom DNS servers
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Set DNS options
    #[arg(long, visible_alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,
    /// Add additional groups to join
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Storage driver options for the container
    #[arg(long, value_name = "KEY=VALUE")]
    storage_opt: Vec<String>,
    /// Another container that it calls by a name; docker's legacy: containers of one network find each other anyway
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,
    /// Add data for the runtime: KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    annotation: Vec<String>,
    /// The runtime that runs the container
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// The driver of volumes that are made for the container
    #[arg(long, value_name = "DRIVER")]
    volume_driver: Option<String>,
    /// Tune how readily its memory is swapped, 0 to 100; the machine's kernel has no such setting
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    memory_swappiness: Option<i64>,
    /// Disable the OOM killer; the machine's kernel has no such setting
    #[arg(long)]
    oom_kill_disable: bool,
    /// Add graphics processors: "all", a number, or fields such as device=0
    #[arg(long, value_name = "REQUEST")]
    gpus: Vec<String>,
}

impl IsolationOptions {
    /// As the engine is asked, with profiles read.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(super) fn read(&self) -> Result<Isolation, Failure> {
        let mode = |asked: &Option<String>, flag: &str, kind: &str, words: &[&str], joins: bool| {
            let asked = asked.as_deref().filter(|mode| !mode.is_empty());
            asked.map(|mode| isolation::mode(mode, flag, kind, words, joins)).transpose()
        };
        let (security_opt, open_system_paths) =
            isolation::security_options(&self.security_opt, |file| std::fs::read_to_string(file))?;
        if self.oom_score_adj.is_some_and(|score| !(-1000..=1000).contains(&score)) {
            return Err(invalid(format!(
                "Invalid value {}, range for oom score adj is [-1000, 1000]",
                self.oom_score_adj.unwrap_or_default()
            )));
        }
        if let Some(value) = self.memory_swappiness.filter(|value| !(-1..=100).contains(value)) {
            return Err(invalid(format!("invalid value: {value}. Valid memory swappiness range is 0-100")));
        }
        Ok(Isolation {
            privileged: self.privileged,
            init: self.init,
            pid: mode(&self.pid, "--pid", "PID", &["host"], true)?,
            ipc: mode(&self.ipc, "--ipc", "IPC", &["none", "private", "shareable", "host"], true)?,
            uts: mode(&self.uts, "--uts", "UTS", &["host"], false)?,
            userns: mode(&self.userns, "--userns", "USER", &["host", "auto"], false)?,
            cgroupns: mode(&self.cgroupns, "--cgroupns", "CGROUP", &["host", "private"], false)?,
            cgroup_parent: self.cgroup_parent.clone(),
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
            security_opt,
            open_system_paths,
            devices: each(&self.device, "--device", isolation::device)?,
            device_cgroup_rules: each(&self.device_cgroup_rule, "--device-cgroup-rule", isolation::device_rule)?,
            volumes_from: self.volumes_from.clone(),
            mounts: each(&self.mount, "--mount", isolation::mount)?,
            tmpfs: each(&self.tmpfs, "--tmpfs", isolation::tmpfs)?,
            shm_size: self.shm_size.as_deref().map(|text| named(text, "--shm-size", quantity::bytes)).transpose()?,
            ulimits: each(&self.ulimit, "--ulimit", isolation::ulimit)?,
            sysctls: each(&self.sysctl, "--sysctl", isolation::pair)?,
            oom_score_adj: self.oom_score_adj,
            domainname: self.domainname.clone(),
            extra_hosts: each(&self.add_host, "--add-host", isolation::extra_host)?,
            dns: each(&self.dns, "--dns", isolation::resolver)?,
            dns_search: self.dns_search.clone(),
            dns_options: self.dns_option.clone(),
            group_add: self.group_add.clone(),
            storage_opt: each(&self.storage_opt, "--storage-opt", isolation::pair)?,
            links: each(&self.link, "--link", isolation::link)?,
            annotations: each(&self.annotation, "--annotation", isolation::pair)?,
            runtime: self.runtime.clone(),
            volume_driver: self.volume_driver.clone(),
            memory_swappiness: self.memory_swappiness.filter(|value| *value != -1),
            oom_kill_disable: self.oom_kill_disable,
            gpus: each(&self.gpus, "--gpus", gpu::parse)?,
        })
    }
}
