//! The `newc` archive the kernel unpacks as its first root (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! Entries are sorted and carry no time, no owner but root and no inode of a real filesystem: the same files give the
//! same bytes.

use std::collections::BTreeMap;

/// File type bits of a mode (POSIX, `<sys/stat.h>`).
const S_IFREG: u32 = 0o100_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFCHR: u32 = 0o020_000;
/// The name that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// Why an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// A size does not fit the format's eight hex digits.
    #[error("/{0} is over 4 GiB, which the archive cannot hold")]
    TooLarge(String),
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A folder with its permission bits.
    Folder(u32),
    /// A file with its permission bits.
    File(u32, Vec<u8>),
    /// A symbolic link.
    Link(String),
    /// A character device: permission bits, major and minor number.
    Device(u32, u32, u32),
}

/// An archive in the making. Folders above an entry come by themselves.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// Puts `entry` at `path` (without leading slash).
    pub(crate) fn put(&mut self, path: &str, entry: Entry) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Folder(0o755));
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes. A folder sorts before what is in it, so the kernel can unpack in one pass.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CpioError> {
        let mut out = Vec::new();
        for (inode, (path, entry)) in (1_u32..).zip(&self.entries) {
            let (mode, device, data): (u32, (u32, u32), &[u8]) = match entry {
                Entry::Folder(mode) => (S_IFDIR | mode, (0, 0), &[]),
                Entry::File(mode, bytes) => (S_IFREG | mode, (0, 0), bytes),
                Entry::Link(target) => (S_IFLNK | 0o777, (0, 0), target.as_bytes()),
                Entry::Device(mode, major, minor) => (S_IFCHR | mode, (*major, *minor), &[]),
            };
            append(&mut out, inode, mode, device, path, data)?;
        }
        append(&mut out, 0, 0, (0, 0), TRAILER, &[])?;
        Ok(out)
    }
}

fn append(
    out: &mut Vec<u8>,
    inode: u32,
    mode: u32,
    device: (u32, u32),
    path: &str,
    data: &[u8],
) -> Result<(), CpioError> {
    let too_large = || CpioError::TooLarge(path.into());
    let size = u32::try_from(data.len()).map_err(|_| too_large())?;
    let name = u32::try_from(path.len() + 1).map_err(|_| too_large())?;
    let links = if mode & S_IFDIR != 0 { 2 } else { 1 };
    // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    let fields = [inode, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name, 0];
    out.extend_from_slice(b"070701");
    for field in fields {
        out.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(data);
    pad(out);
    Ok(())
}

/// Header and data each begin at a multiple of four.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Archive {
        let mut archive = Archive::default();
        archive.put("usr/bin/hello", Entry::File(0o755, b"hello".to_vec()));
        archive.put("bin", Entry::Link("usr/bin".into()));
        archive.put("dev/console", Entry::Device(0o600, 5, 1));
        archive
    }

    #[test]
    fn another_reader_finds_the_same_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.cpio"), sample().to_bytes().unwrap()).unwrap();
        let Ok(out) =
            std::process::Command::new("cpio").args(["-tv", "--quiet", "-F"]).arg(dir.path().join("a.cpio")).output()
        else {
            return;
        };
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        for part in ["bin -> usr/bin", "usr/bin/hello", "dev/console", "drwxr-xr-x", "5,   1"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn folders_come_before_their_files_and_the_order_of_putting_is_not_seen() {
        let bytes = sample().to_bytes().unwrap();
        let mut other = Archive::default();
        other.put("dev/console", Entry::Device(0o600, 5, 1));
        other.put("bin", Entry::Link("usr/bin".into()));
        other.put("usr/bin/hello", Entry::File(0o755, b"hello".to_vec()));
        assert_eq!(bytes, other.to_bytes().unwrap());
        let at = |name: &str| {
            // The field before a name is the unused checksum.
            let name = format!("00000000{name}\0");
            bytes.windows(name.len()).position(|w| w == name.as_bytes()).unwrap()
        };
        assert!(at("usr") < at("usr/bin") && at("usr/bin") < at("usr/bin/hello"));
        assert_eq!(bytes.len() % 4, 0);
    }
}
