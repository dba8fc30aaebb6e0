//! The rows of networks.

use super::{Store, StoreError, from_json, to_json};
use crate::network::NetworkRow;
use rusqlite::Connection;

impl Store {
    /// Every network.
    pub(crate) async fn networks(&self) -> Result<Vec<NetworkRow>, StoreError> {
        self.run(|db| all(db)).await
    }

    /// Keeps a network, new or changed.
    pub(crate) async fn keep_network(&self, row: &NetworkRow) -> Result<(), StoreError> {
        let (id, name, json) = (row.id.clone(), row.name.clone(), to_json(&row.id, row)?);
        self.run(move |db| {
            db.prepare_cached(
                "INSERT INTO networks (id, name, definition) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET definition = ?3",
            )?
            .execute((id, name, json))?;
            Ok(())
        })
        .await
    }

    /// Forgets a network.
    pub(crate) async fn remove_network(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |db| {
            db.prepare_cached("DELETE FROM networks WHERE id = ?1")?.execute([id])?;
            Ok(())
        })
        .await
    }
}

/// Reads every row.
pub(super) fn all(db: &Connection) -> Result<Vec<NetworkRow>, StoreError> {
    let mut query = db.prepare_cached("SELECT id, definition FROM networks ORDER BY id")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (id, definition): (String, String) = row?;
        from_json(&format!("network {id}"), &definition)
    })
    .collect()
}
