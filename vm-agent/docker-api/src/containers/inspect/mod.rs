//! `GET /containers/{name}/json`.

mod config;
mod host;

use super::{
    mount_point::MountPointOut,
    network::{self, SettingsOut},
};
use crate::{error::Reply, query::Query, version::ApiVersion, wire::json};
use axum::extract::{Path, State};
use berth_engine::{
    Engine, Timestamp,
    container::{ContainerDetails, ContainerSize, ContainerState, Health, Probe, StateDetails},
};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path as FilePath};

pub(super) async fn get(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    query: Query,
) -> Reply {
    let mut details = Details::new(engine.inspect_container(&name).await?, version);
    if query.on("size") {
        let ContainerSize { written, whole } = engine.container_size(&name).await?;
        (details.size_rw, details.size_root_fs) = (Some(written), Some(whole));
    }
    Ok(json::ok(&details))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    id: String,
    created: String,
    path: String,
    args: Vec<String>,
    state: Life,
    image: String,
    resolv_conf_path: String,
    hostname_path: String,
    hosts_path: String,
    log_path: String,
    name: String,
    restart_count: u32,
    driver: String,
    platform: String,
    mount_label: &'static str,
    process_label: &'static str,
    app_armor_profile: &'static str,
    #[serde(rename = "ExecIDs")]
    exec_ids: Option<Vec<String>>,
    host_config: host::HostOut,
    graph_driver: GraphDriver,
    mounts: Vec<MountPointOut>,
    config: config::ConfigOut,
    network_settings: SettingsOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Life {
    status: &'static str,
    running: bool,
    paused: bool,
    restarting: bool,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    dead: bool,
    pid: i32,
    exit_code: i64,
    error: String,
    started_at: String,
    finished_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HealthOut {
    status: String,
    failing_streak: u32,
    log: Vec<ProbeOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProbeOut {
    start: String,
    end: String,
    exit_code: i64,
    output: String,
}

impl From<Health> for HealthOut {
    fn from(health: Health) -> Self {
        let probe = |probe: Probe| ProbeOut {
            start: probe.start.rfc3339(),
            end: probe.end.rfc3339(),
            exit_code: probe.exit_code,
            output: probe.output,
        };
        Self {
            status: health.status.to_string(),
            failing_streak: health.failing_streak,
            log: health.log.into_iter().map(probe).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GraphDriver {
    name: String,
    data: BTreeMap<String, String>,
}

impl Details {
    fn new(container: ContainerDetails, version: ApiVersion) -> Self {
        let text = |path: &FilePath| path.display().to_string();
        let network_settings = SettingsOut::new(container.network, network::short_id(&container.id), version);
        Self {
            id: container.id,
            created: container.created.rfc3339(),
            path: container.path,
            args: container.args,
            state: container.state.into(),
            resolv_conf_path: text(&container.resolv_conf_path),
            hostname_path: text(&container.hostname_path),
            hosts_path: text(&container.hosts_path),
            log_path: container.log_path.as_deref().map(text).unwrap_or_default(),
            name: format!("/{}", container.name),
            restart_count: container.restart_count,
            driver: container.storage_driver.clone(),
            platform: container.platform,
            mount_label: "",
            process_label: "",
            app_armor_profile: "",
            exec_ids: Some(container.execs).filter(|ids| !ids.is_empty()),
            host_config: container.host.into(),
            graph_driver: GraphDriver { name: container.storage_driver, data: container.storage },
            mounts: container.mounts.into_iter().map(MountPointOut::from).collect(),
            config: container.config.into(),
            image: container.image_id,
            network_settings,
            size_rw: None,
            size_root_fs: None,
        }
    }
}

impl From<StateDetails> for Life {
    fn from(state: StateDetails) -> Self {
        let at = |moment: Option<Timestamp>| moment.map_or_else(|| Timestamp::NEVER.to_owned(), Timestamp::rfc3339);
        let status = state.status;
        Self {
            status: status.as_str(),
            // Docker counts a frozen and a restarting container as running.
            running: matches!(status, ContainerState::Running | ContainerState::Paused | ContainerState::Restarting),
            paused: status == ContainerState::Paused,
            restarting: status == ContainerState::Restarting,
            oom_killed: state.oom_killed,
            dead: status == ContainerState::Dead,
            pid: state.pid,
            exit_code: state.exit_code,
            error: state.error,
            started_at: at(state.started_at),
            finished_at: at(state.finished_at),
            health: state.health.map(HealthOut::from),
        }
    }
}

#[cfg(test)]
mod tests;
