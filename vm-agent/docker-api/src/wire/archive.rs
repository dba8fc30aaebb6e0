//! Archives as bodies.

use axum::body::Body;
use berth_engine::files::ArchiveStream;
use futures_util::TryStreamExt;

/// A failure in the middle cuts the connection: its headers are gone, and a whole archive must not be believed.
pub(crate) fn body(archive: ArchiveStream) -> Body {
    Body::from_stream(archive.inspect_err(|error| tracing::warn!("an archive ends in the middle: {error}")))
}
