//! What tags meant before. It is kept until it is removed or pruned, so that a tag can be put back.

use super::{State, Store};
use crate::{Digest, Reference, Result};
use rusqlite::{Connection, Transaction, params};

/// Made beside the tables of the schema, which know nothing of it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS replaced (
        repository  TEXT NOT NULL,
        tag         TEXT NOT NULL,
        image       TEXT NOT NULL,
        tagged_at   INTEGER NOT NULL,
        replaced_at INTEGER NOT NULL,
        PRIMARY KEY (repository, tag, image)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS replaced_image ON replaced (image);";

/// An image that a tag means or meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meant {
    pub(crate) image: Digest,
    /// Seconds since the Unix epoch, as the other.
    pub(crate) tagged_at: i64,
    /// `None` for what it means now.
    pub(crate) replaced_at: Option<i64>,
}

pub(super) fn prepare(db: &Connection) -> Result<()> {
    Ok(db.execute_batch(TABLE)?)
}

/// Remembers what a tag means, which is about to become `image`.
pub(super) fn remember(tx: &Transaction<'_>, name: &Reference, image: &Digest, now: i64) -> Result<()> {
    let (repository, tag) = (name.repository(), name.tag());
    let sql = "INSERT INTO replaced (repository, tag, image, tagged_at, replaced_at)
        SELECT repository, tag, image, tagged_at, ?3 FROM tag WHERE repository = ?1 AND tag = ?2
        ON CONFLICT DO UPDATE SET tagged_at = excluded.tagged_at, replaced_at = excluded.replaced_at";
    tx.prepare_cached(sql)?.execute(params![repository, tag, now])?;
    let sql = "DELETE FROM replaced WHERE repository = ?1 AND tag = ?2 AND image = ?3";
    tx.prepare_cached(sql)?.execute(params![repository, tag, image])?;
    Ok(())
}

/// Forgets an image that is deleted.
pub(super) fn forget(tx: &Transaction<'_>, image: &Digest) -> Result<()> {
    tx.prepare_cached("DELETE FROM replaced WHERE image = ?1")?.execute([image])?;
    Ok(())
}

impl Store {
    /// The images that a tag means and meant, the last first.
    pub(crate) fn meanings(&self, name: &Reference) -> Result<Vec<Meant>> {
        self.lock().meanings(name)
    }
}

impl State {
    fn meanings(&self, name: &Reference) -> Result<Vec<Meant>> {
        let sql = "SELECT image, tagged_at, replaced_at FROM (
                SELECT image, tagged_at, NULL AS replaced_at FROM tag WHERE repository = ?1 AND tag = ?2
                UNION ALL SELECT image, tagged_at, replaced_at FROM replaced WHERE repository = ?1 AND tag = ?2)
            ORDER BY replaced_at IS NOT NULL, replaced_at DESC, tagged_at DESC, image";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map(params![name.repository(), name.tag()], |row| {
            Ok(Meant { image: row.get(0)?, tagged_at: row.get(1)?, replaced_at: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
