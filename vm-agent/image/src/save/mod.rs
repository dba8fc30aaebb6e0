//! From the store into an archive: an OCI layout, with docker's own files beside it for those that read no other.
//!
//! The same images give the same bytes, however they are asked for: everything is sorted, nothing has a time, and
//! layers go as they are stored.

mod documents;
mod tape;

use crate::{
    Digest, Image, ImageError, ImageId, Platform, Reference, Result,
    assemble::Lease,
    digest::Hasher,
    error::IoContext as _,
    manifest::{self, Family, LayerBlob},
    pack::{end, pad},
    store::Store,
    unpack::compression,
};
use documents::Document;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read as _, Write},
    sync::Arc,
};

/// Read at once, bytes.
const PIECE: usize = 256 << 10;

/// Writes an archive, piece by piece; blocks.
pub type WriteArchive = Box<dyn FnOnce(&mut dyn Write) -> Result<()> + Send>;

/// Images about to be written to an archive. They cannot go before it is dropped.
pub struct Saved {
    /// Which.
    pub images: Vec<ImageId>,
    /// Writes it. The whole is there only when this ends well.
    pub write: WriteArchive,
}

/// A file of the archive.
enum Content {
    Bytes(Vec<u8>),
    /// A blob of the store, of this size.
    Stored(Digest, u64),
}

/// Looks everything up, so that what is missing is told before the first byte. Blocks.
pub(crate) fn save(store: Arc<Store>, names: &[String], platform: Option<&Platform>) -> Result<Saved> {
    let mut images = Vec::new();
    let mut leases = Vec::new();
    for (id, tags) in wanted(&store, names)? {
        let missing = || ImageError::NoSuchImage(id.to_string());
        let image = store.image(&id)?.ok_or_else(missing)?;
        leases.push(Lease::new(store.clone(), image.layers.iter().map(|layer| layer.chain_id).collect()));
        if !store.has_image(&id)? {
            return Err(missing());
        }
        if let Some(platform) = platform {
            let name = tags.first().map_or_else(|| id.to_string(), Reference::familiar);
            image.config.must_suit(platform, &name)?;
        }
        images.push((image, tags));
    }
    let ids = images.iter().map(|(image, _)| image.id).collect();
    let files = files(&store, &images)?;
    let write = move |out: &mut dyn Write| {
        let written = write(&store, files, out);
        drop(leases);
        written
    };
    Ok(Saved { images: ids, write: Box::new(write) })
}

/// The images that names mean, by id, with the tags they are saved under. A name without a tag is all of its tags.
fn wanted(store: &Store, names: &[String]) -> Result<BTreeMap<Digest, BTreeSet<Reference>>> {
    let mut wanted: BTreeMap<Digest, BTreeSet<Reference>> = BTreeMap::new();
    for name in names {
        let reference = name.parse::<Reference>().ok().filter(|reference| reference.digest().is_none());
        let tagged = match reference {
            Some(reference) if reference.tag().is_none() => {
                let tags = store.tags_of(&reference.repository())?;
                tags.iter().map(|tag| Ok(reference.at_tag(tag)?)).collect::<Result<_>>()?
            }
            reference => Vec::from_iter(reference),
        };
        let mut found = false;
        for tag in tagged {
            if let Some(id) = store.named(&tag)? {
                wanted.entry(id).or_default().insert(tag);
                found = true;
            }
        }
        if !found {
            wanted.entry(store.find(name)?).or_default();
        }
    }
    Ok(wanted)
}

fn files(store: &Store, images: &[(Image, BTreeSet<Reference>)]) -> Result<BTreeMap<String, Content>> {
    let mut files = BTreeMap::new();
    let mut documents = Vec::new();
    for (image, tags) in images {
        let mut layers = Vec::new();
        for layer in &image.layers {
            let path = store.layout.blob(&layer.blob);
            let mut file = match File::open(&path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    return Err(ImageError::Lost(format!("layer {}", layer.blob.short()), store.name_of(&image.id)?));
                }
                file => file.at("open", &path)?,
            };
            let size = file.metadata().at("read", &path)?.len();
            let compression = compression::kind(&mut file).at("read", &path)?;
            files.insert(blob_path(&layer.blob), Content::Stored(layer.blob, size));
            layers.push(LayerBlob { digest: layer.blob, size, compression });
        }
        let manifest = manifest::of(store, image, &layers, Family::Oci)?;
        files.insert(blob_path(&image.id), Content::Bytes(image.config_json.to_vec()));
        let digest = Digest::of(&manifest.bytes);
        documents.push(Document {
            media_type: manifest.media_type,
            digest,
            size: manifest.bytes.len() as u64,
            config: image.id,
            platform: image.config.platform(),
            layers: layers.iter().map(|layer| layer.digest).collect(),
            tags: tags.iter().cloned().collect(),
        });
        files.insert(blob_path(&digest), Content::Bytes(manifest.bytes));
    }
    for (name, bytes) in documents::files(&documents) {
        files.insert(name.to_owned(), Content::Bytes(bytes));
    }
    Ok(files)
}

fn write(store: &Store, files: BTreeMap<String, Content>, out: &mut dyn Write) -> Result<()> {
    let told = |source| ImageError::Io { doing: "write", path: "the archive".into(), source };
    for directory in ["blobs/", "blobs/sha256/"] {
        tape::directory(out, directory).map_err(told)?;
    }
    for (name, content) in files {
        let size = match content {
            Content::Bytes(bytes) => {
                let size = bytes.len() as u64;
                tape::file(out, &name, size).and_then(|()| out.write_all(&bytes)).map_err(told)?;
                size
            }
            Content::Stored(digest, size) => {
                tape::file(out, &name, size).map_err(told)?;
                copy(store, digest, size, out)?;
                size
            }
        };
        pad(out, size).map_err(told)?;
    }
    end(out).and_then(|()| out.flush()).map_err(told)
}

/// Writes a blob of the store. What is damaged ends the archive in the middle, so that nobody takes it for a good one.
fn copy(store: &Store, digest: Digest, size: u64, out: &mut dyn Write) -> Result<()> {
    let path = store.layout.blob(&digest);
    let mut file = File::open(&path).at("open", &path)?;
    let mut piece = vec![0; PIECE];
    let (mut hasher, mut left) = (Hasher::default(), size);
    while left > 0 {
        let want = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
        let got = file.read(&mut piece[..want]).at("read", &path)?;
        if got == 0 {
            break;
        }
        hasher.update(&piece[..got]);
        out.write_all(&piece[..got]).at("write", "the archive")?;
        left -= got as u64;
    }
    match hasher.finish() {
        got if got == digest => Ok(()),
        got => {
            store.set_blob_aside(&digest)?;
            Err(ImageError::DigestMismatch { what: format!("layer {}", digest.short()), expected: digest, got })
        }
    }
}

/// Where a blob lies in a layout.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
