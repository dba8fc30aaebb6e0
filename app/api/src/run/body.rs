//! A [`RunRequest`] as the Docker Engine API's create body.

use super::{RestartSpec, RunRequest, VolumeSource};
use crate::{
    error::Error,
    problem::{Code, Problem},
};
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum};
use std::collections::HashMap;

impl RunRequest {
    /// The body of `POST /containers/create`.
    ///
    /// # Errors
    /// A problem when a path of this host is to be mounted: the machine does not see the host's files.
    pub(crate) fn body(&self) -> Result<ContainerCreateBody, Error> {
        Ok(ContainerCreateBody {
            image: Some(self.image.clone()),
            hostname: self.hostname.clone(),
            domainname: self.isolation.domainname.clone(),
            user: self.user.clone(),
            env: some(self.env.clone()),
            cmd: some(self.command.clone()),
            entrypoint: self.entrypoint.as_ref().map(|program| vec![program.clone()]),
            working_dir: self.workdir.clone(),
            labels: (!self.labels.is_empty()).then(|| self.labels.iter().cloned().collect()),
            tty: Some(self.tty),
            open_stdin: Some(self.interactive),
            stdin_once: Some(self.interactive && self.attach.stdin),
            attach_stdin: Some(self.attach.stdin),
            attach_stdout: Some(self.attach.stdout),
            attach_stderr: Some(self.attach.stderr),
            volumes: some(self.anonymous_volumes()),
            exposed_ports: some(self.exposed()),
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_timeout.map(Into::into),
            healthcheck: self.health.as_ref().map(super::health::HealthSpec::body),
            host_config: Some(self.host_config()?),
            networking_config: super::endpoint::body(&self.networks),
            ..Default::default()
        })
    }

    fn exposed(&self) -> Vec<String> {
        let mut ports: Vec<_> =
            self.publish.iter().map(super::PublishSpec::key).chain(self.expose.iter().cloned()).collect();
        ports.sort();
        ports.dedup();
        ports
    }

    fn host_config(&self) -> Result<HostConfig, Error> {
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for spec in &self.publish {
            bindings
                .entry(spec.key())
                .or_default()
                .get_or_insert_default()
                .push(PortBinding { host_ip: spec.host_ip.map(|ip| ip.to_string()), host_port: spec.host_ports() });
        }
        let mut host = HostConfig {
            port_bindings: (!bindings.is_empty()).then_some(bindings),
            publish_all_ports: Some(self.publish_all),
            binds: some(self.binds()?),
            network_mode: self.networks.first().map(|first| first.network.clone()),
            restart_policy: Some(self.restart.into()),
            auto_remove: Some(self.auto_remove),
            readonly_rootfs: Some(self.read_only),
            log_config: self.log.body(),
            ..Default::default()
        };
        self.isolation.enter(&mut host);
        self.limits.enter(&mut host);
        self.device_rates.enter(&mut host);
        if let Some(mount) = self.isolation.mounts.iter().find(|m| m.kind == "bind" && !is_machines(&m.source)) {
            return Err(not_shared(&mount.source, &mount.target));
        }
        Ok(host)
    }

    fn anonymous_volumes(&self) -> Vec<String> {
        let anonymous = self.volumes.iter().filter(|spec| spec.source == VolumeSource::Anonymous);
        anonymous.map(|spec| spec.target.clone()).collect()
    }

    fn binds(&self) -> Result<Vec<String>, Error> {
        let mut binds = Vec::new();
        for spec in &self.volumes {
            let source = match &spec.source {
                VolumeSource::Anonymous => continue,
                VolumeSource::HostPath(path) if !is_machines(path) => return Err(not_shared(path, &spec.target)),
                VolumeSource::Named(source) | VolumeSource::HostPath(source) => source,
            };
            let options = if spec.options.is_empty() { String::new() } else { format!(":{}", spec.options) };
            binds.push(format!("{source}:{}{options}", spec.target));
        }
        Ok(binds)
    }
}

/// The kernel's filesystems are the machine's, as with every docker that runs in a machine of its own.
fn is_machines(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ["/dev", "/proc", "/sys"].into_iter().any(below) && !path.split('/').any(|part| part == "..")
}

/// The engine would take the path for one of the guest's own, so it must not get that far.
fn not_shared(path: &str, target: &str) -> Error {
    let message =
        format!("cannot mount {path}: this version of Berth does not share folders of this host with its machine");
    Problem::new(Code::InvalidArgument, message).hint(format!("use a named volume, such as -v data:{target}")).into()
}

impl super::PublishSpec {
    /// Docker's key of the port in the container, such as `80/tcp`.
    fn key(&self) -> String {
        format!("{}/{}", self.container_port, self.protocol)
    }
}

