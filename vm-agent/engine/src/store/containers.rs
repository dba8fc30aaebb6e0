//! The rows of containers.

use super::{Store, StoreError, from_json, to_json};
use crate::container::{Definition, Live};
use rusqlite::Connection;

impl Store {
    /// Every container. A row that cannot be read fails the whole: nothing may be cleaned up on half the truth.
    pub(crate) async fn containers(&self) -> Result<Vec<(Definition, Live)>, StoreError> {
        self.run(|db| all(db)).await
    }

    /// Keeps a new container.
    pub(crate) async fn add_container(&self, definition: &Definition, live: &Live) -> Result<(), StoreError> {
        let (id, name) = (definition.id.clone(), live.name.clone());
        let (definition, live) = (to_json(&id, definition)?, to_json(&id, live)?);
        self.run(move |db| {
            db.prepare_cached("INSERT INTO containers (id, name, definition, live) VALUES (?1, ?2, ?3, ?4)")?
                .execute((id, name, definition, live))?;
            Ok(())
        })
        .await
    }

    /// Keeps the changed part of a container.
    pub(crate) async fn update_container(&self, id: &str, live: &Live) -> Result<(), StoreError> {
        let (id, name, live) = (id.to_owned(), live.name.clone(), to_json(id, live)?);
        self.run(move |db| {
            db.prepare_cached("UPDATE containers SET name = ?2, live = ?3 WHERE id = ?1")?.execute((id, name, live))?;
            Ok(())
        })
        .await
    }

    /// Forgets a container.
    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |db| {
            db.prepare_cached("DELETE FROM containers WHERE id = ?1")?.execute([id])?;
            Ok(())
        })
        .await
    }
}

/// Reads every row.
pub(super) fn all(db: &Connection) -> Result<Vec<(Definition, Live)>, StoreError> {
    let mut query = db.prepare_cached("SELECT id, definition, live FROM containers")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.map(|row| {
        let (id, definition, live): (String, String, String) = row?;
        let what = format!("container {id}");
        Ok((from_json(&what, &definition)?, from_json(&what, &live)?))
    })
    .collect()
}
