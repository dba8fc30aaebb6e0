//! The beginning of a disk, read as ext4 writes it (kernel: Documentation/filesystems/ext4/super.rst). The bytes are the
//! disk's, not ours: nothing in them is believed without a check.

/// The first block, which holds the superblock, bytes.
pub(super) const BLOCK: usize = 4096;
/// What the first block begins with, the rest of it being zero, while a filesystem is being made.
pub(super) const MARK: &[u8; 32] = b"berth makes a filesystem here\0\0\0";
/// How much of the beginning is looked at when the superblock is zero, bytes: a disk that is zero this far was never used.
pub(super) const HEAD_LEN: usize = 1 << 20;
/// The label of Berth's filesystem.
pub(super) const LABEL: &str = "berth-data";
/// Where the superblock begins.
const OFFSET: usize = 1024;
const MAGIC: u16 = 0xef53;
/// `s_state`: errors were seen.
const ERROR_FS: u16 = 2;
/// `s_feature_incompat`: block numbers have 64 bits.
const INCOMPAT_64BIT: u32 = 0x80;

/// What a disk begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Zeros.
    Blank,
    /// An ext4 filesystem.
    Ext4(Filesystem),
    /// The mark that a filesystem was being made.
    Unfinished,
    /// Anything else.
    Other,
}

/// What the superblock says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filesystem {
    /// Size of the filesystem, bytes.
    pub(super) bytes: u64,
    /// Size of a block, bytes.
    pub(super) block_size: u64,
    /// The volume's name.
    pub(super) label: String,
    /// It carries the mark of an error.
    pub(super) has_errors: bool,
}

/// What `head` is the beginning of.
pub(super) fn read(head: &[u8]) -> Content {
    if head.iter().all(|byte| *byte == 0) {
        return Content::Blank;
    }
    let unfinished = |head: &[u8]| head.starts_with(MARK) && head[MARK.len()..].iter().all(|byte| *byte == 0);
    if head.get(..BLOCK).is_some_and(unfinished) {
        return Content::Unfinished;
    }
    head.get(OFFSET..).and_then(parse).map_or(Content::Other, Content::Ext4)
}

/// Whether a copy of a superblock stands at the start of `block`.
pub(super) fn is_copy(block: &[u8]) -> bool {
    parse(block).is_some()
}

fn parse(at: &[u8]) -> Option<Filesystem> {
    if half(at, 0x38)? != MAGIC {
        return None;
    }
    // Blocks of 1 KiB to 64 KiB.
    let log = word(at, 0x18)?;
    if log > 6 {
        return None;
    }
    let block_size = 1024_u64 << log;
    let high = if word(at, 0x60)? & INCOMPAT_64BIT != 0 { word(at, 0x150)? } else { 0 };
    let blocks = u64::from(high) << 32 | u64::from(word(at, 0x4)?);
    let label = at.get(0x78..0x88)?;
    let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Filesystem {
        bytes: blocks.checked_mul(block_size)?,
        block_size,
        label: String::from_utf8_lossy(label).into_owned(),
        has_errors: half(at, 0x3a)? & ERROR_FS != 0,
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(blocks: u64, log: u32) -> Vec<u8> {
        let mut head = vec![0; 8192];
        let put = |head: &mut Vec<u8>, at: usize, bytes: &[u8]| {
            head[OFFSET + at..OFFSET + at + bytes.len()].copy_from_slice(bytes);
        };
        put(&mut head, 0x4, &(blocks as u32).to_le_bytes());
        put(&mut head, 0x150, &((blocks >> 32) as u32).to_le_bytes());
        put(&mut head, 0x18, &log.to_le_bytes());
        put(&mut head, 0x38, &MAGIC.to_le_bytes());
        put(&mut head, 0x60, &INCOMPAT_64BIT.to_le_bytes());
        put(&mut head, 0x78, LABEL.as_bytes());
        head
    }

    #[test]
    fn size_and_label_are_read_beyond_32_bits() {
        let Content::Ext4(fs) = read(&head(0x1_0000_0001, 2)) else { panic!("not recognised") };
        assert_eq!((fs.bytes, fs.block_size, fs.label.as_str()), (0x1_0000_0001 * 4096, 4096, LABEL));
        assert!(!fs.has_errors);
    }

    #[test]
    fn zeros_are_blank_and_one_byte_anywhere_is_not() {
        let mut head = vec![0; HEAD_LEN];
        assert_eq!(read(&head), Content::Blank);
        head[HEAD_LEN - 1] = 1;
        assert_eq!(read(&head), Content::Other);
    }

    #[test]
    fn numbers_that_cannot_be_are_no_filesystem() {
        assert_eq!(read(&head(u64::MAX, 6)), Content::Other);
        assert_eq!(read(&head(1, u32::MAX)), Content::Other);
        assert_eq!(read(&head(1, 2)[..OFFSET + 0x40]), Content::Other);
    }
}
