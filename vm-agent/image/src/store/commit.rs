//! From finished to durable: files to their place, one flush of the filesystem, then the rows. Whatever has no row yet
//! is rubbish to everyone else, so it may lie in its place before it is durable.

use super::{Scratch, Store, replaced};
use crate::{Digest, ImageError, Reference, Result, erase::erase, error::IoContext as _, seal::Seal};
use rusqlite::{OptionalExtension as _, params};
use std::{
    io::{self, Write as _},
    path::Path,
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
    /// In `dir/tree/diff`, to be moved to their place; the blob in `dir/blob` unless it is stored already.
    Made { dir: Scratch, blob_size: u64, shareable: bool, seal: Seal },
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

impl Store {
    /// Makes finished layers durable and known, lowest first; their directories are returned. Of a layer that is known
    /// and was damaged, only what was damaged is replaced: containers may stand on the rest.
    pub(crate) fn commit_layers(&self, layers: &[NewLayer]) -> Result<Vec<Digest>> {
        let committed = self.place_layers(layers);
        if committed.is_err() {
            self.take_back(layers);
        }
        committed
    }

    /// Deletes what was placed and did not become known, so that a full disk is not full of it.
    fn take_back(&self, layers: &[NewLayer]) {
        let state = self.lock();
        // What cannot be asked counts as known: the next start deletes it.
        let known = |sql: &str, digest: &Digest| {
            state.db.prepare_cached(sql).and_then(|mut query| query.exists([digest])).unwrap_or(true)
        };
        for layer in layers.iter().filter(|layer| matches!(layer.tree, NewTree::Made { .. })) {
            let (tree, blob) = (self.layout.tree(&layer.chain_id), self.layout.blob(&layer.blob));
            for (place, is_known) in [
                (tree, known("SELECT 1 FROM tree WHERE id = ?1", &layer.chain_id)),
                // Another commit that counts on it puts it there again when it holds the lock.
                (blob, known("SELECT 1 FROM blob WHERE digest = ?1", &layer.blob)),
            ] {
                if !is_known && let Err(error) = erase(&place) {
                    tracing::warn!(%error, path = %place.display(), "it stays until the next start");
                }
            }
        }
    }

    fn place_layers(&self, layers: &[NewLayer]) -> Result<Vec<Digest>> {
        let mut placed = false;
        let mut trees = Vec::new();
        for layer in layers {
            match &layer.tree {
                NewTree::Shared(tree) => trees.push(*tree),
                NewTree::Made { dir, .. } => {
                    self.place_blob(dir.path(), &layer.blob)?;
                    let kept = self.tree_of(&layer.chain_id)?;
                    if kept.is_none() {
                        self.place_tree(dir.path(), &layer.chain_id)?;
                    }
                    trees.push(kept.unwrap_or(layer.chain_id));
                    placed = true;
                }
            }
        }
        if placed {
            self.flushes.flush(&self.layout.tmp())?;
        }
        let mut state = self.lock();
        for layer in layers {
            if let NewTree::Made { dir, .. } = &layer.tree
                && self.place_blob(dir.path(), &layer.blob)?
            {
                // It went with another layer in the meantime.
                self.flushes.flush(&self.layout.tmp())?;
            }
        }
        let tx = state.db.transaction()?;
        for (layer, tree) in layers.iter().zip(&trees) {
            insert_layer(&tx, layer, tree)?;
        }
        tx.commit()?;
        Ok(trees)
    }

    /// The directory that a layer has or may have, unless it was damaged: its own may be another's by now.
    fn tree_of(&self, chain_id: &Digest) -> Result<Option<Digest>> {
        let sql = "SELECT id FROM tree WHERE id IN (?1, (SELECT tree FROM layer WHERE chain_id = ?1)) ORDER BY id = ?1";
        let state = self.lock();
        let tree = state.db.prepare_cached(sql)?.query_row([chain_id], |row| row.get(0)).optional();
        Ok(tree?)
    }

    /// Gives a finished blob its place too, unless one is there, and tells whether it did.
    fn place_blob(&self, dir: &Path, blob: &Digest) -> Result<bool> {
        let (made, place) = (dir.join("blob"), self.layout.blob(blob));
        match std::fs::hard_link(&made, &place) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // It came from the store itself.
            Err(e) if e.kind() == io::ErrorKind::NotFound && place.exists() => Ok(false),
            Err(e) => Err(e).at("place a blob at", &place),
        }
    }

    /// Moves a finished layer to its place. What lies there has no row: its chain id is this caller's turn.
    fn place_tree(&self, dir: &Path, chain_id: &Digest) -> Result<()> {
        let place = self.layout.tree(chain_id);
        erase(&place).at("clear", &place)?;
        std::fs::rename(dir.join("tree"), &place).at("move a layer to", &place)
    }

    /// Makes an image durable and known, with its names. Whether its tags meant it before is returned.
    pub(crate) fn commit_image(&self, image: &NewImage<'_>) -> Result<(Digest, bool)> {
        let id = Digest::of(image.config);
        let blobs = || std::iter::once(image.config).chain(image.manifests.iter().copied());
        for bytes in blobs() {
            self.write_blob(bytes)?;
        }
        self.flushes.flush(&self.layout.tmp())?;
        let mut state = self.lock();
        let mut again = false;
        for bytes in blobs() {
            // It went with another image in the meantime.
            again |= self.write_blob(bytes)?;
        }
        if again {
            self.flushes.flush(&self.layout.tmp())?;
        }
        let tx = state.db.transaction()?;
        for bytes in blobs() {
            insert_blob(&tx, &Digest::of(bytes), bytes.len() as u64)?;
        }
        let manifest = image.manifests.first().map(|bytes| Digest::of(bytes));
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
    pub(crate) fn hold(&self, container: &str, image: &Digest) -> Result<()> {
        let mut state = self.lock();
        let tx = state.db.transaction()?;
        let sql = "INSERT INTO holder (container, image, top) SELECT ?1, id, top FROM image WHERE id = ?2
            ON CONFLICT (container) DO UPDATE SET image = excluded.image, top = excluded.top";
        if tx.prepare_cached(sql)?.execute(params![container, image])? == 0 {
            return Err(ImageError::NoSuchImage(image.to_string()));
        }
        Ok(tx.commit()?)
    }

    /// Writes a small blob to its place unless it is there, and tells whether it did. What is damaged is replaced.
    fn write_blob(&self, bytes: &[u8]) -> Result<bool> {
        let place = self.layout.blob(&Digest::of(bytes));
        if std::fs::read(&place).is_ok_and(|there| there == bytes) {
            return Ok(false);
        }
        let mut file = tempfile::NamedTempFile::new_in(self.layout.tmp()).at("create a file in", self.layout.tmp())?;
        file.write_all(bytes).at("write", file.path())?;
        file.persist(&place).map_err(|e| e.error).at("place a blob at", &place)?;
        Ok(true)
    }
}

fn insert_blob(tx: &rusqlite::Transaction<'_>, digest: &Digest, size: u64) -> Result<()> {
    let sql = "INSERT INTO blob (digest, size) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    tx.prepare_cached(sql)?.execute(params![digest, size])?;
    Ok(())
}

fn insert_layer(tx: &rusqlite::Transaction<'_>, layer: &NewLayer, tree: &Digest) -> Result<()> {
    let mut may_share = true;
    if let NewTree::Made { shareable, blob_size, seal, .. } = &layer.tree {
        insert_blob(tx, &layer.blob, *blob_size)?;
        // One that was kept has its row.
        let sql = "INSERT INTO tree (id, shape, content) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        tx.prepare_cached(sql)?.execute(params![tree, seal.shape, seal.content])?;
        may_share = *shareable;
    }
    let sql = "INSERT INTO layer (chain_id, parent, diff_id, blob, tree, size, shareable, root)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (chain_id) DO UPDATE SET
            blob = excluded.blob, tree = excluded.tree, shareable = excluded.shareable";
    tx.prepare_cached(sql)?.execute(params![
        layer.chain_id,
        layer.parent,
        layer.diff_id,
        layer.blob,
        tree,
        layer.size,
        may_share,
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
        replaced::remember(tx, name, id, now)?;
        tx.prepare_cached(sql)?.execute(params![repository, name.tag(), id, now])?;
    }
    Ok(same)
}
