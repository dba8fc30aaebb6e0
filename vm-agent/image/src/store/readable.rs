//! Whether every row says something, before anything is done because of what rows say.

use super::FORMAT;
use crate::{Digest, Reference};
use rusqlite::{Connection, Result, types::FromSqlError};

/// Where digests are.
const DIGESTS: [(&str, &str); 14] = [
    ("layer", "chain_id"),
    ("layer", "parent"),
    ("layer", "diff_id"),
    ("layer", "blob"),
    ("layer", "tree"),
    ("tree", "id"),
    ("tree", "shape"),
    ("tree", "content"),
    ("image", "id"),
    ("image", "manifest"),
    ("image", "top"),
    ("blob", "digest"),
    ("holder", "image"),
    ("holder", "top"),
];
/// Where names are.
const NAMES: [&str; 2] = ["SELECT repository, tag, ':' FROM tag", "SELECT repository, digest, '@' FROM digest"];

/// Reads them all; a database of another format is left to who knows it.
pub(super) fn all(db: &Connection) -> Result<()> {
    if db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? != FORMAT {
        return Ok(());
    }
    for (table, column) in DIGESTS {
        let mut query = db.prepare(&format!("SELECT {column} FROM {table}"))?;
        query.query_map([], |row| row.get::<_, Option<Digest>>(0))?.try_for_each(|digest| digest.map(drop))?;
    }
    for sql in NAMES {
        let mut query = db.prepare(sql)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (name, tail, joint): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            format!("{name}{joint}{tail}").parse::<Reference>().map_err(FromSqlError::other)?;
        }
    }
    Ok(())
}
