//! `GET /images/{name}/layers`, which docker does not have: what each layer of an image does to the files of those below.
//!
//! `Id`, `Size` and `Wasted` of the image; `Layers`, lowest first, with `DiffId`, `Created` (seconds since 1970),
//! `CreatedBy` (the command), `Size`, the numbers of files `Added`, `Changed` and `Removed`, and `Wasted`: bytes of its files
//! that later layers overwrite or delete; `Largest`, the files that waste most, with `Path`, `Size`, and the positions in
//! `Layers` of the one that has it (`Layer`) and the one that hides it (`HiddenBy`). Sizes are bytes, unpacked; a file with
//! several names counts once. 404 for an image that is not there.

use crate::{error::Reply, wire::json};
use berth_engine::{
    Engine, Timestamp,
    image::{Exploration, ExploredLayer, WastedFile},
};
use serde::Serialize;

pub(super) async fn get(engine: &Engine, name: &str) -> Reply {
    Ok(json::ok(&Answer::from(engine.explore_image(name).await?)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    id: String,
    size: u64,
    wasted: u64,
    layers: Vec<Layer>,
    largest: Vec<File>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Layer {
    diff_id: String,
    created: i64,
    created_by: String,
    size: u64,
    added: u64,
    changed: u64,
    removed: u64,
    wasted: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    path: String,
    size: u64,
    layer: usize,
    hidden_by: usize,
}

impl From<Exploration> for Answer {
    fn from(image: Exploration) -> Self {
        Self {
            id: image.id,
            size: image.layers.iter().map(|layer| layer.size).sum(),
            wasted: image.layers.iter().map(|layer| layer.files.wasted).sum(),
            layers: image.layers.into_iter().map(Layer::from).collect(),
            largest: image.largest.into_iter().map(File::from).collect(),
        }
    }
}

impl From<ExploredLayer> for Layer {
    fn from(layer: ExploredLayer) -> Self {
        Self {
            diff_id: layer.diff_id,
            created: layer.created.map_or(0, Timestamp::seconds),
            created_by: layer.created_by,
            size: layer.size,
            added: layer.files.added,
            changed: layer.files.changed,
            removed: layer.files.removed,
            wasted: layer.files.wasted,
        }
    }
}

impl From<WastedFile> for File {
    fn from(file: WastedFile) -> Self {
        let WastedFile { size, path, layer, hidden_by } = file;
        Self { path: String::from_utf8_lossy(&path).into_owned(), size, layer, hidden_by }
    }
}
