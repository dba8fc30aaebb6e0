//! From finished to durable: one flush of the filesystem covers everything that was finished before it began, so pulls
//! that end together share it.

use super::{Scratch, State, Store};
use crate::{Digest, ImageError, Reference, Result, error::IoContext as _};
use rusqlite::params;
use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

/// A layer whose files are complete in a scratch directory, or are those of another layer.
#[derive(Debug)]
pub(crate) struct NewLayer {
    pub(crate) chain_id: Digest,
    pub(crate) parent: Option<Digest>,
    pub(crate) diff_id: Digest,
    pub(crate) blob: Digest,
    pub(crate) size: u64,
    /// Whether its archive describes the root directory.
    pub(crate) describes_root: bool,
    /// The directory that has its files, and whether it serves on top of other layers too.
    pub(crate) tree: NewTree,
}

/// Where the files of a [`NewLayer`] are.
#[derive(Debug)]
pub(crate) enum NewTree {
    /// Those of a stored layer of the same content.
    Shared(Digest),
    /// In `dir/diff`, to be moved to their place; the blob in `dir/blob` unless it is stored already.
    Made { dir: Scratch, blob_size: u64, shareable: bool },
}

/// An image whose layers are stored.
#[derive(Debug)]
pub(crate) struct NewImage<'a> {
    pub(crate) config: &'a [u8],
    /// Manifest and index, the platform's manifest first.
    pub(crate) manifests: Vec<&'a [u8]>,
    pub(crate) top: Option<Digest>,
    /// Tags to point at it, and digests it was served under.
    pub(crate) names: Vec<Reference>,
    /// Seconds since the Unix epoch.
    pub(crate) now: i64,
}

/// Flushes in flight: `done` counts those that ended, `running` is set while one is under way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    turns: Mutex<Turns>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct Turns {
    running: bool,
    started: u64,
    done: u64,
}

impl Queue {
    /// Returns when a flush that began after this call has ended; runs it itself when nobody does.
    fn flush(&self, dir: &Path) -> Result<()> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // One that already runs may have passed this caller's files by.
        let wanted = turns.started + 1;
        loop {
            if turns.done >= wanted {
                return Ok(());
            }
            if !turns.running {
                turns.running = true;
                turns.started += 1;
                let turn = turns.started;
                drop(turns);
                let result = File::open(dir).and_then(|dir| Ok(rustix::fs::syncfs(&dir)?));
                turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
                turns.running = false;
                if result.is_ok() {
                    turns.done = turn;
                }
                self.turned.notify_all();
                result.at("flush", dir)?;
                continue;
            }
            turns = self.turned.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Store {
    /// Makes finished layers durable and known, lowest first.
    pub(crate) fn commit_layers(&self, layers: Vec<NewLayer>) -> Result<()> {
        if layers.iter().any(|layer| matches!(layer.tree, NewTree::Made { .. })) {
            self.queue.flush(&self.layout.tmp())?;
        }
        let mut state = self.lock();
        for layer in &layers {
            if let NewTree::Made { dir, .. } = &layer.tree {
                self.place(dir.path(), &layer.chain_id, &layer.blob)?;
            }
        }
        sync_dir(&self.layout.layers())?;
        sync_dir(&self.layout.blobs())?;
        let tx = state.db.transaction()?;
        for layer in &layers {
            insert_layer(&tx, layer)?;
        }
        Ok(tx.commit()?)
    }

    /// Moves a finished layer to its place. What lies there has no row, and is what a failed commit left.
    fn place(&self, dir: &Path, chain_id: &Digest, blob: &Digest) -> Result<()> {
        let made = dir.join("blob");
        if made.exists() {
            let place = self.layout.blob(blob);
            std::fs::rename(&made, &place).at("move a blob to", &place)?;
        }
        let place = self.layout.tree(chain_id);
        let rubbish = dir.join("old");
        match std::fs::rename(&place, &rubbish) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e).at("clear", &place),
            _ => {}
        }
        std::fs::create_dir(&place).at("create", &place)?;
        std::fs::rename(dir.join("diff"), place.join("diff")).at("move a layer to", &place)?;
        sync_dir(&place)
    }

