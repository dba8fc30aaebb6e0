//! Layers that were damaged on their way, and layers of entries that want out of their place.

use super::*;
use proptest::{collection::vec, prelude::*};
use std::fs;
use tar::{EntryType, Header};

const KINDS: [EntryType; 6] =
    [EntryType::Regular, EntryType::Directory, EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo];

/// Paths of parts that meet, and that mean something.
fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[ab]",
        1 => Just("..".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just(String::new()),
        1 => "\\.wh\\.[ab]",
        1 => Just(".wh..wh..opq".to_owned()),
        1 => Just("canary".to_owned()),
        1 => "[ -~]{0,8}",
    ];
    vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

type Made = (usize, String, String, Vec<u8>);

fn entries() -> impl Strategy<Value = Vec<Made>> {
    vec((0..KINDS.len(), path(), path(), vec(any::<u8>(), 0..40)), 0..12)
}

/// An archive without any check on its names.
fn archive(entries: &[Made]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, path, link, data) in entries {
        let mut header = Header::new_gnu();
        let data = if KINDS[*kind] == EntryType::Regular { &data[..] } else { &[] };
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(KINDS[*kind]);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(data.len() as u64);
        header.set_device_major(0).unwrap();
        header.set_device_minor(0).unwrap();
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Unpacks it beside a canary.
fn stays_inside(archive: &[u8]) -> Result<(), TestCaseError> {
    let outer = tempfile::tempdir().unwrap();
    let (layer, canary) = (outer.path().join("layer"), outer.path().join("canary"));
    fs::create_dir(&layer).unwrap();
    fs::write(&canary, "alive").unwrap();
    if let Err(error) = unpack(archive, &layer) {
        prop_assert!(!error.to_string().trim().is_empty());
    }
    let mut names: Vec<_> = fs::read_dir(outer.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    prop_assert_eq!(names, ["canary", "layer"]);
    prop_assert_eq!(fs::read(&canary).unwrap(), b"alive");
    Ok(())
}

fn good() -> Vec<u8> {
    let entry = |kind, path: &str, link: &str, data: &[u8]| (kind, path.to_owned(), link.to_owned(), data.to_vec());
    archive(&[
        entry(1, "a/", "", b""),
        entry(0, "a/file", "", b"content"),
        entry(2, "a/link", "../canary", b""),
        entry(3, "a/other", "a/file", b""),
        entry(0, "a/.wh.gone", "", b""),
        entry(0, "b", "", &[7; 600]),
    ])
}

proptest! {
    #[test]
    fn a_damaged_layer_stays_in_its_place(archive in berth_fuzz::damaged(good())) {
        stays_inside(&archive)?;
    }

    #[test]
    fn no_entry_leads_out(entries in entries()) {
        stays_inside(&archive(&entries))?;
    }
}
