//! One layer's way to a registry.

use crate::{
    Digest, ErrorKind, Layer, PushEvent, PushProgress, Result, UploadProgress,
    assemble::blocking,
    digest::Hashed,
    error::IoContext as _,
    manifest::LayerBlob,
    registry::{Begun, Part, RESUMES, Session, back_off},
    store::{Scratch, Store},
    unpack::compression::{self, Kind},
};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use reqwest::Body;
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

/// Bytes that are read and sent together.
const PIECE: usize = 64 << 10;
/// How many bytes go between two reports.
const REPORT_EVERY: u64 = 512 << 10;
/// Bytes of a blob that are sent with one request. What a registry has acknowledged is never sent again, so this is the
/// most that is sent twice after a break; registries over object stores want 5 MiB at least.
const PART: u64 = 16 << 20;

/// A layer that is to be at the registry.
pub(super) struct Upload {
    pub(super) store: Arc<Store>,
    pub(super) session: Arc<Session>,
    pub(super) layer: Layer,
    /// Another repository of the registry that has its blob.
    pub(super) source: Option<String>,
    pub(super) progress: PushProgress,
}

/// A blob's file as it is sent.
struct Prepared {
    path: PathBuf,
    blob: LayerBlob,
    /// What a compressed copy lies in.
    _scratch: Option<Scratch>,
}

impl Upload {
    pub(super) async fn run(self) -> Result<LayerBlob> {
        let (store, layer) = (self.store.clone(), self.layer.clone());
        let prepared = blocking(move || prepare(&store, &layer)).await?;
        let blob = &prepared.blob;
        if self.session.has_blob(&blob.digest).await? {
            self.report(UploadProgress::AlreadyExists);
            return Ok(prepared.blob);
        }
        let source = self.source.as_deref().filter(|_| blob.digest == self.layer.blob);
        let begun = self.session.begin(source.map(|source| (&blob.digest, source))).await?;
        match (begun, source) {
            (Begun::Mounted, source) => {
                self.report(UploadProgress::Mounted { source: source.unwrap_or_default().to_owned() });
            }
            (Begun::At(location), _) => {
                self.report(UploadProgress::Pushing { current: 0, total: blob.size });
                self.send(&prepared, location).await?;
                self.report(UploadProgress::Pushed);
            }
        }
        Ok(prepared.blob)
    }

    async fn send(&self, prepared: &Prepared, location: reqwest::Url) -> Result<()> {
        let Prepared { path, blob, .. } = prepared;
        let gone = Arc::new(AtomicU64::new(0));
        let report = {
            let (progress, id, total) = (self.progress.clone(), self.layer.diff_id.short(), blob.size);
            Arc::new(move |current| {
                let pushing = UploadProgress::Pushing { current, total };
                progress(PushEvent::Layer { id: id.clone(), progress: pushing });
            })
        };
        send(&self.session, location, blob, &gone, &|from, to| {
            let (path, gone, report) = (path.clone(), gone.clone(), report.clone());
            body(path, from, to, move |bytes| {
                let before = gone.fetch_add(bytes, Ordering::Relaxed);
                if before / REPORT_EVERY != (before + bytes) / REPORT_EVERY {
                    report(before + bytes);
                }
            })
        })
        .await
    }

    fn report(&self, progress: UploadProgress) {
        (self.progress)(PushEvent::Layer { id: self.layer.diff_id.short(), progress });
    }
}

/// Sends bytes that are in memory, unless the registry has them.
pub(super) async fn send_bytes(session: &Session, digest: &Digest, bytes: &Arc<[u8]>) -> Result<()> {
    if session.has_blob(digest).await? {
        return Ok(());
    }
    let Begun::At(location) = session.begin(None).await? else { return Ok(()) };
    let blob = LayerBlob { digest: *digest, size: bytes.len() as u64, compression: Kind::Plain };
    send(session, location, &blob, &AtomicU64::new(0), &|from, to| {
        let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(bytes.len());
        Body::from(Bytes::copy_from_slice(bytes.get(range).unwrap_or_default()))
    })
    .await
}

