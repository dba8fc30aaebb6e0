//! Tar, read entry by entry: ustar, GNU long names and PAX records, with a bound on everything that is held in memory.
//!
//! The `tar` crate's own iterator reads a long name of any declared length into memory, so only its header fields are
//! used here. Where PAX and ustar disagree, PAX is right, for the size as well, and one size serves both the file and
//! the way to the next header (CVE-2025-62518).

use super::UnpackError;
use std::{io::BufRead, ops::Range};

/// Bytes of a header, and what everything is padded to.
const BLOCK: u64 = 512;
/// Longest PAX record set or GNU long name, bytes. Linux takes no path over 4 KiB and no attribute over 64 KiB.
const EXTENSION_MAX: u64 = 1 << 20;

/// Where the numbers of a header are (`struct posix_header` in GNU tar's `tar.h`).
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Directory,
    Symlink,
    HardLink,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// One entry's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: EntryKind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Seconds since the Unix epoch and nanoseconds.
    pub(crate) mtime: (i64, u32),
    /// Bytes of a file.
    pub(crate) size: u64,
    pub(crate) device: (u32, u32),
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The entries of an archive, in order.
pub(crate) struct Entries<R> {
    reader: R,
    /// Data of the current entry not yet read, and its padding.
    data: u64,
    padding: u64,
    /// Bytes of the archive consumed so far.
    offset: u64,
}

/// What extension headers say about the entry behind them. Each kind of header replaces an earlier one of its kind, so
/// that no number of them adds up; GNU's names win over PAX's, as in Go's reader.
#[derive(Default)]
struct Extension {
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    pax: Pax,
}

/// The records of one PAX header.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<(i64, u32)>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: BufRead> Entries<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, data: 0, padding: 0, offset: 0 }
    }

    /// The next entry; what was left of the one before is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, UnpackError> {
        let mut extension = Extension::default();
        loop {
            self.skip(self.data)?;
            self.skip_padding()?;
            (self.data, self.padding) = (0, 0);
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.entry_type().as_byte();
            let size = field(&header, SIZE)?;
            match kind {
                b'x' => extension.pax = Pax::read(&self.extension(size)?)?,
                b'L' => extension.long_path = Some(until_nul(self.extension(size)?)),
                b'K' => extension.long_link = Some(until_nul(self.extension(size)?)),
                b'g' => drop(self.extension(size)?),
                b'S' => return Err(malformed("a GNU sparse file, which image layers must not hold")),
                _ => {
                    let Some(entry) = extension.entry(&header, kind, size)? else {
                        return Err(malformed(&format!("an entry of unknown type {:?}", char::from(kind))));
                    };
                    self.expect(entry.size)?;
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Hands the current entry's data to `write`, piece by piece.
    pub(crate) fn copy(&mut self, mut write: impl FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), UnpackError> {
        while self.data > 0 {
            let buffer = self.reader.fill_buf().map_err(UnpackError::Read)?;
            if buffer.is_empty() {
                return Err(UnpackError::Truncated);
            }
            let len = buffer.len().min(usize::try_from(self.data).unwrap_or(usize::MAX));
            write(&buffer[..len]).map_err(UnpackError::Write)?;
            self.reader.consume(len);
            self.data -= len as u64;
            self.offset += len as u64;
        }
        Ok(())
    }

    /// Where in the archive the current entry's data begins, bytes.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The reader, behind the last header that was read.
    pub(crate) fn into_reader(self) -> R {
        self.reader
    }

    fn expect(&mut self, size: u64) -> Result<(), UnpackError> {
        let padding = (BLOCK - size % BLOCK) % BLOCK;
        size.checked_add(padding).ok_or_else(|| malformed("a size beyond all bounds"))?;
        (self.data, self.padding) = (size, padding);
        Ok(())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, UnpackError> {
        if size > EXTENSION_MAX {
            return Err(malformed("a name or attributes over 1 MiB"));
        }
        self.expect(size)?;
        let mut bytes = Vec::new();
        self.copy(|piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The next header; `None` at the end mark or at the end of the stream between entries, as GNU tar and Go take it.
    fn header(&mut self) -> Result<Option<tar::Header>, UnpackError> {
        let mut block = [0; BLOCK as usize];
        let mut filled = 0;
        while filled < block.len() {
            match self.reader.read(&mut block[filled..]).map_err(UnpackError::Read)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(UnpackError::Truncated),
                len => filled += len,
            }
        }
        self.offset += BLOCK;
        if block.iter().all(|&b| b == 0) {
            return Ok(None);
        }
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(&block);
        let byte = |(at, &byte): (usize, &u8)| if CHECKSUM.contains(&at) { 32 } else { u64::from(byte) };
        let sum: u64 = block.iter().enumerate().map(byte).sum();
        match field(&header, CHECKSUM) {
            Ok(checksum) if checksum == sum => Ok(Some(header)),
            _ => Err(malformed("a header whose checksum is wrong: it is no tar archive")),
        }
    }

    /// The last padding may be missing, as it is in umoci's layers; Go takes them so too.
    fn skip_padding(&mut self) -> Result<(), UnpackError> {
        match self.skip(self.padding) {
            Err(UnpackError::Truncated) => Ok(()),
            skipped => skipped,
        }
    }

    fn skip(&mut self, mut len: u64) -> Result<(), UnpackError> {
        while len > 0 {
            let have = self.reader.fill_buf().map_err(UnpackError::Read)?.len();
            if have == 0 {
                return Err(UnpackError::Truncated);
            }
            let step = have.min(usize::try_from(len).unwrap_or(usize::MAX));
            self.reader.consume(step);
            len -= step as u64;
            self.offset += step as u64;
        }
        Ok(())
    }
}

impl Pax {
    /// `length key=value\n`, repeated (POSIX pax interchange format).
    fn read(mut records: &[u8]) -> Result<Self, UnpackError> {
        let mut pax = Self::default();
        while !records.is_empty() {
            let bad = || malformed("PAX records that cannot be read");
            let space = records.iter().take(20).position(|&b| b == b' ').ok_or_else(bad)?;
            let len = usize::try_from(number(&records[..space])?).map_err(|_| bad())?;
            if len <= space + 1 || len > records.len() || records[len - 1] != b'\n' {
                return Err(bad());
            }
            let (record, rest) = records.split_at(len);
            let record = &record[space + 1..len - 1];
            let equals = record.iter().position(|&b| b == b'=').ok_or_else(bad)?;
            pax.record(&record[..equals], &record[equals + 1..])?;
            records = rest;
        }
        Ok(pax)
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), UnpackError> {
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number(value)?),
            b"uid" => self.uid = Some(number(value)?),
            b"gid" => self.gid = Some(number(value)?),
            b"mtime" => self.mtime = Some(time(value).ok_or_else(|| malformed("a PAX time that is none"))?),
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                } else if key.starts_with(b"GNU.sparse.") {
                    return Err(malformed("a GNU sparse file, which image layers must not hold"));
                }
            }
        }
        Ok(())
    }
}

