//! `GET /system/df`.

use crate::{
    containers::list::Summary as ContainerOut,
    error::{ApiError, Reply},
    images::list::Summary as ImageOut,
    query::Query,
    version::ApiVersion,
    volumes::VolumeOut,
    wire::json,
};
use axum::extract::State;
use berth_engine::{
    Engine,
    container::{ContainerState, ContainerSummary},
    system::{DiskObject, DiskUsage, ImagesUsage, VolumeUsage},
};
use serde::Serialize;
use serde_json::{Map, Value};

pub(super) async fn get(State(engine): State<Engine>, version: ApiVersion, query: Query) -> Reply {
    let mut of = vec![DiskObject::Container, DiskObject::Image, DiskObject::Volume];
    let mut build_cache = true;
    let kinds: Vec<&str> = query.all("type").collect();
    if !kinds.is_empty() {
        (of, build_cache) = (Vec::new(), false);
        for kind in kinds {
            match kind {
                "container" => of.push(DiskObject::Container),
                "image" => of.push(DiskObject::Image),
                "volume" => of.push(DiskObject::Volume),
                "build-cache" => build_cache = true,
                _ => return Err(ApiError::bad_request(format!("unknown object type: {kind}"))),
            }
        }
    }
    let usage = engine.disk_usage(&of).await?;
    let answer = match version.at_least(52) {
        true => since_52(usage, build_cache, query.on("verbose"), version),
        false => before_52(usage, build_cache, version),
    };
    Ok(json::ok(&answer.map_err(|e| ApiError::bad_request(format!("the usage cannot be told: {e}")))?))
}

type Told = serde_json::Result<Value>;

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sums<T> {
    active_count: usize,
    total_count: usize,
    total_size: u64,
    reclaimable: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<T>>,
}

/// Docker's answer since API 1.52: sums, and the objects when asked for.
fn since_52(usage: DiskUsage, build_cache: bool, verbose: bool, version: ApiVersion) -> Told {
    let mut all = Map::new();
    if let Some(images) = usage.images {
        all.insert("ImageUsage".to_owned(), serde_json::to_value(images_sums(images, verbose, version))?);
    }
    if let Some(containers) = usage.containers {
        all.insert("ContainerUsage".to_owned(), serde_json::to_value(containers_sums(containers, verbose, version))?);
    }
    if let Some(volumes) = usage.volumes {
        all.insert("VolumeUsage".to_owned(), serde_json::to_value(volumes_sums(volumes, verbose))?);
    }
    if build_cache {
        // The engine builds nothing yet, so it keeps nothing of it.
        let none = Sums::<()> { items: verbose.then(Vec::new), ..Sums::default() };
        all.insert("BuildCacheUsage".to_owned(), serde_json::to_value(none)?);
    }
    Ok(all.into())
}

fn images_sums(usage: ImagesUsage, verbose: bool, version: ApiVersion) -> Sums<ImageOut> {
    Sums {
        active_count: usage.images.iter().filter(|image| image.summary.containers > 0).count(),
        total_count: usage.images.len(),
        total_size: usage.layers,
        reclaimable: usage.reclaimable,
        items: verbose.then(|| images(usage, version)),
    }
}

fn containers_sums(containers: Vec<ContainerSummary>, verbose: bool, version: ApiVersion) -> Sums<ContainerOut> {
    let active = |container: &&ContainerSummary| {
        matches!(container.state, ContainerState::Running | ContainerState::Paused | ContainerState::Restarting)
    };
    let written = |container: &ContainerSummary| container.size.map_or(0, |size| size.written);
    Sums {
        active_count: containers.iter().filter(active).count(),
        total_count: containers.len(),
        total_size: containers.iter().map(written).sum(),
        reclaimable: containers.iter().filter(|container| !active(container)).map(written).sum(),
        items: verbose.then(|| containers.into_iter().map(|one| ContainerOut::new(one, version)).collect()),
    }
}

fn volumes_sums(volumes: Vec<VolumeUsage>, verbose: bool) -> Sums<VolumeOut> {
    Sums {
        active_count: volumes.iter().filter(|volume| volume.users > 0).count(),
        total_count: volumes.len(),
        total_size: volumes.iter().map(|volume| volume.size).sum(),
        reclaimable: volumes.iter().filter(|volume| volume.users == 0).map(|volume| volume.size).sum(),
        items: verbose.then(|| volumes.into_iter().map(volume).collect()),
    }
}

fn images(usage: ImagesUsage, version: ApiVersion) -> Vec<ImageOut> {
    let out = |image: berth_engine::system::ImageUsage| {
        let containers = image.summary.containers;
        ImageOut::new(image.summary, version).with_usage(image.shared, containers)
    };
    usage.images.into_iter().map(out).collect()
}

fn volume(usage: VolumeUsage) -> VolumeOut {
    VolumeOut::from(usage.volume).with_usage(usage.size, usage.users)
}

/// Docker's answer to older clients: every object, for them to add up.
fn before_52(usage: DiskUsage, build_cache: bool, version: ApiVersion) -> Told {
    let mut all = Map::new();
    if let Some(usage) = usage.images {
        all.insert("LayersSize".to_owned(), usage.layers.into());
        all.insert("Images".to_owned(), serde_json::to_value(images(usage, version))?);
    }
    if let Some(containers) = usage.containers {
        let containers: Vec<_> = containers.into_iter().map(|one| ContainerOut::new(one, version)).collect();
        all.insert("Containers".to_owned(), serde_json::to_value(containers)?);
    }
    if let Some(volumes) = usage.volumes {
        let volumes: Vec<_> = volumes.into_iter().map(volume).collect();
        all.insert("Volumes".to_owned(), serde_json::to_value(volumes)?);
    }
    if build_cache {
        all.insert("BuildCache".to_owned(), Value::Array(Vec::new()));
    }
    Ok(all.into())
}