/// Sends a blob part by part, and takes it up again where a connection broke. One who takes no parts gets it whole.
async fn send(
    session: &Session,
    mut location: reqwest::Url,
    blob: &LayerBlob,
    gone: &AtomicU64,
    body: &(dyn Fn(u64, u64) -> Body + Send + Sync),
) -> Result<()> {
    let (mut from, mut resumes, mut part) = (0, 0, PART);
    loop {
        gone.store(from, Ordering::Relaxed);
        let to = blob.size.min(from.saturating_add(part));
        let sent = async {
            if from == to {
                return session.finish(&location, &blob.digest).await.map(|()| None);
            }
            let part = Part { from, to, size: blob.size, body: &|| body(from, to), gone };
            session.send_blob(&location, &part).await.map(Some)
        };
        let error = match sent.await {
            Ok(None) => return Ok(()),
            Ok(Some(Some(next))) => {
                (from, location, resumes) = (to, next, 0);
                continue;
            }
            Ok(Some(None)) => {
                part = u64::MAX;
                match session.begin(None).await? {
                    Begun::At(next) => (from, location) = (0, next),
                    Begun::Mounted => return Ok(()),
                }
                continue;
            }
            Err(error) if error.kind() != ErrorKind::Unavailable || resumes == RESUMES => return Err(error),
            Err(error) => error,
        };
        tracing::info!(%error, "taking an upload up again");
        back_off(resumes).await;
        resumes += 1;
        // It may have come whole, with its answer lost.
        if session.has_blob(&blob.digest).await.unwrap_or(false) {
            return Ok(());
        }
        (from, location) = match session.sent(&location).await {
            Ok((sent, next)) if sent <= blob.size => (sent, next),
            // The registry has forgotten it.
            _ => match session.begin(None).await {
                Ok(Begun::At(location)) => (0, location),
                Ok(Begun::Mounted) => return Ok(()),
                Err(again) if again.kind() == ErrorKind::Unavailable => continue,
                Err(again) => return Err(again),
            },
        };
    }
}

/// The file's bytes from `from` up to `to`; `count` is told how many go.
fn body(path: PathBuf, from: u64, to: u64, count: impl Fn(u64) + Send + Sync + 'static) -> Body {
    let bytes = async move {
        let mut file = tokio::fs::File::open(&path).await?;
        file.seek(SeekFrom::Start(from)).await?;
        Ok::<_, io::Error>(ReaderStream::with_capacity(file.take(to - from), PIECE))
    };
    let pieces = futures_util::stream::once(bytes).try_flatten();
    Body::wrap_stream(pieces.inspect_ok(move |piece| count(piece.len() as u64)))
}

/// A layer's blob as registries take it: as it came where it is compressed, else compressed now.
fn prepare(store: &Store, layer: &Layer) -> Result<Prepared> {
    let path = store.layout.blob(&layer.blob);
    let mut file = File::open(&path).at("open", &path)?;
    let kind = compression::kind(&mut file).at("read", &path)?;
    if kind != Kind::Plain {
        let size = file.metadata().at("read", &path)?.len();
        let blob = LayerBlob { digest: layer.blob, size, compression: kind };
        return Ok(Prepared { path, blob, _scratch: None });
    }
    file.seek(SeekFrom::Start(0)).at("read", &path)?;
    let scratch = store.layout.scratch()?;
    let compressed = scratch.path().join("blob");
    let blob = compress(file, &path, &compressed)?;
    Ok(Prepared { path: compressed, blob, _scratch: Some(scratch) })
}

fn compress(plain: File, from: &Path, to: &Path) -> Result<LayerBlob> {
    let out = Hashed::new(BufWriter::new(File::create(to).at("create", to)?));
    // No name and no time, so that the same layer always becomes the same blob.
    let mut gzip = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    let mut plain = BufReader::with_capacity(256 << 10, plain);
    loop {
        let piece = plain.fill_buf().at("read", from)?;
        if piece.is_empty() {
            break;
        }
        let length = piece.len();
        gzip.write_all(piece).at("write", to)?;
        plain.consume(length);
    }
    let (digest, size) = gzip.finish().and_then(Hashed::finish).at("write", to)?;
    Ok(LayerBlob { digest, size, compression: Kind::Gzip })
}
