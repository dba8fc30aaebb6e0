//! Whole messages on a byte stream: the I/O around [`berth_protocol::frame`].

use berth_protocol::frame::{self, FrameError, PREFIX_LEN};
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why a message was not carried.
#[derive(Debug, thiserror::Error)]
pub enum FramingError {
    /// The message is not one.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The stream broke.
    #[error("the connection to the guest broke: {0}")]
    Io(#[from] io::Error),
}

/// Writes one message.
///
/// # Errors
/// [`FramingError`].
pub async fn write<T: Serialize + Sync>(to: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<(), FramingError> {
    to.write_all(&frame::encode(message)?).await?;
    Ok(to.flush().await?)
}

/// Reads one message; `None` when the stream ended between two.
///
/// # Errors
/// [`FramingError`]; an end within a message is one.
pub async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<T>, FramingError> {
    let mut prefix = [0; PREFIX_LEN];
    let got = from.read(&mut prefix).await?;
    if got == 0 {
        return Ok(None);
    }
    from.read_exact(&mut prefix[got..]).await?;
    let mut body = vec![0; frame::body_len(prefix)?];
    from.read_exact(&mut body).await?;
    Ok(Some(frame::decode(&body)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_protocol::control::Request;

    #[tokio::test]
    async fn messages_arrive_one_by_one_and_a_cut_one_is_an_error() {
        let mut bytes = vec![];
        write(&mut bytes, &Request::Report).await.unwrap();
        write(&mut bytes, &Request::Shutdown { grace_seconds: 3 }).await.unwrap();
        let mut whole = bytes.as_slice();
        assert_eq!(read(&mut whole).await.unwrap(), Some(Request::Report));
        assert_eq!(read(&mut whole).await.unwrap(), Some(Request::Shutdown { grace_seconds: 3 }));
        assert_eq!(read::<Request>(&mut whole).await.unwrap(), None);
        let mut cut = &bytes[..bytes.len() - 1];
        read::<Request>(&mut cut).await.unwrap();
        assert!(matches!(read::<Request>(&mut cut).await, Err(FramingError::Io(_))));
    }
}
