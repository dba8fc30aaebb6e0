//! Archives of a hostile vocabulary, and good ones that were damaged. Whatever comes of them, nothing outside of the layer
//! is touched; and where GNU tar takes a tame one, its files are ours.

use super::{
    tests::{Place, Raw, archive, dir, file, hard_link, listing, raw, symlink},
    unpack,
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::{fs, process::Command};
use tar::EntryType;

const HOSTILE: [&str; 22] = [
    "a",
    "a/b",
    "a/b/c",
    "l",
    "l/x",
    "l/canary",
    "l/../x",
    "..",
    "../x",
    "../outside/canary",
    "/abs",
    "/../outside/canary",
    "a/../../outside/canary",
    "./",
    "./a/./b",
    "a//b",
    ".wh.a",
    "l/.wh.canary",
    "a/.wh..wh..opq",
    "../outside/.wh.canary",
    ".wh..",
    ".wh..wh.aufs",
];
const TARGETS: [&str; 10] =
    ["a", "b", ".", "..", "../outside", "../outside/canary", "/", "/outside/canary", "l", "/proc/self/root"];
const TAME: [&str; 9] = ["a", "a/b", "a/b/c", "d", "d/e", "./d/f", "g", "h", "i/j"];

fn kind() -> impl Strategy<Value = u8> {
    0_u8..8
}

fn entry(name: &'static str, kind: u8, target: &'static str, mode: u32, text: &str) -> Raw {
    let entry = match kind {
        0 | 1 => file(name, text),
        2 => dir(name),
        3 => symlink(name, target),
        4 => hard_link(name, target),
        5 => {
            let mut device = raw(name, EntryType::Char);
            device.header.set_device_major(1).unwrap();
            device.header.set_device_minor(3).unwrap();
            device
        }
        6 => raw(name, EntryType::Fifo),
        // The header says one name and PAX another.
        _ => file("honest", text).pax("path", name.as_bytes()),
    };
    entry.mode(mode)
}

fn hostile() -> impl Strategy<Value = Vec<Raw>> {
    let one = (select(&HOSTILE[..]), kind(), select(&TARGETS[..]), 0_u32..0o10000, "[a-z]{0,600}", any::<u8>());
    vec(one, 1..14).prop_map(|entries| {
        let raw = |(name, kind, target, mode, text, more): (&'static str, u8, &'static str, u32, String, u8)| {
            let entry = entry(name, kind, target, mode, &text);
            match more % 6 {
                0 => entry.pax("SCHILY.xattr.trusted.overlay.redirect", b"/outside"),
                1 => entry.pax("SCHILY.xattr.user.note", text.as_bytes()),
                2 => entry.pax("size", b"7"),
                3 => entry.owner(u64::from(more) * 1000, 7),
                _ => entry,
            }
        };
        entries.into_iter().map(raw).collect()
    })
}

fn tame() -> impl Strategy<Value = Vec<Raw>> {
    let one = (select(&TAME[..]), select(&[0_u8, 0, 2, 2, 3, 4, 6][..]), select(&["a", "d", "g"][..]), "[a-z]{0,600}");
    vec(one, 1..10).prop_map(|entries| {
        entries.into_iter().map(|(name, kind, target, text)| entry(name, kind, target, 0o644 | 0o111, &text)).collect()
    })
}

proptest! {
    #[test]
    fn a_hostile_archive_touches_nothing_outside(entries in hostile()) {
        // It looks at what is outside, and panics.
        drop(Place::new().unpack(&entries));
    }

    #[test]
    fn a_damaged_archive_is_unpacked_or_refused(
        bytes in berth_fuzz::damaged(archive(&[
            dir("d").pax("SCHILY.xattr.user.note", b"x"), file("d/f", "text"), symlink("l", "d"), hard_link("h", "d/f"),
            file(&"long/".repeat(30), ""), file("d/.wh.gone", ""),
        ])),
        mend: bool,
    ) {
        let mut bytes = bytes;
        if mend {
            // So that more than the checksum is looked at.
            for header in bytes.chunks_exact_mut(512) {
                let mut fixed = tar::Header::new_old();
                fixed.as_mut_bytes().copy_from_slice(header);
                fixed.set_cksum();
                header.copy_from_slice(fixed.as_bytes());
            }
        }
        let place = Place::new();
        drop(unpack(&bytes[..], &place.root()));
        place.is_untouched_outside();
    }

    #[test]
    fn a_tame_archive_comes_out_as_gnu_tar_has_it(entries in tame()) {
        let (ours, theirs) = (Place::new(), Place::new());
        let unpacked = unpack(&archive(&entries)[..], &ours.root());
        let input = ours.outer.path().join("archive.tar");
        fs::write(&input, archive(&entries)).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--numeric-owner", "--preserve-permissions", "--file"]).arg(&input);
        let tar = tar.arg("--directory").arg(theirs.root()).output().unwrap();
        // What the one or the other refuses, such as a directory that is full where a file is to be, is no matter here.
        if let (Ok(unpacked), true) = (unpacked, tar.status.success()) {
            let all = |lines: Vec<String>| -> Vec<String> {
                // Directories that no entry describes have no time of their own, and tar changes that of others when it
                // comes back to them.
                let is_dir = |line: &String| line.split("\" ").nth(1).is_some_and(|rest| rest.starts_with("4"));
                let described = |line: &String| {
                    !unpacked.implicit.iter().any(|path| line.starts_with(&format!("{:?} ", String::from_utf8_lossy(path))))
                };
                let timeless = |line: String| match is_dir(&line) {
                    true => line.splitn(4, ' ').take(3).collect::<Vec<_>>().join(" "),
                    false => line,
                };
                lines.into_iter().filter(described).filter(|line| !line.starts_with("\"\" ")).map(timeless).collect()
            };
            prop_assert_eq!(all(listing(&ours.root())), all(listing(&theirs.root())));
        }
    }
}
