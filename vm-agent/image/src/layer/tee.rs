//! Readers that look at every byte on its way.

use crate::{Digest, ImageError, Result, digest::Hasher, error::IoContext as _};
use std::{
    fs::File,
    io::{self, BufRead, Read, Write as _},
    path::{Path, PathBuf},
};

/// Digest of everything that passes.
pub(super) struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: BufRead> Hashing<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::default() }
    }

    pub(super) fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

impl<R: BufRead> BufRead for Hashing<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        if len > 0 {
            // A BufRead gives the same buffer again until it is consumed.
            if let Ok(buffer) = self.inner.fill_buf() {
                self.hasher.update(&buffer[..len]);
            }
            self.inner.consume(len);
        }
    }
}

impl<R: BufRead> Read for Hashing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.inner.fill_buf()?;
        let len = buffer.len().min(out.len());
        out[..len].copy_from_slice(&buffer[..len]);
        self.hasher.update(&out[..len]);
        self.inner.consume(len);
        Ok(len)
    }
}

/// Digest and size of a blob, and its copy in a file.
pub(super) struct Tee<R> {
    inner: Hashing<R>,
    copy: Option<(File, PathBuf)>,
    /// Bytes at the front of the inner buffer that the copy has already.
    copied: usize,
    read: u64,
    expected: Option<u64>,
    /// A failure of this side, which must not be taken for a strange archive.
    failure: Option<ImageError>,
}

impl<R: BufRead> Tee<R> {
    pub(super) fn new(inner: R, copy: Option<&Path>, expected: Option<u64>) -> Result<Self> {
        let copy = match copy {
            Some(path) => Some((File::create_new(path).at("create", path)?, path.to_owned())),
            None => None,
        };
        Ok(Self { inner: Hashing::new(inner), copy, copied: 0, read: 0, expected, failure: None })
    }

    /// Reads what is left, and tells digest and size.
    pub(super) fn finish(mut self) -> Result<(Digest, u64)> {
        while self.failure.is_none() {
            match self.fill_buf() {
                Ok([]) => break,
                Ok(buffer) => {
                    let len = buffer.len();
                    self.consume(len);
                }
                Err(_) => {}
            }
        }
        match (self.failure, self.expected) {
            (Some(failure), _) => Err(failure),
            (None, Some(expected)) if self.read != expected => {
                Err(ImageError::SizeMismatch { what: "a layer".into(), expected, got: self.read })
            }
            (None, _) => Ok((self.inner.finish(), self.read)),
        }
    }

    /// Remembers `failure` and gives the decoder something to stop at.
    fn fail(&mut self, failure: ImageError) -> io::Error {
        let told = io::Error::other(failure.to_string());
        self.failure.get_or_insert(failure);
        told
    }
}

impl<R: BufRead> BufRead for Tee<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Some(failure) = &self.failure {
            return Err(io::Error::other(failure.to_string()));
        }
        let len = match self.inner.fill_buf() {
            Ok(buffer) => buffer.len(),
            Err(error) => {
                // Where the bytes come from tells in its own words what happened to them.
                let failure = error.downcast::<ImageError>().unwrap_or_else(|source| ImageError::Io {
                    doing: "read",
                    path: "a layer".into(),
                    source,
                });
                return Err(self.fail(failure));
            }
        };
        let over = self.expected.filter(|&expected| self.read + len as u64 > expected);
        if let Some(expected) = over {
            let got = self.read + len as u64;
            return Err(self.fail(ImageError::SizeMismatch { what: "a layer".into(), expected, got }));
        }
        if let Some((file, path)) = &mut self.copy
            && self.copied < len
        {
            let buffer = self.inner.fill_buf()?;
            if let Err(source) = file.write_all(&buffer[self.copied..]) {
                let path = path.clone();
                return Err(self.fail(ImageError::Io { doing: "write", path, source }));
            }
            self.copied = len;
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.inner.consume(len);
        self.copied = self.copied.saturating_sub(len);
        self.read += len as u64;
    }
}

impl<R: BufRead> Read for Tee<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let len = buffer.len().min(out.len());
        out[..len].copy_from_slice(&buffer[..len]);
        self.consume(len);
        Ok(len)
    }
}
