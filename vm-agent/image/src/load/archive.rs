//! A tar file with its contents found by name.

use crate::{
    ImageError, Result,
    error::IoContext as _,
    rooted,
    unpack::entries::{Entries, EntryKind},
};
use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// More than any image archive has.
const ENTRIES_MAX: usize = 10_000;
/// Links that lead to a file; old archives link equal layers to each other.
const LINKS_MAX: usize = 8;

/// Bytes of a file that are read between two reports of it.
const TELL_EVERY: u64 = 512 << 10;

/// An archive of images, on disk and uncompressed.
pub(super) struct Archive {
    path: PathBuf,
    entries: HashMap<Vec<u8>, Place>,
}

enum Place {
    File { offset: u64, size: u64 },
    Link(Vec<u8>),
}

/// A file's bytes.
pub(super) struct Content {
    file: std::io::Take<File>,
    size: u64,
    read: u64,
    tell: Option<Tell>,
}

/// Told how many bytes were read, and of how many.
type Tell = Box<dyn Fn(u64, u64) + Send>;

impl Content {
    /// Tells `tell` now and then how far it is, and at its end.
    pub(super) fn told(self, tell: impl Fn(u64, u64) + Send + 'static) -> BufReader<Self> {
        BufReader::with_capacity(128 << 10, Self { tell: Some(Box::new(tell)), ..self })
    }
}

impl Read for Content {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let got = self.file.read(out)?;
        let before = self.read;
        self.read += got as u64;
        let often = before / TELL_EVERY != self.read / TELL_EVERY;
        if let Some(tell) = self.tell.as_ref().filter(|_| got > 0 && (often || self.read == self.size)) {
            tell(self.read, self.size);
        }
        Ok(got)
    }
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).at("open", path)?;
        let len = file.metadata().at("read", path)?.len();
        let bad = |e: crate::unpack::UnpackError| ImageError::Malformed(format!("the archive cannot be read: {e}"));
        let mut entries = HashMap::new();
        let mut reader = Entries::new(BufReader::with_capacity(64 << 10, file));
        while let Some(entry) = reader.next().map_err(bad)? {
            let Some(name) = rooted::clean(&entry.path) else { continue };
            let place = match entry.kind {
                EntryKind::File => Place::File { offset: reader.offset(), size: entry.size },
                EntryKind::HardLink => Place::Link(rooted::clean(&entry.link).unwrap_or_default()),
                EntryKind::Symlink => {
                    let above = rooted::split(&name).map_or(&b""[..], |(above, _)| above);
                    Place::Link(rooted::clean(&[above, b"/", &entry.link].concat()).unwrap_or_default())
                }
                _ => continue,
            };
            if reader.offset().saturating_add(entry.size) > len {
                return Err(ImageError::Malformed("the archive ends in the middle: make it again".into()));
            }
            entries.insert(name, place);
            if entries.len() > ENTRIES_MAX {
                return Err(ImageError::Malformed(format!("the archive has over {ENTRIES_MAX} files")));
            }
        }
        Ok(Self { path: path.to_owned(), entries })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name.as_bytes())
    }

    /// A file's bytes as a stream.
    pub(super) fn read(&self, name: &str) -> Result<Content> {
        let (offset, size) = self.find(name)?;
        let mut file = File::open(&self.path).at("open", &self.path)?;
        file.seek(SeekFrom::Start(offset)).at("read", &self.path)?;
        Ok(Content { file: file.take(size), size, read: 0, tell: None })
    }

    /// A small file's bytes.
    pub(super) fn bytes(&self, name: &str, max: u64) -> Result<Vec<u8>> {
        let (_, size) = self.find(name)?;
        if size > max {
            return Err(ImageError::Malformed(format!("{name} in the archive has {size} bytes, more than {max}")));
        }
        let mut bytes = Vec::new();
        self.read(name)?.file.read_to_end(&mut bytes).at("read", &self.path)?;
        Ok(bytes)
    }

    fn find(&self, name: &str) -> Result<(u64, u64)> {
        let mut at = rooted::clean(name.as_bytes()).unwrap_or_default();
        for _ in 0..LINKS_MAX {
            match self.entries.get(&at) {
                Some(Place::File { offset, size }) => return Ok((*offset, *size)),
                Some(Place::Link(target)) => at.clone_from(target),
                None => break,
            }
        }
        Err(ImageError::Malformed(format!("the archive lacks {name}: make it again")))
    }
}
