//! The beginning of a connection: just enough of the first request to know whom it is for.

use bytes::{Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Requests under this path are berthd's own.
const HOST_PREFIX: &[u8] = b"/berth/";
/// A request line longer than this is the engine's to refuse, bytes.
const MAX_LINE: usize = 64 << 10;

/// Whom a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// berthd.
    Host,
    /// The engine in the guest.
    Engine,
}

/// Reads until the path of the first request is known; gives what was read. `None` when the client left before.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(Route, Bytes)>> {
    let mut head = BytesMut::with_capacity(1024);
    loop {
        if let Some(route) = route(&head) {
            return Ok(Some((route, head.freeze())));
        }
        if stream.read_buf(&mut head).await? == 0 {
            // Not a request, but not ours to judge either.
            return Ok((!head.is_empty()).then(|| (Route::Engine, head.freeze())));
        }
    }
}

/// `None` while the path may still turn out to be either.
fn route(head: &[u8]) -> Option<Route> {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let whole = line.len() < head.len() || head.len() >= MAX_LINE;
    let Some(space) = line.iter().position(|byte| *byte == b' ') else {
        return whole.then_some(Route::Engine);
    };
    let path = &line[space + 1..];
    if path.starts_with(HOST_PREFIX) {
        return Some(Route::Host);
    }
    (whole || !HOST_PREFIX.starts_with(path)).then_some(Route::Engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_path_decides_even_in_pieces_and_no_byte_is_lost() {
        for (pieces, expected) in [
            (vec!["GET /berth/v1/machine HTTP/1.1\r\n\r\n"], Route::Host),
            (vec!["G", "ET /be", "rth/v1"], Route::Host),
            (vec!["HEAD /_ping HTTP/1.1\r\n"], Route::Engine),
            (vec!["POST /b", "uild HTTP/1.1\r\n"], Route::Engine),
            (vec!["GET /berth HTTP/1.1\r\n"], Route::Engine),
            (vec!["nonsense\n"], Route::Engine),
            (vec!["\u{16}\u{3}\u{1}"], Route::Engine),
        ] {
            let mut mock = tokio::io::join(std::io::Cursor::new(pieces.concat().into_bytes()), tokio::io::sink());
            let (route, head) = read(&mut mock).await.unwrap().unwrap();
            assert_eq!(route, expected, "{pieces:?}");
            let mut rest = Vec::new();
            mock.read_to_end(&mut rest).await.unwrap();
            assert_eq!([&head[..], &rest[..]].concat(), pieces.concat().into_bytes());
            // The same byte by byte.
            let whole = pieces.concat();
            let first = (1..=whole.len()).find_map(|count| super::route(&whole.as_bytes()[..count]));
            assert_eq!(first.unwrap_or(Route::Engine), expected, "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_only_looks_whether_someone_answers_is_no_request() {
        assert!(read(&mut b"".as_slice()).await.unwrap().is_none());
    }
}
