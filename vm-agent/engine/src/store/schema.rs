//! The tables, and how an older format becomes the present one.

use super::StoreError;
use rusqlite::Connection;
use std::path::Path;

/// Each step brings the format from its index to the next number; a released step is never edited.
const STEPS: &[&str] = &[
    "
    CREATE TABLE constants (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE containers (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL, -- JSON, never changes
        live TEXT NOT NULL        -- JSON
    ) STRICT;
    CREATE TABLE volumes (
        name TEXT PRIMARY KEY,
        created INTEGER NOT NULL, -- nanoseconds since the epoch
        anonymous INTEGER NOT NULL,
        labels TEXT NOT NULL      -- JSON
    ) STRICT;
",
    "
    CREATE TABLE networks (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL  -- JSON
    ) STRICT;
",
];

/// Whether this is the format that is written now.
pub(super) fn is_present(format: i64) -> bool {
    usize::try_from(format) == Ok(STEPS.len())
}

pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for (step, number) in STEPS.iter().zip(1i64..).skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[tokio::test]
    async fn a_newer_format_is_refused_unmodified() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.db");
        drop(Store::open(path.clone()).await.unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let error = Store::open(path.clone()).await.err().unwrap().to_string();
        assert!(error.contains("newer version (format 99, this one knows 2); update Berth"), "{error}");
        let connection = Connection::open(&path).unwrap();
        assert_eq!(connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), 99);
    }

    #[tokio::test]
    async fn containers_of_the_first_format_are_there_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(STEPS[0]).unwrap();
        connection.execute_batch(include_str!("format-1.sql")).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        let store = Store::open(path).await.unwrap();
        let mut containers = store.containers().await.unwrap();
        containers.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let [(_, runs), (web, _)] = containers.as_slice() else { panic!("{}", containers.len()) };
        assert_eq!(runs.network.networks["bridge"].address, Some([172, 17, 0, 2].into()));
        assert_eq!(web.config.labels["tier"], "front");
        assert_eq!(web.host.port_bindings.values().flatten().map(|binding| binding.port).collect::<Vec<_>>(), [8080]);
        assert_eq!(store.networks().await.unwrap().len(), 0);
    }
}
