//! Reading rows.

use super::{Configuration, State, Store};
use crate::{Digest, Image, ImageConfig, ImageError, Layer, Reference, Result, seal::Seal};
use rusqlite::{OptionalExtension as _, params};
use std::sync::Arc;

/// A stored layer and the directory of its files.
#[derive(Clone, Debug)]
pub(crate) struct LayerRow {
    pub(crate) layer: Layer,
    pub(crate) tree: Digest,
    /// Whether it says what the root directory is like.
    pub(crate) describes_root: bool,
    /// Whether its files are there: they were not found damaged.
    pub(crate) has_files: bool,
}

/// A blob as it was stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredBlob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// The directory of a layer as it was stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredTree {
    pub(crate) id: Digest,
    /// A layer that has it; a lease on that keeps it.
    pub(crate) chain_id: Digest,
    pub(crate) diff_id: Digest,
    /// Bytes of its files.
    pub(crate) size: u64,
    pub(crate) seal: Option<Seal>,
}

/// A layer whose content another layer needs too.
#[derive(Clone, Debug)]
pub(crate) struct Twin {
    pub(crate) chain_id: Digest,
    pub(crate) blob: Digest,
    pub(crate) tree: Digest,
    pub(crate) size: u64,
    /// Whether its files serve on top of other layers as they are.
    pub(crate) shareable: bool,
    pub(crate) describes_root: bool,
}

/// A top layer and all below it, lowest first.
const CHAIN: &str = "WITH RECURSIVE chain (id, depth) AS (
        SELECT ?1, 0 UNION ALL
        SELECT layer.parent, depth + 1 FROM chain JOIN layer ON layer.chain_id = id WHERE layer.parent IS NOT NULL)
    SELECT chain_id, diff_id, blob, size, tree, root, EXISTS (SELECT 1 FROM tree WHERE tree.id = layer.tree)
    FROM chain JOIN layer ON chain_id = chain.id ORDER BY depth DESC";

impl Store {
    /// A stored layer of the same content, the one whose files serve on top of any layers where there is one. It is
    /// leased: the caller ends that with [`Store::release`].
    pub(crate) fn lease_twin(&self, diff_id: &Digest) -> Result<Option<Twin>> {
        let mut state = self.lock();
        let twin = {
            let sql = "SELECT chain_id, blob, tree, layer.size, shareable, root FROM layer
                JOIN tree ON tree.id = tree JOIN blob ON blob.digest = blob
                WHERE diff_id = ?1 ORDER BY shareable DESC LIMIT 1";
            let mut query = state.db.prepare_cached(sql)?;
            let twin = query.query_row([diff_id], |row| {
                Ok(Twin {
                    chain_id: row.get(0)?,
                    blob: row.get(1)?,
                    tree: row.get(2)?,
                    size: row.get(3)?,
                    shareable: row.get(4)?,
                    describes_root: row.get(5)?,
                })
            });
            twin.optional()?
        };
        if let Some(twin) = &twin {
            *state.leases.entry(twin.chain_id).or_default() += 1;
        }
        Ok(twin)
    }

    /// The directory of a layer that is stored and not known to be damaged, nor its blob.
    pub(crate) fn whole(&self, chain_id: &Digest) -> Result<Option<Digest>> {
        let sql = "SELECT tree FROM layer JOIN tree ON tree.id = tree JOIN blob ON blob.digest = blob
            WHERE chain_id = ?1";
        let state = self.lock();
        let tree = state.db.prepare_cached(sql)?.query_row([chain_id], |row| row.get(0)).optional();
        Ok(tree?)
    }

