//! What a push asks the database.

use super::Store;
use crate::{Digest, Reference, Result};
use rusqlite::params;
use std::collections::HashMap;

impl Store {
    /// The tags of a repository, sorted.
    pub(crate) fn tags_of(&self, repository: &str) -> Result<Vec<String>> {
        let state = self.lock();
        let mut query = state.db.prepare_cached("SELECT tag FROM tag WHERE repository = ?1 ORDER BY tag")?;
        Ok(query.query_map([repository], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Blobs that other repositories of the same registry have, since images came from there or went there, with the
    /// repository's path.
    pub(crate) fn found_elsewhere(&self, reference: &Reference) -> Result<HashMap<Digest, String>> {
        let state = self.lock();
        let sql = "SELECT DISTINCT repository, top FROM digest JOIN image ON image.id = digest.image
            WHERE repository GLOB ?1 || '/*' AND repository <> ?2 ORDER BY repository";
        let mut query = state.db.prepare_cached(sql)?;
        let (domain, own) = (reference.domain(), reference.repository());
        let rows = query
            .query_map(params![domain, own], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<Digest>>(1)?)))?;
        let mut found = HashMap::new();
        for row in rows {
            let (repository, top) = row?;
            let path = repository.strip_prefix(domain).unwrap_or(&repository).trim_start_matches('/');
            for layer in state.chain(top.as_ref())? {
                found.entry(layer.layer.blob).or_insert_with(|| path.to_owned());
            }
        }
        Ok(found)
    }
}