    /// Makes an image durable and known, with its names. Whether the tags among them meant it before is returned.
    pub(crate) fn commit_image(&self, image: &NewImage<'_>) -> Result<(Digest, bool)> {
        let id = Digest::of(image.config);
        let manifest = image.manifests.first().map(|bytes| Digest::of(bytes));
        let mut state = self.lock();
        let mut blobs = vec![(id, image.config.len())];
        self.write_blob(image.config)?;
        for bytes in &image.manifests {
            blobs.push((self.write_blob(bytes)?, bytes.len()));
        }
        sync_dir(&self.layout.blobs())?;
        let tx = state.db.transaction()?;
        for (digest, size) in blobs {
            let sql = "INSERT INTO blob (digest, size) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            tx.prepare_cached(sql)?.execute(params![digest, size])?;
        }
        // A manifest from a registry says more than the archive it may have come from first.
        let sql = "INSERT INTO image (id, manifest, top, stored_at) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (id) DO UPDATE SET manifest = coalesce(excluded.manifest, manifest)";
        tx.prepare_cached(sql)?.execute(params![id, manifest, image.top, image.now])?;
        let mut same = true;
        for name in &image.names {
            same &= insert_name(&tx, name, &id, image.now)?;
        }
        tx.commit()?;
        Ok((id, same))
    }

    /// Lets a name mean a stored image.
    pub(crate) fn tag(&self, id: &Digest, name: &Reference, now: i64) -> Result<()> {
        let mut state = self.lock();
        let tx = state.db.transaction()?;
        if !tx.prepare_cached("SELECT 1 FROM image WHERE id = ?1")?.exists([id])? {
            return Err(ImageError::NoSuchImage(id.to_string()));
        }
        insert_name(&tx, name, id, now)?;
        Ok(tx.commit()?)
    }

    /// Lets a container hold an image's layers; it may hold the same image again.
    pub(crate) fn hold(&self, container: &str, image: &Digest) -> Result<Vec<super::LayerRow>> {
        let mut state = self.lock();
        let tx = state.db.transaction()?;
        let sql = "INSERT INTO holder (container, image, top) SELECT ?1, id, top FROM image WHERE id = ?2
            ON CONFLICT (container) DO UPDATE SET image = excluded.image, top = excluded.top";
        if tx.prepare_cached(sql)?.execute(params![container, image])? == 0 {
            return Err(ImageError::NoSuchImage(image.to_string()));
        }
        tx.commit()?;
        let top: Option<Digest> =
            state.db.query_row("SELECT top FROM holder WHERE container = ?1", [container], |row| row.get(0))?;
        State::chain(&state, top.as_ref())
    }

    /// Writes a small blob to its place, durably but for the directory's own entry.
    fn write_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let place = self.layout.blob(&digest);
        let mut file = tempfile::NamedTempFile::new_in(self.layout.tmp()).at("create a file in", self.layout.tmp())?;
        let path: PathBuf = file.path().to_owned();
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).at("write", &path)?;
        file.persist(&place).map_err(|e| e.error).at("move a blob to", &place)?;
        Ok(digest)
    }
}

fn insert_layer(tx: &rusqlite::Transaction<'_>, layer: &NewLayer) -> Result<()> {
    let (tree, shareable) = match &layer.tree {
        NewTree::Shared(tree) => (*tree, true),
        NewTree::Made { shareable, blob_size, .. } => {
            let sql = "INSERT INTO blob (digest, size) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            tx.prepare_cached(sql)?.execute(params![layer.blob, blob_size])?;
            (layer.chain_id, *shareable)
        }
    };
    let sql = "INSERT INTO layer (chain_id, parent, diff_id, blob, tree, size, shareable, root)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    tx.prepare_cached(sql)?.execute(params![
        layer.chain_id,
        layer.parent,
        layer.diff_id,
        layer.blob,
        tree,
        layer.size,
        shareable,
        layer.describes_root
    ])?;
    Ok(())
}

/// Whether the name meant the image before; a digest says nothing about that.
fn insert_name(tx: &rusqlite::Transaction<'_>, name: &Reference, id: &Digest, now: i64) -> Result<bool> {
    let repository = name.repository();
    if let Some(digest) = name.digest() {
        let sql = "INSERT INTO digest (repository, digest, image) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        tx.prepare_cached(sql)?.execute(params![repository, digest, id])?;
        return Ok(true);
    }
    let sql = "SELECT 1 FROM tag WHERE repository = ?1 AND tag = ?2 AND image = ?3";
    let same = tx.prepare_cached(sql)?.exists(params![repository, name.tag(), id])?;
    let sql = "INSERT INTO tag (repository, tag, image, tagged_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (repository, tag) DO UPDATE SET image = excluded.image, tagged_at = excluded.tagged_at";
    if !same {
        tx.prepare_cached(sql)?.execute(params![repository, name.tag(), id, now])?;
    }
    Ok(same)
}

pub(super) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).at("flush", path)
}
