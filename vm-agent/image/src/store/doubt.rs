//! Doubt: what is looked at without anybody asking. Each time the store is opened, whether every object is there and
//! every blob has its size; after the machine had died, also the shape of each layer, before it is used.

use super::{LayerRow, Store, StoredTree};
use crate::{Digest, ImageError, Result, erase::erase, error::IoContext as _, seal};
use rusqlite::params;
use std::{fs::File, io, io::Write as _, path::Path};

/// Names one boot of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

impl Store {
    /// Remembers that the store is open in this boot. Where it still was open in an earlier one the machine has died,
    /// and every layer is doubted.
    pub(super) fn note_boot(&self) -> Result<()> {
        let mark = self.layout.boot_mark();
        let boot = std::fs::read_to_string(BOOT).at("read", BOOT)?;
        let before = match std::fs::read_to_string(&mark) {
            Ok(before) => Some(before),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            // A mark that is damaged is one of a machine that has died.
            Err(e) if e.kind() == io::ErrorKind::InvalidData => Some(String::new()),
            Err(e) => return Err(e).at("read", &mark),
        };
        if before.as_ref() == Some(&boot) {
            return Ok(());
        }
        // No container is left that could stand on what was set aside in an earlier boot.
        let aside = self.layout.aside();
        for entry in std::fs::read_dir(&aside).at("read", &aside)? {
            let path = entry.at("read", &aside)?.path();
            // What else is there are databases: of those nothing else is left.
            if path.is_dir() {
                erase(&path).at("delete", &path)?;
            }
        }
        if before.is_some() {
            let trees = self.stored_trees()?.into_iter().map(|tree| tree.id).collect();
            self.lock().doubted = trees;
        }
        let mut file = File::create(&mark).at("create", &mark)?;
        file.write_all(boot.as_bytes()).and_then(|()| file.sync_all()).at("write", &mark)?;
        let dir = mark.parent().unwrap_or(&mark);
        File::open(dir).and_then(|dir| dir.sync_all()).at("flush", dir)
    }

    /// Ends a boot in order: nothing will be doubted for it.
    pub(crate) fn close(&self) -> Result<()> {
        let mark = self.layout.boot_mark();
        // What is still doubted stays so.
        if !self.lock().doubted.is_empty() {
            return Ok(());
        }
        std::fs::remove_file(&mark).at("delete", &mark)
    }

    /// The layers that a container stands on, lowest first, if it can.
    pub(crate) fn stand(&self, container: &str) -> Result<Vec<LayerRow>> {
        let held =
            |store: &Self| store.held(container)?.ok_or_else(|| ImageError::NoSuchSnapshot(container.to_owned()));
        for row in held(self)? {
            self.look_at_doubted(&row.tree)?;
            if row.has_files && missing(&self.layout.diff(&row.tree), std::fs::Metadata::is_dir)? {
                self.set_tree_aside(&row.tree)?;
            }
        }
        let layers = held(self)?;
        let Some(lost) = layers.iter().find(|row| !row.has_files) else { return Ok(layers) };
        let image = self.image_of(container)?.map(|image| self.name_of(&image)).transpose()?.unwrap_or_default();
        Err(ImageError::Lost(format!("the layer {} of {image}", lost.layer.blob.short()), image))
    }

    /// Looks at a layer's directory if it is doubted, and sets it aside if it is not as it was made.
    pub(crate) fn look_at_doubted(&self, tree: &Digest) -> Result<()> {
        if !self.lock().doubted.contains(tree) {
            return Ok(());
        }
        let stored = self.stored_trees()?.into_iter().find(|stored| stored.id == *tree);
        if let Some(stored) = stored {
            self.look(&stored)?;
        }
        self.lock().doubted.remove(tree);
        Ok(())
    }

    /// Looks at everything that is doubted.
    pub(crate) fn look_at_all_doubted(&self) -> Result<()> {
        let doubted: Vec<Digest> = self.lock().doubted.iter().copied().collect();
        doubted.iter().try_for_each(|tree| self.look_at_doubted(tree))
    }

    fn look(&self, stored: &StoredTree) -> Result<()> {
        self.lease(&[stored.chain_id]);
        let diff = self.layout.diff(&stored.id);
        let looked = seal::shape(&diff);
        self.release(&[stored.chain_id]);
        match (looked, stored.seal) {
            (Ok(shape), Some(seal)) if shape != seal.shape => self.set_tree_aside(&stored.id).map(drop),
            (Ok(_), _) => Ok(()),
            (Err(e), _) if is_damage(&e) => self.set_tree_aside(&stored.id).map(drop),
            (Err(e), _) => Err(e).at("read", &diff),
        }
    }

    /// Sets aside what has a row and is not there, and blobs of another size: see [`Store::sweep`].
    pub(super) fn miss(&self) -> Result<()> {
        for blob in self.stored_blobs()? {
            let path = self.layout.blob(&blob.digest);
            if missing(&path, |meta| meta.is_file() && meta.len() == blob.size)? {
                self.set_blob_aside(&blob.digest)?;
            }
        }
        for tree in self.stored_trees()? {
            if missing(&self.layout.diff(&tree.id), std::fs::Metadata::is_dir)? {
                self.set_tree_aside(&tree.id)?;
            }
        }
        Ok(())
    }

    /// Keeps the seal of a directory that an earlier release made without one.
    pub(crate) fn keep_seal(&self, tree: &Digest, seal: &seal::Seal) -> Result<()> {
        let sql = "UPDATE tree SET shape = ?2, content = ?3 WHERE id = ?1 AND shape IS NULL";
        self.lock().db.prepare_cached(sql)?.execute(params![tree, seal.shape, seal.content])?;
        Ok(())
    }
}

/// Whether reading fails for what is read, and not for who reads.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let codes = [Errno::IO, Errno::UCLEAN, Errno::BADMSG].map(Errno::raw_os_error);
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn missing(path: &Path, good: impl Fn(&std::fs::Metadata) -> bool) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(!good(&meta)),
        Err(e) if is_damage(&e) => Ok(true),
        Err(e) => Err(e).at("read", path),
    }
}