impl Extension {
    /// The entry of a header and everything that came before it; `None` for a type that is unknown.
    fn entry(&mut self, header: &tar::Header, kind: u8, size: u64) -> Result<Option<Entry>, UnpackError> {
        let Self { long_path, long_link, pax } = std::mem::take(self);
        let path = long_path.or(pax.path).unwrap_or_else(|| header.path_bytes().into_owned());
        let kind = match kind {
            // Version 7 archives know no directories but by the slash behind the name.
            b'\0' | b'0' | b'7' if path.ends_with(b"/") => EntryKind::Directory,
            b'\0' | b'0' | b'7' => EntryKind::File,
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::CharDevice,
            b'4' => EntryKind::BlockDevice,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            _ => return Ok(None),
        };
        let link = long_link.or(pax.link).or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let owner = |pax: Option<u64>, plain| {
            let id = pax.map_or_else(|| field(header, plain), Ok)?;
            // The last number means "leave as it is" to the kernel.
            u32::try_from(id).ok().filter(|&id| id != u32::MAX).ok_or_else(|| malformed("an owner that is none"))
        };
        let device =
            |plain| u32::try_from(field(header, plain)?).map_err(|_| malformed("a device number that is none"));
        let is_device = matches!(kind, EntryKind::CharDevice | EntryKind::BlockDevice);
        Ok(Some(Entry {
            link: link.unwrap_or_default(),
            mode: u32::try_from(field(header, MODE)? & 0o7777).unwrap_or_default(),
            uid: owner(pax.uid, UID)?,
            gid: owner(pax.gid, GID)?,
            mtime: match pax.mtime {
                Some(time) => time,
                None => (field(header, MTIME)?.cast_signed(), 0),
            },
            // Only files have data, whatever else the header says (as GNU tar and Go read it).
            size: if kind == EntryKind::File { pax.size.unwrap_or(size) } else { 0 },
            device: if is_device { (device(MAJOR)?, device(MINOR)?) } else { (0, 0) },
            xattrs: pax.xattrs,
            path,
            kind,
        }))
    }
}

