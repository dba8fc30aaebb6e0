//! Taking names off images and deleting images, by docker's rules and in its words.

use super::{Store, collect::Garbage, replaced};
use crate::{Digest, ImageError, ImageUse, Reference, Removal, Result};
use rusqlite::{Transaction, params};

impl Store {
    /// See [`crate::ImageStore::remove`]; `user` is a container that uses the image.
    pub(crate) fn remove(&self, name: &str, id: &Digest, force: bool, user: Option<&ImageUse>) -> Result<Vec<Removal>> {
        let scratch = self.layout.scratch()?;
        let mut removals = Vec::new();
        {
            let mut state = self.lock();
            let (tags, digests) = state.names(id)?;
            let plan = Plan::new(name, id, force, user, &tags, &digests)?;
            let (_, garbage) = state.take(|tx| plan.run(tx, id))?;
            removals.extend(plan.untag.into_iter().map(Removal::Untagged));
            if plan.delete {
                state.configurations.remove(id);
                removals.push(Removal::Deleted(*id));
                removals.extend(garbage.deleted());
            }
            self.bury(&garbage, scratch.path())?;
        }
        scratch.close()?;
        Ok(removals)
    }

    /// Lets go of what a container holds, and deletes what nothing else needs.
    pub(crate) fn let_go(&self, container: &str) -> Result<()> {
        {
            let state = self.lock();
            if state.db.prepare_cached("DELETE FROM holder WHERE container = ?1")?.execute([container])? == 0 {
                return Ok(());
            }
        }
        self.collect()
    }
}

impl Garbage {
    fn deleted(&self) -> impl Iterator<Item = Removal> + '_ {
        self.layers.iter().rev().map(|layer| Removal::Deleted(*layer))
    }
}

/// What is going to happen.
struct Plan {
    untag: Vec<Reference>,
    delete: bool,
}

impl Plan {
    fn new(
        name: &str,
        id: &Digest,
        force: bool,
        user: Option<&ImageUse>,
        tags: &[Reference],
        digests: &[Reference],
    ) -> Result<Self> {
        let named = name.parse::<Reference>().ok().map(Reference::or_latest);
        let named = named.filter(|named| tags.contains(named) || digests.iter().any(|digest| is_same(digest, named)));
        let Some(named) = named else { return Self::by_id(id, force, user, tags, digests) };
        let mut untag: Vec<Reference> =
            tags.iter().chain(digests).filter(|have| is_same(have, &named)).cloned().collect();
        let in_repository = |have: &&Reference| have.repository() == named.repository() && !untag.contains(have);
        // With a repository's last tag go the digests it was pulled under.
        if !tags.iter().any(|tag| in_repository(&tag)) {
            let rest: Vec<Reference> = digests.iter().filter(in_repository).cloned().collect();
            untag.extend(rest);
        }
        let delete = untag.len() == tags.len() + digests.len();
        if !delete {
            return Ok(Self { untag, delete });
        }
        match user {
            // The container keeps its layers, and a forced removal of the last name leaves it the image as well.
            Some(user) if user.running && force => Ok(Self { untag, delete: false }),
            Some(user) if !force => Err(ImageError::Conflict(format!(
                "unable to remove repository reference \"{name}\" (must force) - container {} is using its referenced image {}",
                user.container,
                id.short()
            ))),
            _ => Ok(Self { untag, delete: true }),
        }
    }

    fn by_id(
        id: &Digest,
        force: bool,
        user: Option<&ImageUse>,
        tags: &[Reference],
        digests: &[Reference],
    ) -> Result<Self> {
        let conflict = |how: &str, why: String| {
            Err(ImageError::Conflict(format!("unable to delete {} ({how}) - {why}", id.short())))
        };
        match user {
            Some(user) if user.running => {
                return conflict(
                    "cannot be forced",
                    format!("image is being used by running container {}", user.container),
                );
            }
            Some(user) if !force => {
                return conflict(
                    "must be forced",
                    format!("image is being used by stopped container {}", user.container),
                );
            }
            _ => {}
        }
        let mut repositories: Vec<String> = tags.iter().chain(digests).map(Reference::repository).collect();
        repositories.sort();
        repositories.dedup();
        if (repositories.len() > 1 || tags.len() > 1) && !force {
            return conflict("must be forced", "image is referenced in multiple repositories".into());
        }
        Ok(Self { untag: tags.iter().chain(digests).cloned().collect(), delete: true })
    }

    fn run(&self, tx: &Transaction<'_>, id: &Digest) -> Result<()> {
        for name in &self.untag {
            let repository = name.repository();
            if let Some(digest) = name.digest() {
                let sql = "DELETE FROM digest WHERE repository = ?1 AND digest = ?2 AND image = ?3";
                tx.prepare_cached(sql)?.execute(params![repository, digest, id])?;
            } else {
                let sql = "DELETE FROM tag WHERE repository = ?1 AND tag = ?2";
                tx.prepare_cached(sql)?.execute(params![repository, name.tag()])?;
            }
        }
        if self.delete {
            replaced::forget(tx, id)?;
            tx.prepare_cached("DELETE FROM image WHERE id = ?1")?.execute([id])?;
        }
        Ok(())
    }
}

/// Whether the name asked for is this one; a tag beside a digest is only an ornament.
fn is_same(have: &Reference, named: &Reference) -> bool {
    match (have.digest(), named.digest()) {
        (None, None) => have == named,
        (Some(have_digest), Some(digest)) => have_digest == digest && have.repository() == named.repository(),
        _ => false,
    }
}
