use super::*;
use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};
use tar::{EntryType, Header};

/// A directory to unpack into, with a canary beside it that must stay as it is.
pub(super) struct Place {
    pub(super) outer: tempfile::TempDir,
}

/// An entry without any check on its names, as an attacker writes it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) header: Header,
    name: Vec<u8>,
    link: Vec<u8>,
    data: Vec<u8>,
    pax: Vec<(String, Vec<u8>)>,
}

pub(super) fn raw(name: &str, kind: EntryType) -> Raw {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_mtime(1_700_000_000);
    for set in [Header::set_uid, Header::set_gid] {
        set(&mut header, 0);
    }
    Raw { header, name: name.into(), link: vec![], data: vec![], pax: vec![] }
}

pub(super) fn file(name: &str, data: &str) -> Raw {
    Raw { data: data.into(), ..raw(name, EntryType::Regular) }
}

pub(super) fn dir(name: &str) -> Raw {
    raw(name, EntryType::Directory)
}

fn link(kind: EntryType, name: &str, target: &str) -> Raw {
    Raw { link: target.into(), ..raw(name, kind) }
}

pub(super) fn symlink(name: &str, target: &str) -> Raw {
    link(EntryType::Symlink, name, target)
}

pub(super) fn hard_link(name: &str, target: &str) -> Raw {
    link(EntryType::Link, name, target)
}

impl Raw {
    pub(super) fn pax(mut self, key: &str, value: &[u8]) -> Self {
        self.pax.push((key.into(), value.to_vec()));
        self
    }

    pub(super) fn mode(mut self, mode: u32) -> Self {
        self.header.set_mode(mode);
        self
    }

    pub(super) fn owner(mut self, uid: u64, gid: u64) -> Self {
        self.header.set_uid(uid);
        self.header.set_gid(gid);
        self
    }

