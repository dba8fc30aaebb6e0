//! An archive on its way to the disk, decompressed as it comes.

use crate::{
    ImageError, Result,
    assemble::blocking,
    error::IoContext as _,
    layer::{PieceReader, pieces},
    unpack::compression,
};
use bytes::BytesMut;
use std::{
    fs::File,
    io::{Read as _, Write},
    path::Path,
};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that are received or written together.
const PIECE: usize = 256 << 10;
/// Pieces that were received and are not written yet.
const AHEAD: usize = 4;

/// Writes the plain bytes behind `input` to a new file at `path`, through what `wrap` makes of it, which is given back.
pub(crate) async fn plain<W: Write + Send + 'static>(
    mut input: impl AsyncRead + Unpin,
    path: &Path,
    wrap: impl FnOnce(File) -> W + Send + 'static,
) -> Result<W> {
    let (feed, reader) = pieces(AHEAD);
    let to = path.to_owned();
    let writing = tokio::spawn(blocking(move || {
        let out = wrap(File::create_new(&to).at("create", &to)?);
        write(reader, out, &to)
    }));
    let mut received = Ok(());
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        let piece = match input.read_buf(&mut piece).await {
            Ok(0) => break,
            Ok(_) => Ok(piece.freeze()),
            Err(error) => {
                let told = std::io::Error::new(error.kind(), error.to_string());
                received = Err(error).at("receive", "the archive");
                Err(told)
            }
        };
        // A writer that is gone has an error of its own.
        if feed.send(piece).await.is_err() || received.is_err() {
            break;
        }
    }
    drop(feed);
    let written = writing.await.map_err(|e| ImageError::Internal(format!("receiving an archive: {e}")))?;
    received?;
    written
}

fn write<W: Write>(reader: PieceReader, mut out: W, path: &Path) -> Result<W> {
    let unreadable = |e: std::io::Error| ImageError::Malformed(format!("the archive cannot be decompressed: {e}"));
    let mut plain = compression::of_archive(reader).map_err(unreadable)?;
    let mut piece = vec![0; PIECE];
    loop {
        match plain.read(&mut piece) {
            Ok(0) => return Ok(out),
            Ok(got) => out.write_all(&piece[..got]).at("write", path)?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
}
