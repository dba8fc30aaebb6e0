//! One pass over a layer's blob: its digest, its copy into the store, decompression, the diff id and unpacking, on two
//! threads, so that a long layer takes no longer than its slowest stage.

mod piece;
mod tee;

use crate::{
    Digest, ImageError, Result,
    error::IoContext as _,
    unpack::{self, UnpackError, Unpacked, compression},
};
pub use piece::{Feed, PieceReader, pieces};
use std::{
    io::{BufRead, Read as _},
    path::{Path, PathBuf},
};
use tee::{Hashing, Tee};

/// Decompressed bytes that wait between the threads: this many pieces of [`PLAIN_PIECE`].
const PLAIN_PIECES: usize = 4;
/// Bytes of a decompressed piece.
const PLAIN_PIECE: usize = 256 << 10;

/// What a layer is expected to be.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Digest and size of the blob; `None` where only the diff id is known, as in a docker archive.
    pub(crate) blob: Option<(Digest, u64)>,
    /// Digest of the plain archive.
    pub(crate) diff_id: Digest,
}

/// A blob and a tree that are what was expected, complete and not yet durable.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) blob: Digest,
    pub(crate) blob_size: u64,
    pub(crate) unpacked: Unpacked,
}

/// Where the parts of a layer go while they are made.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The file that gets the blob; `None` when the blob is stored already.
    pub(crate) blob: Option<PathBuf>,
    /// The directory that gets the files; created.
    pub(crate) tree: PathBuf,
}

/// Reads `source` to its end; `verified` is told once the blob has been read and found right. Blocks.
pub(crate) fn apply(
    source: impl BufRead + Send,
    expected: &Expected,
    target: &Target,
    verified: &dyn Fn(),
) -> Result<Applied> {
    make_dir(&target.tree)?;
    let size = expected.blob.map(|(_, size)| size);
    let mut tee = Tee::new(source, target.blob.as_deref(), size)?;
    let (feed, plain) = pieces(PLAIN_PIECES);
    let (decompressed, unpacked) = std::thread::scope(|scope| {
        let unpacking = scope.spawn(|| {
            let mut plain = Hashing::new(plain);
            let unpacked = unpack::unpack(&mut plain, &target.tree);
            (unpacked, plain.finish())
        });
        let decompressed = decompress(&mut tee, feed);
        let unpacked = unpacking.join().map_err(|_| ImageError::Internal("unpacking a layer panicked".into()));
        (decompressed, unpacked)
    });
    let (unpacked, diff_id) = unpacked?;
    // Damage is told as such, and not as the strange archive that it makes.
    let (blob, blob_size) = tee.finish()?;
    if let Some((digest, _)) = expected.blob
        && digest != blob
    {
        return Err(ImageError::DigestMismatch {
            what: format!("layer {}", digest.short()),
            expected: digest,
            got: blob,
        });
    }
    verified();
    let failed = |why: String| ImageError::Unpack { layer: expected.diff_id.to_string(), why };
    decompressed.map_err(|e| failed(e.to_string()))?;
    let unpacked = unpacked.map_err(|error| match error {
        UnpackError::Write(source) | UnpackError::System { source, .. } if is_local(&source) => {
            ImageError::Io { doing: "unpack a layer to", path: target.tree.clone(), source }
        }
        error => failed(error.to_string()),
    })?;
    if diff_id != expected.diff_id {
        let what = "the content of a layer".to_owned();
        return Err(ImageError::DigestMismatch { what, expected: expected.diff_id, got: diff_id });
    }
    Ok(Applied { blob, blob_size, unpacked })
}

/// Hands the plain bytes to the other thread until it gives up or they end.
fn decompress(tee: &mut (impl BufRead + Send), feed: Feed) -> std::io::Result<()> {
    let mut plain = match compression::plain(tee) {
        Ok(plain) => plain,
        Err(error) => return tell(&feed, error),
    };
    loop {
        let mut piece = Vec::with_capacity(PLAIN_PIECE);
        match plain.by_ref().take(PLAIN_PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(_) if feed.blocking_send(Ok(piece.into())).is_ok() => {}
            Ok(_) => return Ok(()),
            Err(error) => return tell(&feed, error),
        }
    }
}

/// Ends the other thread's stream with an error, so that it does not take the end for a good one.
fn tell(feed: &Feed, error: std::io::Error) -> std::io::Result<()> {
    let told = std::io::Error::new(error.kind(), error.to_string());
    // A thread that is gone has an error of its own.
    drop(feed.blocking_send(Err(told)));
    Err(error)
}

/// Whether this machine is at fault, and not the archive.
fn is_local(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied)
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

fn make_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path).at("create", path)?;
    // The root of a container is readable by its users; the umask is not asked.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).at("create", path)
}
