//! What nothing needs any more: rows go first, then files.

use super::{State, Store};
use crate::{Digest, Result, erase::erase, error::IoContext as _};
use rusqlite::Transaction;
use std::{collections::HashSet, path::Path};

/// Layers that an image or a container stands on, or a lease covers.
const LIVE: &str = "WITH RECURSIVE live (id) AS (
        SELECT top FROM image WHERE top IS NOT NULL UNION
        SELECT top FROM holder WHERE top IS NOT NULL UNION
        SELECT chain_id FROM layer WHERE chain_id IN (SELECT chain_id FROM temp.lease) UNION
        SELECT layer.parent FROM live JOIN layer ON layer.chain_id = live.id WHERE layer.parent IS NOT NULL)";

/// What a collection took out of the database.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    /// Chain ids, uppermost first.
    pub(super) layers: Vec<Digest>,
    trees: Vec<Digest>,
    blobs: Vec<Digest>,
}

impl Store {
    /// Deletes every layer and blob that nothing needs.
    pub(crate) fn collect(&self) -> Result<()> {
        let scratch = self.layout.scratch()?;
        {
            let mut state = self.lock();
            let garbage = state.take(|_| Ok(()))?.1;
            self.bury(&garbage, scratch.path())?;
        }
        // Deleting a tree takes long; nobody waits for it.
        scratch.close()
    }

    /// Moves the files of `garbage` to `grave`; the caller holds the lock and deletes the grave without it.
    pub(super) fn bury(&self, garbage: &Garbage, grave: &Path) -> Result<()> {
        for tree in &garbage.trees {
            let place = self.layout.tree(tree);
            ignore_missing(std::fs::rename(&place, grave.join(tree.hex()))).at("delete", &place)?;
        }
        for blob in &garbage.blobs {
            let place = self.layout.blob(blob);
            ignore_missing(std::fs::remove_file(&place)).at("delete", &place)?;
        }
        Ok(())
    }

    /// Deletes what a crash left: rows that nothing needs, and files without rows.
    pub(super) fn sweep(&self) -> Result<()> {
        let tmp = self.layout.tmp();
        for entry in std::fs::read_dir(&tmp).at("read", &tmp)? {
            let path = entry.at("read", &tmp)?.path();
            erase(&path).at("delete", &path)?;
        }
        self.collect()?;
        let state = self.lock();
        for (dir, sql) in
            [(self.layout.layers(), "SELECT id FROM tree"), (self.layout.blobs(), "SELECT digest FROM blob")]
        {
            let mut query = state.db.prepare(sql)?;
            let known = query.query_map([], |row| row.get(0))?.collect::<Result<HashSet<Digest>, _>>()?;
            for entry in std::fs::read_dir(&dir).at("read", &dir)? {
                let entry = entry.at("read", &dir)?;
                let digest = entry.file_name().to_str().and_then(Digest::from_hex);
                if digest.is_none_or(|digest| !known.contains(&digest)) {
                    erase(&entry.path()).at("delete", entry.path())?;
                }
            }
        }
        Ok(())
    }
}

impl State {
    /// Changes the database with `change` and takes out what nothing needs after it, in one transaction.
    pub(super) fn take<T>(&mut self, change: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<(T, Garbage)> {
        let tx = self.db.transaction()?;
        let changed = change(&tx)?;
        tx.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS lease (chain_id TEXT PRIMARY KEY) WITHOUT ROWID; DELETE FROM temp.lease",
        )?;
        for chain_id in self.leases.keys() {
            tx.prepare_cached("INSERT INTO temp.lease VALUES (?1)")?.execute([chain_id])?;
        }
        let mut garbage = Garbage::default();
        {
            let sql = format!("{LIVE} SELECT chain_id FROM layer WHERE chain_id NOT IN (SELECT id FROM live)");
            let mut query = tx.prepare_cached(&sql)?;
            garbage.layers = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        }
        tx.pragma_update(None, "defer_foreign_keys", true)?;
        for layer in &garbage.layers {
            tx.prepare_cached("DELETE FROM layer WHERE chain_id = ?1")?.execute([layer])?;
        }
        {
            let mut query =
                tx.prepare_cached("DELETE FROM tree WHERE id NOT IN (SELECT tree FROM layer) RETURNING id")?;
            garbage.trees = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        }
        {
            let mut query = tx.prepare_cached(
                "DELETE FROM blob WHERE digest NOT IN (
                    SELECT blob FROM layer UNION SELECT id FROM image UNION
                    SELECT manifest FROM image WHERE manifest IS NOT NULL UNION SELECT digest FROM digest)
                RETURNING digest",
            )?;
            garbage.blobs = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        }
        tx.commit()?;
        Ok((changed, garbage))
    }
}

fn ignore_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