    fn write(&self, out: &mut Vec<u8>) {
        if !self.pax.is_empty() {
            let mut records = Vec::new();
            for (key, value) in &self.pax {
                let bare = key.len() + value.len() + 3;
                let len = (1..20).find(|digits| (bare + digits).to_string().len() == *digits).unwrap() + bare;
                records.extend(format!("{len} {key}=").bytes().chain(value.iter().copied()).chain([b'\n']));
            }
            Self { data: records, pax: vec![], ..raw("pax", EntryType::XHeader) }.write(out);
        }
        for (kind, text) in [(EntryType::GNULongName, &self.name), (EntryType::GNULongLink, &self.link)] {
            if text.len() > 100 {
                Self { data: text.clone(), ..raw("long", kind) }.write(out);
            }
        }
        let mut header = self.header.clone();
        let fields = header.as_mut_bytes();
        for (at, text) in [(0, &self.name), (157, &self.link)] {
            let len = text.len().min(100);
            fields[at..at + len].copy_from_slice(&text[..len]);
        }
        header.set_size(self.data.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(&self.data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
}

pub(super) fn archive(entries: &[Raw]) -> Vec<u8> {
    let mut out = Vec::new();
    entries.iter().for_each(|entry| entry.write(&mut out));
    out.resize(out.len() + 1024, 0);
    out
}

impl Place {
    pub(super) fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir(outer.path().join("root")).unwrap();
        fs::create_dir(outer.path().join("outside")).unwrap();
        fs::write(outer.path().join("outside/canary"), "alive").unwrap();
        Self { outer }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.outer.path().join("root")
    }

    pub(super) fn unpack(&self, entries: &[Raw]) -> Result<Unpacked, UnpackError> {
        let result = unpack(&archive(entries)[..], &self.root());
        self.is_untouched_outside();
        result
    }

    pub(super) fn is_untouched_outside(&self) {
        let mut outside: Vec<_> = fs::read_dir(self.outer.path().join("outside")).unwrap().collect();
        assert_eq!(outside.len(), 1, "something was made outside");
        let canary = outside.pop().unwrap().unwrap().path();
        assert_eq!(fs::read(&canary).unwrap(), b"alive");
        let meta = canary.metadata().unwrap();
        assert_eq!((meta.nlink(), meta.permissions().mode() & 0o7777, meta.uid()), (1, 0o644, 0));
        assert_eq!(fs::read_dir(self.outer.path()).unwrap().count(), 2);
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    fn xattr(&self, path: &str, name: &str) -> Option<Vec<u8>> {
        let mut value = vec![0; 256];
        let len = rustix::fs::lgetxattr(self.root().join(path), name, &mut value[..]).ok()?;
        value.truncate(len);
        Some(value)
    }

    fn is_whiteout(&self, path: &str) -> bool {
        let meta = self.root().join(path).symlink_metadata().unwrap();
        meta.file_type().is_char_device() && meta.rdev() == 0
    }
}

fn unpacked(entries: &[Raw]) -> Place {
    let place = Place::new();
    place.unpack(entries).unwrap();
    place
}

fn refused(entries: &[Raw]) -> String {
    Place::new().unpack(entries).unwrap_err().to_string()
}

#[test]
fn attributes_are_those_of_the_archive() {
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let place = unpacked(&[
        dir("d").mode(0o1777).owner(5, 6),
        file("d/suid", "x").mode(0o4755).owner(1000, 2000).pax("SCHILY.xattr.security.capability", &capability),
        file("d/note", "y").pax("SCHILY.xattr.user.note", b"hello").pax("mtime", b"1600000000.25"),
        symlink("d/link", "suid").owner(7, 8),
        hard_link("d/hard", "d/suid"),
        file("big-owner", "").pax("uid", b"4000000").pax("gid", b"4000001"),
    ]);
    let meta = |path: &str| place.root().join(path).symlink_metadata().unwrap();
    let suid = meta("d/suid");
    assert_eq!((suid.permissions().mode() & 0o7777, suid.uid(), suid.gid(), suid.nlink()), (0o4755, 1000, 2000, 2));
    assert_eq!(suid.ino(), meta("d/hard").ino());
    assert_eq!(place.xattr("d/suid", "security.capability").as_deref(), Some(&capability[..]));
    assert_eq!(place.xattr("d/note", "user.note").as_deref(), Some(&b"hello"[..]));
    let note = meta("d/note");
    assert_eq!((note.mtime(), note.mtime_nsec()), (1_600_000_000, 250_000_000));
    let d = meta("d");
    assert_eq!((d.permissions().mode() & 0o7777, d.uid(), d.gid(), d.mtime()), (0o1777, 5, 6, 1_700_000_000));
    assert_eq!((meta("d/link").uid(), meta("d/link").mtime()), (7, 1_700_000_000));
    assert_eq!((meta("big-owner").uid(), meta("big-owner").gid()), (4_000_000, 4_000_001));
}

#[test]
fn devices_and_pipes_are_made() {
    let mut null = raw("null", EntryType::Char).mode(0o666);
    null.header.set_device_major(1).unwrap();
    null.header.set_device_minor(3).unwrap();
    let mut disk = raw("disk", EntryType::Block);
    disk.header.set_device_major(8).unwrap();
    disk.header.set_device_minor(1).unwrap();
    let place = unpacked(&[null, disk, raw("pipe", EntryType::Fifo)]);
    let meta = |path: &str| place.root().join(path).symlink_metadata().unwrap();
    assert_eq!((meta("null").rdev(), meta("null").permissions().mode() & 0o777), (rustix::fs::makedev(1, 3), 0o666));
    assert!(meta("disk").file_type().is_block_device());
    assert!(meta("pipe").file_type().is_fifo());
}

#[test]
fn long_names_come_whole_in_either_way() {
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(200));
    let place = unpacked(&[
        dir(&"d".repeat(150)),
        file(&long, "gnu"),
        file("short", "pax").pax("path", format!("{long}-pax").as_bytes()),
        symlink("link", &"t".repeat(300)),
    ]);
    assert_eq!(place.read(&long), "gnu");
    assert_eq!(place.read(&format!("{long}-pax")), "pax");
    assert_eq!(fs::read_link(place.root().join("link")).unwrap().as_os_str().len(), 300);
    assert!(!place.root().join("short").exists());
}

#[test]
fn whiteouts_become_what_overlayfs_knows() {
    let place = unpacked(&[
        dir("d"),
        file("d/.wh.gone", ""),
        file("d/.wh..wh.plnk", ""),
        dir("o"),
        file("o/.wh..wh..opq", ""),
        file("o/new", "n"),
        // Removed below and made anew here, in both orders.
        file(".wh.again", ""),
        dir("again"),
        dir("before"),
        file(".wh.before", ""),
        file(".wh.implied", ""),
        file("implied/file", "i"),
        // A file of this layer hides the one below anyway.
        file("own", "o"),
        file(".wh.own", ""),
    ]);
    assert!(place.is_whiteout("d/gone"));
    assert_eq!(fs::read_dir(place.root().join("d")).unwrap().count(), 1);
    for path in ["o", "again", "before", "implied"] {
        assert_eq!(place.xattr(path, "trusted.overlay.opaque").as_deref(), Some(&b"y"[..]), "{path}");
    }
    assert_eq!(place.xattr("d", "trusted.overlay.opaque"), None);
    assert_eq!((place.read("own").as_str(), place.read("implied/file").as_str()), ("o", "i"));
}

#[test]
fn whiteouts_reach_nothing_outside() {
    for name in [".wh...", ".wh..", ".wh.", "../outside/.wh.canary", "/../outside/.wh.canary"] {
        refused(&[file(name, "")]);
    }
    let place = unpacked(&[symlink("up", "../outside"), symlink("abs", "/"), dir("outside"), file("abs/.wh.x", "")]);
    assert!(place.is_whiteout("x"), "an absolute link leads to the root of the layer");
    assert!(place.unpack(&[file("up/.wh.canary", "")]).is_ok(), "and `..` stays at it");
    assert!(place.is_whiteout("outside/canary"));
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../x", "a/../../x", "/../x", "..", "a/../../outside/canary"] {
        assert!(refused(&[file(name, "evil")]).contains("leads out of the layer"), "{name}");
    }
    refused(&[file("x", "evil").pax("path", b"../outside/canary")]);
    refused(&[file("x", "evil").pax("path", b"a\0b")]);
    refused(&[file("", "evil")]);
    let place = unpacked(&[file("/abs/file", "in")]);
    assert_eq!(place.read("abs/file"), "in");
}

#[test]
fn links_lead_nowhere_outside() {
    // Through one link, a chain of links, an absolute one, and the process's own view of the root.
    for target in ["../outside", "../../../../../../../../outside", "/proc/self/root/tmp", "/proc/self/fd/3"] {
        let place = Place::new();
        let outcome = place.unpack(&[symlink("l", target), file("l/canary", "evil"), file("l/new", "evil")]);
        assert!(outcome.is_err(), "{target}: a link to nothing inside is no directory");
    }
    let chain =
        [dir("a"), symlink("a/b", ".."), symlink("c", "a/b/.."), symlink("d", "c/outside"), file("d/x", "evil")];
    refused(&chain);
    // An entry behind a link replaces the link and is not written through it.
    let place = unpacked(&[symlink("l", "../outside/canary"), file("l", "own")]);
    assert_eq!(place.read("l"), "own");
    let place = unpacked(&[symlink("l", "../outside"), dir("l"), file("l/canary", "own")]);
    assert_eq!(place.read("l/canary"), "own");
    // Attributes of a link are the link's (CVE-2026-33056: a directory entry over a link).
    unpacked(&[symlink("l", "../outside/canary"), symlink("l", "../outside/canary").mode(0o777).owner(9, 9)]);
}

#[test]
fn hard_links_to_the_outside_are_refused() {
    for target in ["../outside/canary", "/../outside/canary", "..", "", "h"] {
        refused(&[hard_link("h", target)]);
    }
    refused(&[symlink("l", "../outside"), hard_link("h", "l/canary")]);
    refused(&[hard_link("h", "/etc/passwd")]);
    // A hard link to a link is the link, and writing the entry anew does not follow it.
    let place = unpacked(&[symlink("l", "../outside/canary"), hard_link("h", "l"), file("h", "own")]);
    assert_eq!(place.read("h"), "own");
}

#[test]
fn later_entries_replace_earlier_ones() {
    let place = unpacked(&[
        dir("d"),
        file("d/f", "1"),
        file("d/f", "2"),
        dir("e"),
        dir("e/sub"),
        file("e/sub/f", "x"),
        file("e", "now a file"),
        file("g", "file"),
        dir("g"),
        file("g/h", "now a directory"),
        dir("d"),
    ]);
    assert_eq!(place.read("d/f"), "2");
    assert_eq!(place.read("e"), "now a file");
    assert_eq!(place.read("g/h"), "now a directory");
}

#[test]
fn the_size_of_pax_counts_for_the_file_and_for_the_next_header() {
    // The header says 0 bytes, PAX 512: a reader that mixes them takes the smuggled header for one (CVE-2025-62518).
    let mut smuggled = Vec::new();
    file("smuggled", "").write(&mut smuggled);
    let mut bytes = archive(&[Raw { data: smuggled, ..file("honest", "") }.pax("size", b"512"), file("after", "a")]);
    // The pax entry takes two blocks; the third is the header whose size is made 0.
    let mut header = Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&bytes[1024..1536]);
    header.set_size(0);
    header.set_cksum();
    bytes[1024..1536].copy_from_slice(header.as_bytes());
    let place = Place::new();
    unpack(&bytes[..], &place.root()).unwrap();
    let mut names: Vec<_> = fs::read_dir(place.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["after", "honest"]);
}