impl From<RestartSpec> for RestartPolicy {
    fn from(spec: RestartSpec) -> Self {
        let (name, retries) = match spec {
            RestartSpec::No => (RestartPolicyNameEnum::NO, 0),
            RestartSpec::Always => (RestartPolicyNameEnum::ALWAYS, 0),
            RestartSpec::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, 0),
            RestartSpec::OnFailure { retries } => (RestartPolicyNameEnum::ON_FAILURE, retries),
        };
        Self { name: Some(name), maximum_retry_count: Some(retries.into()) }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::super::{
        health::{self, HealthSpec},
        isolation::{self, Isolation},
        logging, publish, volume,
    };
    use super::*;

    #[test]
    fn the_body_is_what_docker_sends() {
        let request = RunRequest {
            image: "nginx".into(),
            publish: publish::parse("8080:80").unwrap(),
            volumes: vec![volume::parse("data:/data:ro").unwrap(), volume::parse("/cache").unwrap()],
            command: vec!["nginx".into()],
            auto_remove: true,
            ..Default::default()
        };
        let json = serde_json::to_value(request.body().unwrap()).unwrap();
        assert_eq!(json["Image"], "nginx");
        assert_eq!(json["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"], "8080");
        assert!(json["ExposedPorts"]["80/tcp"].is_object(), "{json}");
        assert_eq!(json["HostConfig"]["Binds"][0], "data:/data:ro");
        assert!(json["Volumes"]["/cache"].is_object(), "{json}");
        assert_eq!(json["HostConfig"]["AutoRemove"], true);
    }

    #[test]
    fn logs_and_health_are_asked_for_when_something_is_said_of_them() {
        let json = |request: RunRequest| serde_json::to_value(request.body().unwrap()).unwrap();
        let silent = json(RunRequest::default());
        assert!(silent.get("Healthcheck").is_none() && silent["HostConfig"].get("LogConfig").is_none(), "{silent}");
        let log = logging::spec(Some("local".into()), vec![("max-file".into(), "2".into())]).unwrap();
        let health = health::check(HealthSpec { interval: 5, ..HealthSpec::default() }).unwrap();
        let said = json(RunRequest { log, health, ..RunRequest::default() });
        assert_eq!(said["Healthcheck"]["Interval"], 5);
        assert_eq!(said["HostConfig"]["LogConfig"], serde_json::json!({"Type": "local", "Config": {"max-file": "2"}}));
        assert!(logging::spec(Some("none".into()), vec![("a".into(), "b".into())]).is_err());
    }

    #[test]
    fn a_host_folder_is_refused_rather_than_mounted_from_the_guest() {
        let request = RunRequest { volumes: vec![volume::parse("/etc:/x").unwrap()], ..Default::default() };
        let problem = request.body().unwrap_err().problem();
        assert_eq!(problem.code, Code::InvalidArgument);
        assert!(problem.hint.unwrap().contains("-v data:/x"));
    }

    #[test]
    fn what_a_container_is_given_is_in_the_body_as_docker_sends_it() {
        let isolation = Isolation {
            privileged: true,
            init: Some(true),
            ipc: Some("shareable".into()),
            open_system_paths: true,
            devices: vec![isolation::device("/dev/kmsg:/dev/k:r").unwrap()],
            mounts: vec![
                isolation::mount("type=bind,src=/proc,dst=/p,ro,bind-propagation=rprivate,bind-recursive=readonly")
                    .unwrap(),
            ],
            ulimits: vec![isolation::ulimit("nofile=10:20").unwrap()],
            tmpfs: vec![("/t".into(), "size=1m".into())],
            ..Isolation::default()
        };
        let request =
            RunRequest { isolation, volumes: vec![volume::parse("/sys:/s:ro").unwrap()], ..Default::default() };
        let host = serde_json::to_value(request.body().unwrap()).unwrap()["HostConfig"].clone();
        assert_eq!(
            (&host["Privileged"], &host["Init"], &host["IpcMode"]),
            (&true.into(), &true.into(), &"shareable".into())
        );
        assert_eq!((&host["MaskedPaths"], &host["Binds"][0]), (&serde_json::json!([]), &"/sys:/s:ro".into()));
        assert_eq!(host["Devices"][0]["CgroupPermissions"], "r");
        assert_eq!((&host["Ulimits"][0]["Hard"], &host["Tmpfs"]["/t"]), (&20.into(), &"size=1m".into()));
        let mount = &host["Mounts"][0];
        assert_eq!((&mount["Type"], &mount["ReadOnly"]), (&"bind".into(), &true.into()));
        assert_eq!(mount["BindOptions"]["ReadOnlyForceRecursive"], true);
        let shared = isolation::mount("type=bind,src=/home,dst=/p").unwrap();
        let isolation = Isolation { mounts: vec![shared], ..Isolation::default() };
        assert!(RunRequest { isolation, ..Default::default() }.body().is_err());
    }
}
