//! Durable state in SQLite: one row per container, one per volume, one per network. A change is durable when its method returns.

mod containers;
mod networks;
mod schema;
mod volumes;

pub(crate) use volumes::VolumeRow;

use berth_database::{Access, DatabaseError};
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// SQLite's own words.
    #[error("the engine's database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// It, or its spare, could not be opened or written.
    #[error("the engine's database: {0}")]
    Database(#[from] DatabaseError),
    /// A row that this version cannot read.
    #[error("the engine's database has a row for {what} that cannot be read: {why}")]
    Row { what: String, why: serde_json::Error },
    /// Written by a later version.
    #[error("{} was written by a newer version (format {found}, this one knows {known}); update Berth", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The thread that writes was lost.
    #[error("the engine's database: its thread ended in the middle")]
    Lost,
}

impl From<StoreError> for crate::Error {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// The database. Clones share one connection.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens or makes the database.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, StoreError> {
        let opened = tokio::task::spawn_blocking(move || {
            let connection = Arc::new(Mutex::new(open(&path)?));
            let weak = Arc::downgrade(&connection);
            let lend = move |work: &mut dyn FnMut(&mut Connection)| {
                let Some(connection) = weak.upgrade() else { return false };
                work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
                true
            };
            berth_database::keep_spare(&mut connection.lock().unwrap_or_else(PoisonError::into_inner), &path, lend)?;
            Ok(Self { connection })
        });
        opened.await.map_err(|_| StoreError::Lost)?
    }

    /// Runs on a thread that may block: a commit waits for the disk.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = self.connection.clone();
        tokio::task::spawn_blocking(move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .map_err(|_| StoreError::Lost)?
    }

    /// A value that is made once and kept, such as the engine's id.
    pub(crate) async fn constant(&self, key: &'static str, fresh: String) -> Result<String, StoreError> {
        self.run(move |db| {
            db.execute("INSERT OR IGNORE INTO constants (key, value) VALUES (?1, ?2)", (key, fresh))?;
            Ok(db.query_row("SELECT value FROM constants WHERE key = ?1", [key], |row| row.get(0))?)
        })
        .await
    }
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let aside = path.with_file_name("damaged");
    std::fs::create_dir_all(&aside)
        .map_err(|source| StoreError::Database(DatabaseError::Io { path: aside.clone(), source }))?;
    let mut connection = berth_database::open(path, &aside, Access::Shared, readable)?;
    schema::bring_up_to_date(&mut connection, path)?;
    Ok(connection)
}

/// Whether every row says something, before anything is done because of what rows say.
fn readable(db: &Connection) -> rusqlite::Result<()> {
    let format: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if !schema::is_present(format) {
        // It is left to who knows it.
        return Ok(());
    }
    let other = rusqlite::types::FromSqlError::other::<StoreError>;
    containers::all(db).map(drop).map_err(other)?;
    networks::all(db).map(drop).map_err(other)?;
    Ok(volumes::all(db).map(drop).map_err(other)?)
}

fn to_json<T: serde::Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|why| StoreError::Row { what: what.to_owned(), why })
}

fn from_json<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|why| StoreError::Row { what: what.to_owned(), why })
}
