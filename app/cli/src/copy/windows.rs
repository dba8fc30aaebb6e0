//! What is special about files on Windows.

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, OpenOptions, Permissions};
use std::{
    ffi::{OsStr, OsString},
    fs::Metadata,
    io,
    path::Path,
};

/// Names that are devices wherever they stand (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// A name as it stands in an archive; `None` when a file here cannot have it, or would be another one.
pub(super) fn name(bytes: &[u8]) -> Option<OsString> {
    let name = std::str::from_utf8(bytes).ok()?;
    let plain = |c: char| c >= ' ' && !"<>:\"/\\|?*".contains(c);
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = |kind| stem.strip_prefix(kind).is_some_and(|rest: &str| rest.chars().count() == 1);
    let device = DEVICES.contains(&stem.as_str()) || numbered("COM") || numbered("LPT");
    (name.chars().all(plain) && !name.ends_with(['.', ' ']) && !device).then(|| name.into())
}

/// Symbolic links need a privilege, or the developer mode.
pub(super) const LINKS_MAY_BE_FORBIDDEN: bool = true;

/// Makes a symbolic link, where it leads to something inside the copy.
pub(super) fn make_link(dir: &Dir, target: &[u8], name: &OsStr) -> io::Result<()> {
    let target = std::str::from_utf8(target).map_err(|_| io::Error::from(io::ErrorKind::InvalidFilename))?;
    DirExt::symlink(dir, Path::new(target), Path::new(name))
}

/// A new file is whose the folder is.
pub(super) fn shut(_: &mut OpenOptions) {}

/// Files here have no mode.
pub(super) fn permissions(_: u32) -> Option<Permissions> {
    None
}

/// Names of one file are copied as files.
pub(super) fn shared(_: &Metadata) -> Option<(u64, u64)> {
    None
}

pub(super) fn is_device(_: &Metadata) -> bool {
    false
}

/// As docker's: everything may be executed, since nothing here says what may not.
pub(super) fn mode(_: &Metadata) -> u32 {
    0o755
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_be_another_file_is_none() {
        for bad in ["a:b", "CON", "con.txt", "nul", "COM1", "lpt9.x", "dot.", "space ", "a\\b", "a*", "tab\t"] {
            assert_eq!(name(bad.as_bytes()), None, "{bad}");
        }
        for good in ["a", "ü.txt", ".env", "console", "COM", "COM10"] {
            assert_eq!(name(good.as_bytes()), Some(good.into()), "{good}");
        }
    }
}
