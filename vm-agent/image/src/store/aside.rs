//! What is damaged is moved aside: its row goes first, then its file or directory. What names it stays, so that whoever
//! wants it is told, and the next pull or load of it puts it back.

use super::{State, Store};
use crate::{Digest, Reference, Result, error::IoContext as _};
use rusqlite::{OptionalExtension as _, params};
use std::{io, path::Path};

/// Who is hit by the damage of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Damaged {
    /// Images that need it: a name of each, or its id.
    pub(crate) images: Vec<String>,
    /// Containers that stand on it.
    pub(crate) containers: Vec<String>,
}

impl Store {
    /// Sets a blob aside; `None` when it is not stored any more.
    pub(crate) fn set_blob_aside(&self, digest: &Digest) -> Result<Option<Damaged>> {
        let mut state = self.lock();
        let hit =
            state.hit(|_, layer| layer.blob == *digest, |id, manifest| id == digest || manifest == Some(digest))?;
        if state.db.prepare_cached("DELETE FROM blob WHERE digest = ?1")?.execute([digest])? == 0 {
            return Ok(None);
        }
        state.configurations.remove(digest);
        self.move_aside(&self.layout.blob(digest), "blob")?;
        drop(state);
        // Who stands on a layer needs its blob for nothing.
        Ok(Some(Damaged { containers: vec![], ..hit }))
    }

    /// Sets the directory of a layer aside; `None` when it is not stored any more.
    pub(crate) fn set_tree_aside(&self, tree: &Digest) -> Result<Option<Damaged>> {
        let mut state = self.lock();
        let hit = state.hit(|of, _| of == tree, |_, _| false)?;
        if state.db.prepare_cached("DELETE FROM tree WHERE id = ?1")?.execute([tree])? == 0 {
            return Ok(None);
        }
        state.doubted.remove(tree);
        // A container that runs on it goes on with what it has.
        self.move_aside(&self.layout.tree(tree), "layer")?;
        drop(state);
        Ok(Some(hit))
    }

    /// An image as people would pull it again.
    pub(crate) fn name_of(&self, id: &Digest) -> Result<String> {
        self.lock().name_of(id)
    }

    /// The image that a container was made of.
    pub(crate) fn image_of(&self, container: &str) -> Result<Option<Digest>> {
        let state = self.lock();
        let mut query = state.db.prepare_cached("SELECT image FROM holder WHERE container = ?1")?;
        Ok(query.query_row(params![container], |row| row.get(0)).optional()?)
    }

    fn move_aside(&self, place: &Path, what: &str) -> Result<()> {
        let aside = self.layout.aside();
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("{what}-{}-", &name[..name.len().min(12)]);
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in(&aside).at("create a directory in", &aside)?;
        match std::fs::rename(place, dir.path().join(&*name)) {
            Ok(()) => {
                let kept = dir.keep();
                tracing::warn!("{what} {name} is damaged and lies in {} now", kept.display());
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e).at("set aside", place),
        }
    }
}

impl State {
    /// Images and containers with a layer (its directory and itself), or with an id and manifest, that are meant.
    fn hit(
        &self,
        layer: impl Fn(&Digest, &crate::Layer) -> bool,
        documents: impl Fn(&Digest, Option<&Digest>) -> bool,
    ) -> Result<Damaged> {
        let on = |top: Option<&Digest>| -> Result<bool> {
            Ok(self.chain(top)?.iter().any(|row| layer(&row.tree, &row.layer)))
        };
        let mut hit = Damaged::default();
        let mut query = self.db.prepare_cached("SELECT id, manifest, top FROM image ORDER BY id")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (id, manifest, top): (Digest, Option<Digest>, Option<Digest>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if documents(&id, manifest.as_ref()) || on(top.as_ref())? {
                hit.images.push(self.name_of(&id)?);
            }
        }
        let mut query = self.db.prepare_cached("SELECT container, top FROM holder ORDER BY container")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let top: Option<Digest> = row.get(1)?;
            if on(top.as_ref())? {
                hit.containers.push(row.get(0)?);
            }
        }
        Ok(hit)
    }

    fn name_of(&self, id: &Digest) -> Result<String> {
        let (tags, digests) = self.names(id)?;
        let name = tags.first().or(digests.first()).map(Reference::familiar);
        Ok(name.unwrap_or_else(|| format!("the image {}", id.short())))
    }
}