#[test]
fn attributes_that_would_steer_overlayfs_are_left_out() {
    let place = unpacked(&[
        dir("d")
            .pax("SCHILY.xattr.trusted.overlay.redirect", b"/outside")
            .pax("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        file("f", "").pax("SCHILY.xattr.security.selinux", b"label"),
    ]);
    assert_eq!(place.xattr("d", "trusted.overlay.redirect"), None);
    assert_eq!(place.xattr("d", "trusted.overlay.opaque"), None);
    assert_eq!(place.xattr("f", "security.selinux"), None);
}

#[test]
fn what_is_no_archive_is_told() {
    let place = Place::new();
    let mut broken = archive(&[file("f", "x")]);
    broken[3] ^= 1;
    let error = unpack(&broken[..], &place.root()).unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
    let whole = archive(&[file("f", &"x".repeat(3000))]);
    assert!(matches!(unpack(&whole[..1000], &place.root()), Err(UnpackError::Truncated)));
    assert!(unpack(&whole[..512 + 3000], &place.root()).is_ok(), "the end may be missing, with the last padding");
    assert!(unpack(&b""[..], &place.root()).is_ok(), "a layer may be empty");
    let sparse = raw("s", EntryType::GNUSparse);
    assert!(refused(&[sparse]).contains("sparse"));
    assert!(refused(&[file("s", "").pax("GNU.sparse.major", b"1")]).contains("sparse"));
    assert!(refused(&[raw("q", EntryType::new(b'Q'))]).contains("unknown type"));
    assert!(refused(&[dir("d"), file("f/", "").owner(u64::from(u32::MAX), 0)]).contains("owner"));
}

#[test]
fn deep_paths_and_many_whiteouts_are_only_slow() {
    let place = Place::new();
    let deep = "d/".repeat(2000);
    place.unpack(&[file(&deep, ""), file(&format!("{deep}f"), "deep")]).unwrap();
    assert!(refused(&[file(&"d/".repeat(3000), "")]).contains("leads out of the layer or is none"));
    let mut many = Vec::new();
    for number in 0..5000 {
        many.push(file(&format!("w/.wh.{number}"), ""));
    }
    let out = place.unpack(&many).unwrap();
    assert_eq!((out.size, out.implicit.len()), (0, 1));
    // What is deep is removed without recursion into the limits of paths.
    place.unpack(&[file("d", "")]).unwrap();
}

#[test]
fn undescribed_directories_are_remembered_until_described() {
    let place = Place::new();
    let out = place.unpack(&[file("a/b/f", "1"), file("c/f", "2"), dir("a/b")]).unwrap();
    let implicit: Vec<&[u8]> = out.implicit.iter().map(Vec::as_slice).collect();
    assert_eq!(implicit, [&b"a"[..], b"c"]);
    assert!(!out.describes_root);
    assert!(place.unpack(&[dir("./")]).unwrap().describes_root);
}

#[test]
fn extension_headers_do_not_add_up() {
    // A chain of them before one entry would fill the memory: the last one counts, and only it is held.
    let mut bytes = Vec::new();
    for number in 0..50 {
        let records = vec![
            ("SCHILY.xattr.user.bulk".to_owned(), vec![b'x'; 40_000]),
            ("path".to_owned(), format!("f{number}").into()),
        ];
        let mut one = Vec::new();
        Raw { pax: records, ..file("f", "") }.write(&mut one);
        // Without the entry behind it.
        one.truncate(one.len() - 512);
        bytes.extend(one);
    }
    Raw { pax: vec![("path".into(), b"last".to_vec())], ..file("f", "") }.write(&mut bytes);
    let mut entries = entries::Entries::new(&bytes[..]);
    let entry = entries.next().unwrap().unwrap();
    assert_eq!((entry.path.as_slice(), entry.xattrs.len()), (&b"last"[..], 0));
}

/// GNU tar as the judge of everything that is no whiteout.
#[test]
fn ordinary_archives_come_out_as_gnu_tar_has_them() {
    let bytes = archive(&[
        dir("./").mode(0o750).owner(3, 4),
        dir("usr").mode(0o755),
        file("usr/a", "hello").mode(0o4711).owner(100_000, 7),
        file("usr/empty", ""),
        file(&format!("usr/{}", "long-".repeat(40)), "long"),
        symlink("lib", "usr/lib"),
        symlink("abs", "/etc/passwd"),
        hard_link("usr/b", "usr/a"),
        raw("pipe", EntryType::Fifo).mode(0o600),
        file("usr/a2", "1").mode(0o000),
        file("usr/a2", "2").mode(0o640),
        dir("usr").mode(0o711),
        file("data", &"0123456789".repeat(5000)),
    ]);
    let (ours, theirs) = (Place::new(), Place::new());
    unpack(&bytes[..], &ours.root()).unwrap();
    let input = ours.outer.path().join("archive.tar");
    fs::write(&input, &bytes).unwrap();
    let status = std::process::Command::new("tar")
        .args(["--extract", "--numeric-owner", "--preserve-permissions", "--absolute-names", "--file"])
        .arg(&input)
        .arg("--directory")
        .arg(theirs.root())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(listing(&ours.root()), listing(&theirs.root()));
}

/// Every path with its type, mode, owner, time, links and content.
pub(super) fn listing(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        let mut paths: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
        paths.push(dir);
        for path in paths.iter().filter(|path| path.as_path() == root || *path != paths.last().unwrap()) {
            let meta = path.symlink_metadata().unwrap();
            let content = match meta.file_type() {
                kind if kind.is_file() => format!("{:?}", fs::read(path).unwrap().len()),
                kind if kind.is_symlink() => format!("{:?}", fs::read_link(path).unwrap()),
                _ => String::new(),
            };
            let links = if meta.is_dir() { 0 } else { meta.nlink() };
            lines.push(format!(
                "{:?} {:o} {}:{} {} {links} {content}",
                path.strip_prefix(root).unwrap(),
                meta.mode(),
                meta.uid(),
                meta.gid(),
                meta.mtime(),
            ));
            if meta.is_dir() && path != paths.last().unwrap() {
                dirs.push(path.clone());
            }
        }
    }
    lines.sort();
    lines
}
