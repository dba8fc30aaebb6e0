//! The rows of volumes.

use super::{Store, StoreError, from_json, to_json};
use crate::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// One volume as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VolumeRow {
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) anonymous: bool,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Store {
    /// Every volume.
    pub(crate) async fn volumes(&self) -> Result<Vec<VolumeRow>, StoreError> {
        self.run(|db| all(db)).await
    }

    /// Keeps a new volume.
    pub(crate) async fn add_volume(&self, row: &VolumeRow) -> Result<(), StoreError> {
        let labels = to_json(&row.name, &row.labels)?;
        let (name, created, anonymous) = (row.name.clone(), row.created.0, row.anonymous);
        self.run(move |db| {
            db.prepare_cached("INSERT INTO volumes (name, created, anonymous, labels) VALUES (?1, ?2, ?3, ?4)")?
                .execute((name, created, anonymous, labels))?;
            Ok(())
        })
        .await
    }

    /// Forgets a volume.
    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.run(move |db| {
            db.prepare_cached("DELETE FROM volumes WHERE name = ?1")?.execute([name])?;
            Ok(())
        })
        .await
    }
}

/// Reads every row.
pub(super) fn all(db: &Connection) -> Result<Vec<VolumeRow>, StoreError> {
    let mut query = db.prepare_cached("SELECT name, created, anonymous, labels FROM volumes ORDER BY name")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.map(|row| {
        let (name, created, anonymous, labels): (String, i64, bool, String) = row?;
        let labels = from_json(&format!("volume {name}"), &labels)?;
        Ok(VolumeRow { name, created: Timestamp(created), anonymous, labels })
    })
    .collect()
}
