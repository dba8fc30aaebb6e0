//! Archives the kernel unpacks as initramfs: the `newc` format of cpio (kernel: `Documentation/driver-api/early-userspace/buffer-format.rst`).

const MAGIC: &str = "070701";
const TRAILER: &str = "TRAILER!!!";
const FILE: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;

/// The kernel wants archives and the parts of an entry to begin at multiples of this, bytes.
pub const ALIGN: usize = 4;

/// An archive being written. Owner is root and times are zero, so that the same entries give the same bytes.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a directory. Its parent must have been added before or exist where the archive is unpacked.
    #[must_use]
    pub fn directory(mut self, path: &str, mode: u32) -> Self {
        self.entry(path, DIRECTORY | (mode & 0o7777), 2, &[]);
        self
    }

    /// Adds a file.
    ///
    /// # Panics
    /// When `contents` is 4 GiB or more, which the format cannot say.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, contents: &[u8]) -> Self {
        self.entry(path, FILE | (mode & 0o7777), 1, contents);
        self
    }

    /// The finished archive, padded so that another may follow.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.entries = 0;
        self.entry(TRAILER, 0, 1, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, links: u32, contents: &[u8]) {
        let name = path.trim_start_matches('/');
        self.entries += u32::from(mode != 0);
        let size = u32::try_from(contents.len()).expect("a file in an initramfs is below 4 GiB");
        let name_size = u32::try_from(name.len() + 1).expect("a path is short");
        self.bytes.extend_from_slice(MAGIC.as_bytes());
        // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
        for field in [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0] {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
    }
}

/// An archive with one file that only its owner may read, such as `boot.json`.
///
/// # Panics
/// When `contents` is 4 GiB or more.
#[must_use]
pub fn one_file(path: &str, contents: &[u8]) -> Vec<u8> {
    Archive::default().file(path, 0o600, contents).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(bytes: &[u8], index: usize) -> usize {
        let at = 6 + 8 * index;
        usize::from_str_radix(std::str::from_utf8(&bytes[at..at + 8]).unwrap(), 16).unwrap()
    }

    /// Reads an archive as the kernel does: name, mode, contents.
    fn unpack(mut bytes: &[u8]) -> Vec<(String, usize, Vec<u8>)> {
        let mut found = vec![];
        loop {
            assert_eq!(&bytes[..6], MAGIC.as_bytes());
            let (mode, size, name_size) = (field(bytes, 1), field(bytes, 6), field(bytes, 11));
            let name = std::str::from_utf8(&bytes[110..110 + name_size - 1]).unwrap().to_owned();
            let data = (110 + name_size).next_multiple_of(ALIGN);
            let contents = bytes[data..data + size].to_vec();
            bytes = &bytes[(data + size).next_multiple_of(ALIGN)..];
            if name == TRAILER {
                assert!(bytes.is_empty());
                return found;
            }
            found.push((name, mode, contents));
        }
    }

    #[test]
    fn what_was_put_in_comes_out_whatever_its_length() {
        for length in 0..9 {
            let contents = vec![b'x'; length];
            let bytes = Archive::default().directory("dev", 0o755).file("/boot.json", 0o600, &contents).finish();
            assert_eq!(bytes.len() % ALIGN, 0);
            assert_eq!(unpack(&bytes), [("dev".into(), 0o040_755, vec![]), ("boot.json".into(), 0o100_600, contents)]);
        }
    }
}
