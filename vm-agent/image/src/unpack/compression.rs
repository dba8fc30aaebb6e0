//! What a blob is compressed with is told by its first bytes: media types lie.

use std::io::{self, BufRead, Read};

/// Largest window of a zstd frame as a power of two: 32 MiB, which `zstd -20` uses. It bounds what a hostile layer can
/// make this process hold.
const WINDOW_LOG_MAX: u32 = 25;

/// What a stream's first bytes say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Gzip,
    Zstd,
    /// Compressed in a way that images do not use.
    Other,
    Plain,
}

/// What `stream` begins like.
pub(crate) fn kind(stream: &mut impl Read) -> io::Result<Kind> {
    let mut magic = Vec::new();
    stream.take(4).read_to_end(&mut magic)?;
    Ok(match magic[..] {
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Kind::Zstd,
        [b'B', b'Z', b'h', _] | [0xfd, b'7', b'z', b'X'] => Kind::Other,
        _ => Kind::Plain,
    })
}

/// The plain bytes behind `compressed`, which is gzip, zstd or plain already.
pub(crate) fn plain<'a, R: BufRead + 'a>(mut compressed: R) -> io::Result<Box<dyn Read + 'a>> {
    let unsupported = |name: &str| {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("it is compressed with {name}, which images do not use: gzip and zstd are known"),
        ))
    };
    // A stream's first piece may be shorter than a magic number, so the rest of it is fetched first.
    let mut magic = [0; 6];
    let mut len = 0;
    while len < magic.len() {
        match compressed.read(&mut magic[len..])? {
            0 => break,
            more => len += more,
        }
    }
    let stream = io::Cursor::new(magic).take(len as u64).chain(compressed);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        [b'B', b'Z', b'h', ..] => return unsupported("bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => return unsupported("xz"),
        _ => Box::new(stream),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        // One byte at a time, as the worst network would give it.
        let mut out = Vec::new();
        plain(io::BufReader::with_capacity(1, bytes))?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn each_format_is_known_by_its_first_bytes() {
        let text = b"some bytes some bytes some bytes".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(read(&gzip).unwrap(), text);
        assert_eq!(read(&[gzip.clone(), gzip].concat()).unwrap(), text.repeat(2), "two members are one stream");
        assert_eq!(read(&zstd::encode_all(&text[..], 3).unwrap()).unwrap(), text);
        assert_eq!(read(&text).unwrap(), text);
        assert_eq!(read(b"ab").unwrap(), b"ab");
        assert_eq!(read(b"").unwrap(), b"");
        assert!(read(b"BZh91AY").unwrap_err().to_string().contains("bzip2"));
    }

    #[test]
    fn a_zstd_frame_with_a_huge_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&[0; 1 << 16]).unwrap();
        assert!(read(&encoder.finish().unwrap()).is_err());
    }
}
