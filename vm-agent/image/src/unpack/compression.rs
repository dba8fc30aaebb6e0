//! What a blob is compressed with is told by its first bytes: media types lie.

use std::io::{self, BufRead, Read};

/// Largest window of a zstd frame as a power of two: 32 MiB, which `zstd -20` uses. It bounds what a hostile layer can
/// make this process hold.
const WINDOW_LOG_MAX: u32 = 25;

/// What xz begins with.
const XZ: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// Most that an xz decoder may hold, KiB: `xz -9` needs 65 MiB.
const XZ_MEMORY_MAX: u32 = 80 << 10;

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
pub(crate) fn plain<'a, R: BufRead + 'a>(compressed: R) -> io::Result<Box<dyn Read + 'a>> {
    let unsupported = |name: &str| {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("it is compressed with {name}, which images do not use: gzip and zstd are known"),
        ))
    };
    let mut magic = [0; XZ.len()];
    let (_, stream) = peek(compressed, &mut magic)?;
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        [b'B', b'Z', b'h', ..] => return unsupported("bzip2"),
        XZ => return unsupported("xz"),
        _ => Box::new(stream),
    })
}

/// The first bytes of a stream, fewer where it is shorter, and the whole of it.
fn peek<const N: usize, R: BufRead>(
    mut stream: R,
    magic: &mut [u8; N],
) -> io::Result<(usize, impl BufRead + use<N, R>)> {
    // A stream's first piece may be shorter than a magic number, so the rest of it is fetched first.
    let mut len = 0;
    while len < N {
        match stream.read(&mut magic[len..])? {
            0 => break,
            more => len += more,
        }
    }
    Ok((len, io::Cursor::new(*magic).take(len as u64).chain(stream)))
}

/// The plain bytes behind an archive that a user has: xz is known too, which layers must not be.
pub(crate) fn of_archive<'a, R: BufRead + 'a>(compressed: R) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = [0; XZ.len()];
    let (len, stream) = peek(compressed, &mut magic)?;
    if len == XZ.len() && magic == XZ {
        return Ok(Box::new(lzma_rust2::XzReader::new_mem_limit(stream, true, XZ_MEMORY_MAX)));
    }
    plain(stream)
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
        assert!(read(&XZ).unwrap_err().to_string().contains("xz"));
    }

    #[test]
    fn an_archive_may_be_xz_too() {
        let text = b"some bytes ".repeat(50);
        // `xz -9` of it.
        let xz = [
            0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01, 0x1c, 0x00,
            0x00, 0x00, 0x10, 0xcf, 0x58, 0xcc, 0xe0, 0x02, 0x25, 0x00, 0x14, 0x5d, 0x00, 0x39, 0x9b, 0xc9, 0xf2, 0xe7,
            0x50, 0x4f, 0xa4, 0x09, 0x82, 0xf4, 0x18, 0xe9, 0x07, 0x7d, 0x7e, 0xac, 0x18, 0x00, 0x00, 0x00, 0x6a, 0xfd,
            0x6a, 0x3f, 0x00, 0x01, 0x2c, 0xa6, 0x04, 0x00, 0x00, 0x00, 0xf1, 0xec, 0x3e, 0xc3, 0x3e, 0x30, 0x0d, 0x8b,
            0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
        ];
        for archive in [xz.to_vec(), zstd::encode_all(&text[..], 3).unwrap(), text.clone()] {
            let mut out = Vec::new();
            of_archive(io::BufReader::with_capacity(1, &archive[..])).unwrap().read_to_end(&mut out).unwrap();
            assert_eq!(out, text);
        }
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
