//! Length-prefixed JSON: `length(4, BE) json`. Used on streams that carry whole messages.

use serde::{Serialize, de::DeserializeOwned};

/// The largest message either side takes, bytes. A longer length is an error before anything is allocated.
pub const MAX_LEN: usize = 1 << 20;
/// Size of the length prefix, bytes.
pub const PREFIX_LEN: usize = 4;

/// Why bytes are not a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The prefix names more than [`MAX_LEN`].
    #[error("a message of {0} bytes is over the limit of {MAX_LEN}")]
    TooLong(usize),
    /// The body is not the JSON that was expected.
    #[error("a message could not be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// Prefix and body of one message.
///
/// # Errors
/// [`FrameError::TooLong`] when the message would be refused by the other side.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut out = vec![0; PREFIX_LEN];
    serde_json::to_writer(&mut out, message)?;
    let len = out.len() - PREFIX_LEN;
    let prefix = u32::try_from(len).ok().filter(|_| len <= MAX_LEN).ok_or(FrameError::TooLong(len))?;
    out[..PREFIX_LEN].copy_from_slice(&prefix.to_be_bytes());
    Ok(out)
}

/// How many body bytes follow this prefix.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn body_len(prefix: [u8; PREFIX_LEN]) -> Result<usize, FrameError> {
    let len = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
    if len > MAX_LEN { Err(FrameError::TooLong(len)) } else { Ok(len) }
}

/// The message in a body.
///
/// # Errors
/// [`FrameError::Json`].
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    Ok(serde_json::from_slice(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_survives(text in ".{0,300}") {
            let bytes = encode(&text).unwrap();
            let (prefix, body) = bytes.split_at(PREFIX_LEN);
            prop_assert_eq!(body_len(prefix.try_into().unwrap()).unwrap(), body.len());
            prop_assert_eq!(decode::<String>(body).unwrap(), text);
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_reading() {
        assert!(matches!(body_len(u32::MAX.to_be_bytes()), Err(FrameError::TooLong(_))));
        assert!(matches!(encode(&"x".repeat(MAX_LEN)), Err(FrameError::TooLong(_))));
    }
}
