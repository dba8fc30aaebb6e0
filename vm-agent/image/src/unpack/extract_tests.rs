use super::*;
use std::{fs, path::Path};

fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.set_mtime(1_700_000_000);
        let data = if *kind == tar::EntryType::Regular { text.as_bytes() } else { b"" };
        if *kind != tar::EntryType::Regular {
            header.as_mut_bytes()[157..157 + text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_size(data.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out
}

fn put(root: &Path, how: &Extraction, entries: &[(&str, tar::EntryType, &str)]) -> Result<(), String> {
    extract(&Root::open(root).unwrap(), &archive(entries)[..], how).map_err(|e| e.to_string())
}

const FILE: tar::EntryType = tar::EntryType::Regular;
const DIR: tar::EntryType = tar::EntryType::Directory;
const LINK: tar::EntryType = tar::EntryType::Symlink;

#[test]
fn what_is_there_is_merged_or_replaced() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("into/d/kept")).unwrap();
    fs::write(root.path().join("into/old"), "old").unwrap();
    let how = Extraction { into: b"into".to_vec(), ..Extraction::default() };
    put(
        root.path(),
        &how,
        &[("./", DIR, ""), ("d/", DIR, ""), ("d/f", FILE, "f"), ("old", FILE, "new"), ("a/b/c", FILE, "c")],
    )
    .unwrap();
    let into = root.path().join("into");
    assert!(into.join("d/kept").is_dir() && into.join("d/f").is_file());
    assert_eq!(fs::read_to_string(into.join("old")).unwrap(), "new");
    assert_eq!(fs::read_to_string(into.join("a/b/c")).unwrap(), "c");
    assert_eq!(std::os::unix::fs::MetadataExt::mtime(&into.join("d").metadata().unwrap()), 1_700_000_000);
}

#[test]
fn kinds_are_kept_when_asked() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("d")).unwrap();
    fs::write(root.path().join("f"), "").unwrap();
    let keep = Extraction { keep_kinds: true, ..Extraction::default() };
    assert!(put(root.path(), &keep, &[("d", FILE, "")]).unwrap_err().starts_with("cannot overwrite directory \"//d\""));
    assert!(put(root.path(), &keep, &[("f/", DIR, "")]).unwrap_err().starts_with("cannot overwrite non-directory"));
    put(root.path(), &Extraction::default(), &[("d", FILE, "x"), ("f/", DIR, "")]).unwrap();
    assert!(root.path().join("d").is_file() && root.path().join("f").is_dir());
}

#[test]
fn nothing_leaves_the_root() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    fs::create_dir_all(root.join("into")).unwrap();
    fs::create_dir(outer.path().join("secret")).unwrap();
    let how = Extraction { into: b"into".to_vec(), ..Extraction::default() };
    let secret = outer.path().join("secret");
    assert!(put(&root, &how, &[("../x", FILE, "")]).unwrap_err().contains("leads out"));
    for target in [secret.to_str().unwrap(), "../../secret"] {
        let entries = [("link", LINK, target), ("link/x", FILE, "")];
        drop(put(&root, &how, &entries));
        assert_eq!(fs::read_dir(&secret).unwrap().count(), 0);
    }
    // Inside, a link of the container leads where it leads in the container.
    fs::create_dir(root.join("etc")).unwrap();
    put(&root, &how, &[("etc", LINK, "/etc"), ("etc/x", FILE, "x")]).unwrap();
    assert_eq!(fs::read_to_string(root.join("etc/x")).unwrap(), "x");
}

#[test]
fn the_kernels_view_is_not_written() {
    let proc = Root::open(Path::new("/proc")).unwrap().dir("").unwrap();
    assert!(is_kernels(&proc).unwrap());
    let error =
        put(Path::new("/"), &Extraction { into: b"/proc".to_vec(), ..Extraction::default() }, &[("x", FILE, "")]);
    assert!(error.unwrap_err().contains("not permitted"));
}
