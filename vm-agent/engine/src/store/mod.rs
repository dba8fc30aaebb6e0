//! Durable state in SQLite: one row per container, one per volume. A change is durable when its method returns.

mod containers;
mod schema;
mod volumes;

pub(crate) use volumes::VolumeRow;

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
        let connection = tokio::task::spawn_blocking(move || open(&path)).await.map_err(|_| StoreError::Lost)??;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
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
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    schema::bring_up_to_date(&mut connection, path)?;
    Ok(connection)
}

fn to_json<T: serde::Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|why| StoreError::Row { what: what.to_owned(), why })
}

fn from_json<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|why| StoreError::Row { what: what.to_owned(), why })
}
