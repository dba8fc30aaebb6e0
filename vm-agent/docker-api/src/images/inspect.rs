//! `GET /images/{name}/json`.

use super::platform;
use crate::{error::Reply, query::Query, version::ApiVersion, wire::json};
use berth_engine::{
    Engine, Timestamp,
    container::Healthcheck,
    image::{ImageConfig, ImageDetails},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) async fn get(engine: &Engine, name: &str, query: &Query, version: ApiVersion) -> Reply {
    let platform = platform::of(query)?;
    Ok(json::ok(&Details::new(engine.inspect_image(name, platform.as_deref()).await?, version)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    id: String,
    repo_tags: Vec<String>,
    repo_digests: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docker_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    config: Value,
    architecture: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    variant: String,
    os: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_size: Option<u64>,
    graph_driver: GraphDriver,
    #[serde(rename = "RootFS")]
    root_fs: RootFs,
    metadata: Metadata,
}

/// Docker's name of what layers are stacked with. Where they lie is nobody's business outside of the machine.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GraphDriver {
    data: BTreeMap<String, String>,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(rename = "Type")]
    kind: &'static str,
    layers: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    last_tag_time: String,
}

impl Details {
    fn new(image: ImageDetails, version: ApiVersion) -> Self {
        // Up to API 1.51 docker wrote these also when they were empty.
        let old = !version.at_least(52);
        let text = |text: String| (old || !text.is_empty()).then_some(text);
        let created = image.created.map(Timestamp::rfc3339);
        Self {
            id: image.id,
            repo_tags: image.repo_tags,
            repo_digests: image.repo_digests,
            parent: old.then_some(""),
            comment: text(image.comment),
            created: created.or_else(|| (!version.at_least(44)).then(|| Timestamp::NEVER.to_owned())),
            docker_version: old.then_some(""),
            author: text(image.author),
            config: config(image.config, old),
            architecture: image.architecture,
            variant: image.variant,
            os: image.os,
            size: image.size,
            virtual_size: (!version.at_least(44)).then_some(image.size),
            graph_driver: GraphDriver { data: BTreeMap::new(), name: image.storage_driver },
            root_fs: RootFs { kind: "layers", layers: image.diff_ids },
            metadata: Metadata {
                last_tag_time: image.last_tagged.map_or_else(|| Timestamp::NEVER.to_owned(), Timestamp::rfc3339),
            },
        }
    }
}

fn config(config: ImageConfig, old: bool) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value, empty: bool| {
        if !empty {
            out.insert(key.to_owned(), value);
        } else if old {
            out.insert(key.to_owned(), if value.is_string() { value } else { Value::Null });
        }
    };
    put("User", json!(config.user), config.user.is_empty());
    put("Env", json!(config.env), config.env.is_empty());
    put("Entrypoint", json!(config.entrypoint), config.entrypoint.is_empty());
    put("Cmd", json!(config.cmd), config.cmd.is_empty());
    put("Volumes", set(config.volumes.iter()), config.volumes.is_empty());
    put("WorkingDir", json!(config.working_dir), config.working_dir.is_empty());
    put("Labels", json!(config.labels), config.labels.is_empty());
    put("OnBuild", json!(config.on_build), config.on_build.is_empty());
    if !config.exposed_ports.is_empty() {
        out.insert("ExposedPorts".to_owned(), set(config.exposed_ports.iter()));
    }
    if !config.shell.is_empty() {
        out.insert("Shell".to_owned(), json!(config.shell));
    }
    if let Some(signal) = config.stop_signal {
        out.insert("StopSignal".to_owned(), signal.into());
    }
    if let Some(check) = config.healthcheck {
        out.insert("Healthcheck".to_owned(), healthcheck(&check));
    }
    out.into()
}

/// A set the way Go's JSON has one: every member is the key of an empty object.
pub(crate) fn set(members: impl Iterator<Item = impl ToString>) -> Value {
    json!(members.map(|member| (member.to_string(), json!({}))).collect::<BTreeMap<_, _>>())
}

/// A health check with its durations in nanoseconds; what is not set is left out.
pub(crate) fn healthcheck(check: &Healthcheck) -> Value {
    let mut out = Map::new();
    if !check.test.is_empty() {
        out.insert("Test".to_owned(), json!(check.test));
    }
    for (key, duration) in [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ] {
        if let Some(nanos) = duration.and_then(|duration| i64::try_from(duration.as_nanos()).ok()) {
            out.insert(key.to_owned(), nanos.into());
        }
    }
    if let Some(retries) = check.retries {
        out.insert("Retries".to_owned(), retries.into());
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn image() -> ImageDetails {
        ImageDetails {
            id: format!("sha256:{}", "ab".repeat(32)),
            repo_tags: vec!["nginx:latest".into()],
            repo_digests: vec![format!("nginx@sha256:{}", "cd".repeat(32))],
            created: Some(Timestamp(1_700_000_000_000_000_000)),
            author: String::new(),
            comment: String::new(),
            architecture: "amd64".into(),
            variant: String::new(),
            os: "linux".into(),
            size: 1234,
            diff_ids: vec![format!("sha256:{}", "ef".repeat(32))],
            last_tagged: None,
            storage_driver: "overlay2".into(),
            config: ImageConfig {
                cmd: vec!["nginx".into()],
                env: vec!["PATH=/bin".into()],
                exposed_ports: ["80/tcp".parse().unwrap()].into(),
                healthcheck: Some(Healthcheck {
                    test: vec!["CMD".into(), "true".into()],
                    interval: Some(Duration::from_secs(30)),
                    ..Healthcheck::default()
                }),
                ..ImageConfig::default()
            },
        }
    }

    #[test]
    fn the_oracle_reads_it_and_the_shape_is_dockers() {
        let details = Details::new(image(), crate::CURRENT);
        let text = serde_json::to_string(&details).unwrap();
        let read: bollard_stubs::models::ImageInspect = serde_json::from_str(&text).unwrap();
        let config = read.config.unwrap();
        assert_eq!(config.cmd.unwrap(), ["nginx"]);
        assert_eq!(config.healthcheck.unwrap().interval, Some(30_000_000_000));
        insta::assert_json_snapshot!(details);
    }

    #[test]
    fn old_clients_get_the_empty_fields_they_knew() {
        let old = serde_json::to_value(Details::new(image(), ApiVersion::new(1, 43))).unwrap();
        assert_eq!((&old["Parent"], &old["Author"], &old["Config"]["User"]), (&"".into(), &"".into(), &"".into()));
        assert_eq!((&old["Config"]["Entrypoint"], &old["VirtualSize"]), (&Value::Null, &1234.into()));
        let new = serde_json::to_value(Details::new(image(), crate::CURRENT)).unwrap();
        assert!(new["Config"].get("Entrypoint").is_none());
    }
}
