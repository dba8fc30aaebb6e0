//! An image from what a container changed.

use crate::{
    Digest, History, ImageConfig, ImageError, ImageId, Reference, Result, Snapshot,
    added::Added,
    assemble::blocking,
    digest::Hashed,
    error::IoContext as _,
    pack::{PackError, Packing, pack},
    store::{Scratch, Store},
    turns::Turns,
};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::{collections::BTreeSet, fs::File, io::BufWriter, path::Path, sync::Arc};

/// An image to be made of a container.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The container's files; nothing of it may change meanwhile, for the image to make sense.
    pub snapshot: Snapshot,
    /// The image below, with what the new one says of itself; its layers and history are added to.
    pub config: ImageConfig,
    /// How the new layer came about.
    pub history: History,
    /// Paths that are left out where nothing is below them: see [`Snapshot::changes`].
    pub stubs: BTreeSet<Vec<u8>>,
    /// The name it gets.
    pub name: Option<Reference>,
}

/// Makes the image. When it returns, the image is durable; what fails leaves nothing.
pub(crate) async fn commit(store: Arc<Store>, turns: Arc<Turns>, commit: Commit) -> Result<ImageId> {
    let Commit { snapshot, config, history, stubs, name } = commit;
    let scratch = Arc::new(store.layout.scratch()?);
    let packed = {
        let scratch = scratch.clone();
        blocking(move || pack_upper(&snapshot, stubs, &scratch)).await?
    };
    let added = Added { scratch, layer: packed, config, history, name };
    added.store(store, turns).await
}

/// Writes the layer's archive; its digest and size, or `None` when nothing was changed.
fn pack_upper(snapshot: &Snapshot, stubs: BTreeSet<Vec<u8>>, scratch: &Scratch) -> Result<Option<(Digest, u64)>> {
    // The upper directory has copies of directories that only the mounts below them needed.
    if snapshot.changes(&stubs)?.is_empty() {
        return Ok(None);
    }
    let upper = &snapshot.upper;
    let top = openat(CWD, upper, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let top = top.at("open", upper)?;
    let path = Added::layer(scratch);
    let file = BufWriter::with_capacity(256 << 10, File::create_new(&path).at("create", &path)?);
    let mut out = Hashed::new(file);
    let how = Packing { layer: true, stubs, ..Packing::default() };
    pack(&top, &how, &mut out).map_err(|error| told(error, &path))?;
    Ok(Some(out.finish().at("write", &path)?))
}

fn told(error: PackError, path: &Path) -> ImageError {
    match error {
        PackError::Write(source) => ImageError::Io { doing: "write", path: path.to_owned(), source },
        PackError::Read { path, source } => ImageError::Io { doing: "read the container's", path: path.into(), source },
        other => ImageError::Malformed(other.to_string()),
    }
}
