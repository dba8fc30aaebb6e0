//! `/volumes`.

use crate::{
    detached,
    error::{ApiError, Reply},
    filters::Filters,
    query::Query,
    wire::json::{self, Document},
};
use axum::{
    Router,
    extract::{FromRequest, Path, Request, State},
    response::IntoResponse,
    routing::get,
};
use berth_engine::{
    Engine,
    volume::{CreateVolume, Volume, VolumeFilters},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) fn routes() -> Router<Engine> {
    Router::new().route("/volumes", get(list)).route("/volumes/{name}", get(inspect).delete(remove).post(act))
}

async fn list(State(engine): State<Engine>, query: Query) -> Reply {
    let filters = read_filters(&query.filters(&["dangling", "driver", "label", "name"])?)?;
    let volumes = engine.list_volumes(filters).await?.into_iter().map(VolumeOut::from).collect();
    Ok(json::ok(&List { volumes, warnings: None }))
}

async fn inspect(State(engine): State<Engine>, Path(name): Path<String>) -> Reply {
    Ok(json::ok(&VolumeOut::from(engine.inspect_volume(&name).await?)))
}

async fn remove(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let force = query.on("force");
    detached::run(async move { engine.remove_volume(&name, force).await }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /volumes/create` and `/volumes/prune`. They are no routes of their own, so that a volume may have one of
/// these names.
async fn act(State(engine): State<Engine>, Path(action): Path<String>, query: Query, request: Request) -> Reply {
    match action.as_str() {
        "create" => create(engine, Document::from_request(request, &()).await?).await,
        "prune" => prune(engine, &query).await,
        _ => Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("method not allowed: POST /volumes/{action}"))),
    }
}

async fn create(engine: Engine, Document(asked): Document<VolumeIn>) -> Reply {
    let asked = asked.unwrap_or_default();
    let volume = detached::run(async move { engine.create_volume(asked.into()).await }).await?;
    Ok(json::reply(StatusCode::CREATED, &VolumeOut::from(volume)))
}

async fn prune(engine: Engine, query: &Query) -> Reply {
    let filters = read_filters(&query.filters(&["all", "label"])?)?;
    let pruned = detached::run(async move { engine.prune_volumes(filters).await }).await?;
    Ok(json::ok(&Pruned { volumes_deleted: pruned.deleted, space_reclaimed: pruned.space_reclaimed }))
}

fn read_filters(filters: &Filters) -> Reply<VolumeFilters> {
    Ok(VolumeFilters {
        name: filters.values("name"),
        driver: filters.values("driver"),
        label: filters.values("label"),
        dangling: filters.yes("dangling")?,
        all: filters.yes("all")?.unwrap_or(false),
    })
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct VolumeIn {
    name: Option<String>,
    driver: Option<String>,
    driver_opts: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
}

impl From<VolumeIn> for CreateVolume {
    fn from(asked: VolumeIn) -> Self {
        Self {
            name: asked.name.filter(|name| !name.is_empty()),
            driver: asked.driver.unwrap_or_default(),
            driver_options: asked.driver_opts.unwrap_or_default(),
            labels: asked.labels.unwrap_or_default(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    volumes: Vec<VolumeOut>,
    warnings: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VolumeOut {
    created_at: String,
    driver: String,
    labels: BTreeMap<String, String>,
    mountpoint: String,
    name: String,
    options: BTreeMap<String, String>,
    scope: &'static str,
    /// In `/system/df` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_data: Option<UsageData>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UsageData {
    ref_count: usize,
    size: u64,
}

impl VolumeOut {
    pub(crate) fn with_usage(self, size: u64, users: usize) -> Self {
        Self { usage_data: Some(UsageData { ref_count: users, size }), ..self }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pruned {
    volumes_deleted: Vec<String>,
    space_reclaimed: u64,
}

impl From<Volume> for VolumeOut {
    fn from(volume: Volume) -> Self {
        let mut labels = volume.labels;
        if volume.anonymous {
            // Docker marks them so; its clients show and prune by it.
            labels.entry("com.docker.volume.anonymous".to_owned()).or_default();
        }
        Self {
            created_at: volume.created.rfc3339(),
            driver: volume.driver,
            labels,
            mountpoint: volume.mountpoint.display().to_string(),
            name: volume.name,
            options: BTreeMap::new(),
            scope: "local",
            usage_data: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::Timestamp;

    #[test]
    fn a_volume_is_dockers_and_the_oracle_reads_it() {
        let volume = VolumeOut::from(Volume {
            name: "db".into(),
            driver: "local".into(),
            mountpoint: "/data/berth/volumes/db/_data".into(),
            created: Timestamp(1_700_000_000_000_000_000),
            labels: BTreeMap::from([("a".into(), "b".into())]),
            anonymous: true,
        });
        insta::assert_json_snapshot!(volume, @r#"
        {
          "CreatedAt": "2023-11-14T22:13:20Z",
          "Driver": "local",
          "Labels": {
            "a": "b",
            "com.docker.volume.anonymous": ""
          },
          "Mountpoint": "/data/berth/volumes/db/_data",
          "Name": "db",
          "Options": {},
          "Scope": "local"
        }
        "#);
        let list = serde_json::to_string(&List { volumes: vec![volume], warnings: None }).unwrap();
        let list: bollard_stubs::models::VolumeListResponse = serde_json::from_str(&list).unwrap();
        assert_eq!(list.volumes.unwrap()[0].name, "db");
    }
}
