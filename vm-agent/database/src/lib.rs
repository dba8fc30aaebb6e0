//! SQLite databases that outlive the damage of their file: see the README.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod room;
mod spare;

use rusqlite::{Connection, ErrorCode};
pub use spare::keep_spare;
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// For another process to let go of the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a database could not be opened or copied.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite's own words.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Neither the database nor its spare can be used.
    #[error("{} is damaged, and so is its spare; both were left as they are: keep copies of them, then move them away to begin anew", .0.display())]
    Damaged(PathBuf),
    /// A file could not be written or moved.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Who else may have a database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody: another process is waited for and then refused.
    Alone,
    /// Others may read and write it too.
    Shared,
}

/// Opens the database at `path` with a write-ahead log and every commit durable. A damaged one is
/// moved into the folder `aside` and its spare, if there is a good one, opened in its place. `read` reads all rows of a
/// database that has some, as its owner will, and fails where they make no sense.
///
/// # Errors
/// What keeps even an empty database from being made.
pub fn open(
    path: &Path,
    aside: &Path,
    access: Access,
    read: impl Fn(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, DatabaseError> {
    match checked(path, access) {
        Ok(db) if !is_blank(&db)? => match read(&db) {
            Ok(()) => return Ok(db),
            Err(error) => tracing::error!("{} was damaged: {error}", path.display()),
        },
        // A database that was never used looks like one that was emptied; the spare knows.
        Ok(db) if !spare::is_good(path) => return Ok(db),
        Ok(_) => tracing::error!("{} was empty", path.display()),
        Err(rusqlite::Error::SqliteFailure(error, _))
            if matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) =>
        {
            tracing::error!("{} was damaged: {error}", path.display());
        }
        Err(error) => return Err(error.into()),
    }
    spare::take_place(path, aside)?;
    Ok(checked(path, access)?)
}

/// Opens it, and looks through all of it.
fn checked(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    if access == Access::Alone {
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    look_through(&db)?;
    Ok(db)
}

fn look_through(db: &Connection) -> rusqlite::Result<()> {
    let said: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(said)))
}

/// Whether nobody has put a format into it.
fn is_blank(db: &Connection) -> rusqlite::Result<bool> {
    let format: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(format == 0)
}

#[cfg(test)]
mod tests;
