//! Mount options as in fstab and the OCI runtime specification, sorted by what they act on.

use std::ffi::CString;

use crate::{
    failure::{Context, Failure},
    kernel::mount::{Attributes, READ_ONLY, Reach},
};

// linux/mount.h
const RDONLY: u64 = READ_ONLY;
pub(super) const NOSUID: u64 = 0x2;
const NODEV: u64 = 0x4;
pub(super) const NOEXEC: u64 = 0x8;
const ATIME: u64 = 0x70;
const NOATIME: u64 = 0x10;
const STRICTATIME: u64 = 0x20;
const NODIRATIME: u64 = 0x80;
const NOSYMFOLLOW: u64 = 0x20_0000;

/// The attributes of a mount that only hides something.
pub(super) const INERT: u64 = RDONLY | NOSUID | NODEV | NOEXEC;

/// Options of one mount.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Options {
    /// A bind mount, and whether it brings the mounts below its source along.
    pub(super) bind: Option<Reach>,
    /// Ids are mapped, of the mount alone or of everything below it too.
    pub(super) id_mapped: Option<Reach>,
    /// For the mount itself.
    pub(super) attributes: Attributes,
    /// For the mount and everything below it (`rro` and the like).
    pub(super) recursive: Attributes,
    /// Propagation types in the order given.
    pub(super) propagation: Vec<(u64, Reach)>,
    /// What the file system itself understands: `size=64k`, `newinstance`.
    pub(super) data: Vec<(CString, Option<CString>)>,
    /// `tmpcopyup`: a tmpfs begins with what the image has at its place.
    pub(super) copy_up: bool,
}

impl Options {
    /// Sorts `options`.
    ///
    /// # Errors
    /// An option with a nul byte.
    pub(super) fn parse(options: &[String]) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        for option in options {
            parsed.take(option)?;
        }
        Ok(parsed)
    }

    fn take(&mut self, option: &str) -> Result<(), Failure> {
        if let Some(change) = attribute(option) {
            merge(&mut self.attributes, change);
        } else if let Some(change) = option.strip_prefix('r').and_then(attribute) {
            merge(&mut self.recursive, change);
        } else if let Some(propagation) = propagation(option) {
            self.propagation.push(propagation);
        } else {
            match option {
                "bind" => self.bind = Some(Reach::Mount),
                "rbind" => self.bind = Some(Reach::Tree),
                "tmpcopyup" => self.copy_up = true,
                "" | "defaults" | "async" | "loud" | "nomand" => {}
                "idmap" => self.id_mapped = Some(Reach::Mount),
                "ridmap" => self.id_mapped = Some(Reach::Tree),
                _ => self.data.push(datum(option)?),
            }
        }
        Ok(())
    }

    /// Whether mounts below are to reach the host, and the host's the container.
    pub(super) fn is_shared(&self) -> bool {
        self.propagation.iter().any(|(flag, _)| *flag == libc::MS_SHARED)
    }

    /// Whether the file system got the option `key=...`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.data.iter().any(|(name, _)| name.as_bytes() == key.as_bytes())
    }
}

fn datum(option: &str) -> Result<(CString, Option<CString>), Failure> {
    let text = |text: &str| CString::new(text).context("mount option");
    match option.split_once('=') {
        Some((key, value)) => Ok((text(key)?, Some(text(value)?))),
        None => Ok((text(option)?, None)),
    }
}

/// A later option overrides an earlier one about the same attribute.
fn merge(into: &mut Attributes, change: Attributes) {
    into.set = (into.set & !change.clear) | change.set;
    into.clear = (into.clear & !change.set) | change.clear;
}

fn attribute(option: &str) -> Option<Attributes> {
    let set = |bit| Some(Attributes::setting(bit));
    let clear = |bit| Some(Attributes { clear: bit, ..Attributes::default() });
    // The three access-time modes share bits: mount_setattr(2) wants all of them cleared before one is set.
    let access_time = |mode| Some(Attributes { set: mode, clear: ATIME, ..Attributes::default() });
    match option {
        "ro" => set(RDONLY),
        "rw" => clear(RDONLY),
        "nosuid" => set(NOSUID),
        "suid" => clear(NOSUID),
        "nodev" => set(NODEV),
        "dev" => clear(NODEV),
        "noexec" => set(NOEXEC),
        "exec" => clear(NOEXEC),
        "nodiratime" => set(NODIRATIME),
        "diratime" => clear(NODIRATIME),
        "nosymfollow" => set(NOSYMFOLLOW),
        "symfollow" => clear(NOSYMFOLLOW),
        "noatime" => access_time(NOATIME),
        "strictatime" | "norelatime" => access_time(STRICTATIME),
        // The kernel's default is relatime.
        "atime" | "relatime" | "nostrictatime" => access_time(0),
        _ => None,
    }
}

/// The flag and reach of a propagation type (`linux.rootfsPropagation` uses the same words).
pub(super) fn propagation(option: &str) -> Option<(u64, Reach)> {
    let (name, reach) = match option.strip_prefix('r') {
        Some(name) => (name, Reach::Tree),
        None => (option, Reach::Mount),
    };
    let flag = match name {
        "shared" => libc::MS_SHARED,
        "private" => libc::MS_PRIVATE,
        "slave" => libc::MS_SLAVE,
        "unbindable" => libc::MS_UNBINDABLE,
        _ => return None,
    };
    Some((flag, reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> Options {
        Options::parse(&options.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_options_of_the_default_mounts() {
        let shm = parse(&["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]);
        assert_eq!(shm.attributes, Attributes::setting(NOSUID | NOEXEC | NODEV));
        assert_eq!(shm.data[1], (c"size".into(), Some(c"65536k".into())));
        assert!(shm.has("mode") && !shm.has("mod"));
        assert_eq!(parse(&["newinstance", "ptmxmode=0666"]).data[0], (c"newinstance".into(), None));
    }

    #[test]
    fn a_bind_with_its_propagation_and_read_only_forms() {
        let bind = parse(&["rbind", "rprivate", "ro", "rro"]);
        assert_eq!(bind.bind, Some(Reach::Tree));
        assert_eq!(bind.propagation, [(libc::MS_PRIVATE, Reach::Tree)]);
        assert_eq!((bind.attributes.set, bind.recursive.set), (RDONLY, RDONLY));
        assert_eq!(parse(&["relatime", "rrelatime"]).recursive.clear, ATIME);
    }

    #[test]
    fn the_last_word_on_an_attribute_counts() {
        assert_eq!(parse(&["ro", "rw"]).attributes, Attributes { clear: RDONLY, ..Attributes::default() });
        assert_eq!(parse(&["rw", "ro"]).attributes, Attributes::setting(RDONLY));
        let atime = parse(&["noatime", "strictatime"]).attributes;
        assert_eq!((atime.set, atime.clear), (STRICTATIME, ATIME));
    }
}