    /// All blobs.
    pub(crate) fn stored_blobs(&self) -> Result<Vec<StoredBlob>> {
        let state = self.lock();
        let mut query = state.db.prepare_cached("SELECT digest, size FROM blob")?;
        let rows = query.query_map([], |row| Ok(StoredBlob { digest: row.get(0)?, size: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The directories of all layers.
    pub(crate) fn stored_trees(&self) -> Result<Vec<StoredTree>> {
        let state = self.lock();
        let sql = "SELECT tree.id, chain_id, diff_id, layer.size, shape, content FROM tree JOIN layer ON tree = tree.id
            GROUP BY tree.id";
        let mut query = state.db.prepare_cached(sql)?;
        let rows = query.query_map([], |row| {
            let seal = match (row.get(4)?, row.get(5)?) {
                (Some(shape), Some(content)) => Some(Seal { shape, content }),
                _ => None,
            };
            Ok(StoredTree { id: row.get(0)?, chain_id: row.get(1)?, diff_id: row.get(2)?, size: row.get(3)?, seal })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn has_image(&self, id: &Digest) -> Result<bool> {
        Ok(self.lock().db.prepare_cached("SELECT 1 FROM image WHERE id = ?1")?.exists([id])?)
    }

    /// The image of this id.
    pub(crate) fn image(&self, id: &Digest) -> Result<Option<Image>> {
        let found = {
            let state = self.lock();
            state.image_parts(id)?
        };
        found.map(|parts| self.assemble(parts)).transpose()
    }

    /// All images, the last stored first.
    pub(crate) fn images(&self) -> Result<Vec<Image>> {
        let parts = {
            let state = self.lock();
            let mut query = state.db.prepare_cached("SELECT id FROM image ORDER BY stored_at DESC, id")?;
            let ids = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<Digest>, _>>()?;
            ids.iter().filter_map(|id| state.image_parts(id).transpose()).collect::<Result<Vec<_>>>()?
        };
        let mut images = Vec::new();
        for parts in parts {
            let id = parts.id;
            match self.assemble(parts) {
                Ok(image) => images.push(image),
                // One damaged image must not hide the others; asking for it by name tells what is wrong.
                Err(error) => tracing::warn!(%error, image = %id, "an image is left out of the list"),
            }
        }
        Ok(images)
    }

    /// The id that a name or a (partial) id means; ids win over names only where nothing has the name.
    pub(crate) fn find(&self, name: &str) -> Result<Digest> {
        let missing = || ImageError::NoSuchImage(name.to_owned());
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        if let Some(id) = Digest::from_hex(hex) {
            return if self.has_image(&id)? { Ok(id) } else { Err(missing()) };
        }
        if let Ok(reference) = name.parse::<Reference>()
            && let Some(id) = self.named(&reference.clone().or_latest())?
        {
            return Ok(id);
        }
        if hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            // A name that is none is told as such, one that is unknown with the tag that was looked for.
            let reference = name.parse::<Reference>()?.or_latest();
            return Err(ImageError::NoSuchImage(reference.familiar()));
        }
        let state = self.lock();
        let mut query = state.db.prepare_cached("SELECT id FROM image WHERE id GLOB 'sha256:' || ?1 || '*' LIMIT 2")?;
        let found = query.query_map([hex], |row| row.get(0))?.collect::<Result<Vec<Digest>, _>>()?;
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(ImageError::NoSuchImage(
                name.parse::<Reference>()
                    .map_or_else(|_| name.to_owned(), |reference| reference.or_latest().familiar()),
            )),
            _ => Err(ImageError::Ambiguous(name.to_owned())),
        }
    }

    /// The id that a tag or a digest of a repository means.
    pub(crate) fn named(&self, reference: &Reference) -> Result<Option<Digest>> {
        let state = self.lock();
        let repository = reference.repository();
        // The newest, when several platforms came through one index.
        let by_digest = "SELECT image FROM digest JOIN image ON id = image WHERE repository = ?1 AND digest = ?2
            ORDER BY stored_at DESC LIMIT 1";
        let by_tag = "SELECT image FROM tag WHERE repository = ?1 AND tag = ?2";
        let found = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => {
                state.db.prepare_cached(by_digest)?.query_row(params![repository, digest], |row| row.get(0)).optional()
            }
            (None, Some(tag)) => {
                state.db.prepare_cached(by_tag)?.query_row(params![repository, tag], |row| row.get(0)).optional()
            }
            (None, None) => Ok(None),
        };
        Ok(found?)
    }

    /// What a container holds: its image and the layers, lowest first.
    pub(crate) fn held(&self, container: &str) -> Result<Option<Vec<LayerRow>>> {
        let state = self.lock();
        let mut query = state.db.prepare_cached("SELECT top FROM holder WHERE container = ?1")?;
        let top: Option<Option<Digest>> = query.query_row([container], |row| row.get(0)).optional()?;
        top.map(|top| state.chain(top.as_ref())).transpose()
    }

    /// The containers that hold layers.
    pub(crate) fn holders(&self) -> Result<Vec<String>> {
        let state = self.lock();
        let mut query = state.db.prepare_cached("SELECT container FROM holder ORDER BY container")?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn assemble(&self, parts: ImageParts) -> Result<Image> {
        let (config, config_json) = self.config(&parts.id)?;
        let layers: Vec<Layer> = parts.layers.into_iter().map(|row| row.layer).collect();
        Ok(Image {
            id: parts.id,
            manifest: parts.manifest,
            tags: parts.tags,
            digests: parts.digests,
            config,
            config_json,
            size: layers.iter().map(|layer| layer.size).sum(),
            layers,
            stored_at: parts.stored_at,
            tagged_at: parts.tagged_at,
        })
    }

    /// An image's configuration; it never changes, so it is read, checked and parsed once.
    fn config(&self, id: &Digest) -> Result<Configuration> {
        if let Some(known) = self.lock().configurations.get(id) {
            return Ok(known.clone());
        }
        let bytes = self.read_blob(id)?;
        let config: ImageConfig = serde_json::from_slice(&bytes)
            .map_err(|e| ImageError::Malformed(format!("the configuration of image {}: {e}", id.short())))?;
        let read: Configuration = (Arc::new(config), bytes.into());
        self.lock().configurations.insert(*id, read.clone());
        Ok(read)
    }
}

/// An image's rows, before its configuration is read.
struct ImageParts {
    id: Digest,
    manifest: Option<Digest>,
    tags: Vec<Reference>,
    digests: Vec<Reference>,
    layers: Vec<LayerRow>,
    stored_at: i64,
    tagged_at: Option<i64>,
}

impl State {
    pub(super) fn chain(&self, top: Option<&Digest>) -> Result<Vec<LayerRow>> {
        let Some(top) = top else { return Ok(vec![]) };
        let mut query = self.db.prepare_cached(CHAIN)?;
        let rows = query.query_map([top], |row| {
            let (blob, size, tree) = (row.get(2)?, row.get(3)?, row.get(4)?);
            let layer = Layer { chain_id: row.get(0)?, diff_id: row.get(1)?, blob, size, tree };
            Ok(LayerRow { layer, tree, describes_root: row.get(5)?, has_files: row.get(6)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The names of an image: those with a tag, and those with a digest, each sorted.
    pub(super) fn names(&self, id: &Digest) -> Result<(Vec<Reference>, Vec<Reference>)> {
        let read = |sql: &str, separator: char| -> Result<Vec<Reference>> {
            let mut query = self.db.prepare_cached(sql)?;
            let mut rows = query.query([id])?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                let text = format!("{}{separator}{}", row.get::<_, String>(0)?, row.get::<_, String>(1)?);
                names.push(text.parse()?);
            }
            Ok(names)
        };
        Ok((
            read("SELECT repository, tag FROM tag WHERE image = ?1 ORDER BY 1, 2", ':')?,
            read("SELECT repository, digest FROM digest WHERE image = ?1 ORDER BY 1, 2", '@')?,
        ))
    }

    fn image_parts(&self, id: &Digest) -> Result<Option<ImageParts>> {
        let mut query = self.db.prepare_cached(
            "SELECT manifest, top, stored_at, (SELECT max(tagged_at) FROM tag WHERE image = ?1) FROM image WHERE id = ?1",
        )?;
        let row =
            query.query_row([id], |row| Ok((row.get(0)?, row.get::<_, Option<Digest>>(1)?, row.get(2)?, row.get(3)?)));
        let Some((manifest, top, stored_at, tagged_at)) = row.optional()? else { return Ok(None) };
        let (tags, digests) = self.names(id)?;
        Ok(Some(ImageParts {
            id: *id,
            manifest,
            tags,
            digests,
            layers: self.chain(top.as_ref())?,
            stored_at,
            tagged_at,
        }))
    }
}