fn malformed(what: &str) -> UnpackError {
    UnpackError::Archive(format!("the archive holds {what}"))
}

/// A number of a header: octal, where nothing at all is 0, or binary (GNU, two's complement of the whole field).
fn field(header: &tar::Header, range: Range<usize>) -> Result<u64, UnpackError> {
    let bad = || malformed("a number that is none");
    let bytes = &header.as_bytes()[range];
    let first = bytes[0];
    if first & 0x80 != 0 {
        // The first bit is the mark, the second the sign.
        let sign = if first & 0x40 != 0 { 0xff } else { 0 };
        let (high, low) = bytes.split_at(bytes.len() - 8);
        let high_is_sign =
            high.iter().enumerate().all(|(at, &b)| if at == 0 { b | 0x80 == sign | 0x80 } else { b == sign });
        let mut value = low.iter().fold(0_u64, |value, &b| value << 8 | u64::from(b));
        if high.is_empty() {
            // Eight bytes in all: mark and value share the first.
            value = if sign == 0 { value & (u64::MAX >> 1) } else { value };
        }
        return if high_is_sign { Ok(value) } else { Err(bad()) };
    }
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default().trim_ascii();
    let digits = text.iter().all(|b| (b'0'..=b'7').contains(b));
    let text = std::str::from_utf8(text).ok().filter(|_| digits).ok_or_else(bad)?;
    if text.is_empty() { Ok(0) } else { u64::from_str_radix(text, 8).map_err(|_| bad()) }
}

fn number(text: &[u8]) -> Result<u64, UnpackError> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits);
    text.and_then(|t| t.parse().ok()).ok_or_else(|| malformed("a PAX number that is none"))
}

/// `[-]seconds[.fraction]`.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (negative, seconds) = match seconds.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, seconds),
    };
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let nanos: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    match (negative, nanos) {
        (false, _) => Some((seconds, nanos)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanos)),
    }
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|&b| b == 0) {
        bytes.truncate(end);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read as _;

    #[test]
    fn pax_times_keep_their_nanoseconds_on_both_sides_of_the_epoch() {
        assert_eq!(time(b"12.5"), Some((12, 500_000_000)));
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"7"), Some((7, 0)));
        assert_eq!(time(b"1.1234567891"), Some((1, 123_456_789)));
        for text in [&b""[..], b".", b"-", b"1.x", b"1e3"] {
            assert_eq!(time(text), None);
        }
    }

    #[test]
    fn header_numbers_are_octal_or_binary_or_nothing() {
        let with = |range: Range<usize>, bytes: &[u8]| {
            let mut header = tar::Header::new_old();
            header.as_mut_bytes()[range.start..range.start + bytes.len()].copy_from_slice(bytes);
            field(&header, range).ok()
        };
        assert_eq!(with(SIZE, b"00000000644\0"), Some(0o644));
        assert_eq!(with(SIZE, b"   644 "), Some(0o644));
        assert_eq!(with(SIZE, b""), Some(0));
        assert_eq!(with(SIZE, &[0x80, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]), Some(16 << 30));
        assert_eq!(with(UID, &[0x80, 0, 0, 0, 0, 0x1e, 0x84, 0x80]), Some(2_000_000));
        assert_eq!(with(MTIME, &[0xff; 12]).map(u64::cast_signed), Some(-1));
        assert_eq!(with(SIZE, b"8"), None);
        assert_eq!(with(SIZE, b"-1"), None);
        assert_eq!(with(SIZE, &[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn a_long_name_is_refused_before_it_is_read() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(10 << 30);
        header.set_cksum();
        let archive = std::io::BufReader::new(header.as_bytes().chain(std::io::repeat(b'a')));
        assert!(matches!(Entries::new(archive).next(), Err(UnpackError::Archive(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), fix: bool) {
            if fix && bytes.len() >= 512 {
                let mut header = tar::Header::new_old();
                header.as_mut_bytes().copy_from_slice(&bytes[..512]);
                header.set_cksum();
                bytes[..512].copy_from_slice(header.as_bytes());
            }
            let mut entries = Entries::new(&bytes[..]);
            while let Ok(Some(_)) = entries.next() {}
        }

        #[test]
        fn any_pax_records_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Pax::read(&bytes));
        }
    }
}
