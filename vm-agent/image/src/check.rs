//! Everything that is stored, read and compared with what it was.

use crate::{
    Digest, Result,
    error::IoContext as _,
    seal::{self, Sums},
    store::{Damaged, Store, StoredTree, is_damage},
};
use std::sync::Arc;

/// Told how many bytes were looked at, of how many.
pub type CheckProgress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Documents and layers as they came.
    pub blobs: u64,
    /// Unpacked layers.
    pub layers: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What was damaged and is set aside now.
    pub damage: Vec<Damage>,
}

/// One damaged object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What it is.
    pub kind: DamageKind,
    /// Digest of the blob, or diff id of the layer.
    pub digest: Digest,
    /// Images that need it, each by a name under which it can be pulled again.
    pub images: Vec<String>,
    /// Containers that stand on it, by id.
    pub containers: Vec<String>,
}

/// What sort of object is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// A manifest, a configuration or a layer as it came.
    Blob,
    /// An unpacked layer.
    Layer,
}

/// Checks all; see [`crate::ImageStore::check`].
pub(crate) fn check(store: &Store, progress: &dyn Fn(u64, u64)) -> Result<Checked> {
    let (blobs, trees) = (store.stored_blobs()?, store.stored_trees()?);
    let total = blobs.iter().map(|blob| blob.size).chain(trees.iter().map(|tree| tree.size)).sum();
    let mut checked = Checked::default();
    let mut bytes = 0;
    let mut read = |more| {
        bytes += more;
        progress(bytes, total);
    };
    read(0);
    for blob in blobs {
        checked.blobs += 1;
        if !store.is_right(&blob.digest, &mut read)?
            && let Some(hit) = store.set_blob_aside(&blob.digest)?
        {
            checked.damage.push(Damage::new(DamageKind::Blob, blob.digest, hit));
        }
    }
    for tree in trees {
        checked.layers += 1;
        if !is_whole(store, &tree, &mut read)?
            && let Some(hit) = store.set_tree_aside(&tree.id)?
        {
            checked.damage.push(Damage::new(DamageKind::Layer, tree.diff_id, hit));
        }
    }
    checked.bytes = bytes;
    Ok(checked)
}

fn is_whole(store: &Store, tree: &StoredTree, read: &mut dyn FnMut(u64)) -> Result<bool> {
    store.lease(&[tree.chain_id]);
    let diff = store.layout.diff(&tree.id);
    let sealed = seal::seal(&diff, &Sums::default(), read);
    store.release(&[tree.chain_id]);
    match (sealed, tree.seal) {
        (Ok(found), Some(seal)) => Ok(found == seal),
        // An earlier release made it without a seal: from now on it has this one.
        (Ok(found), None) => store.keep_seal(&tree.id, &found).map(|()| true),
        (Err(e), _) if is_damage(&e) => Ok(false),
        (Err(e), _) => Err(e).at("read", &diff),
    }
}

impl Damage {
    fn new(kind: DamageKind, digest: Digest, hit: Damaged) -> Self {
        Self { kind, digest, images: hit.images, containers: hit.containers }
    }
}
