use super::*;
use crate::{Extraction, Root, extract};
use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
    path::Path,
};

fn packed(dir: &Path, how: &Packing<'_>) -> Vec<u8> {
    let top = Root::open(dir).unwrap().dir("").unwrap();
    let mut out = Vec::new();
    pack(&top, how, &mut out).unwrap();
    out
}

/// Names and link names, as the `tar` crate reads them.
fn listed(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let link = entry.link_name_bytes().map(|link| format!(" -> {}", String::from_utf8_lossy(&link)));
        format!("{}{}", String::from_utf8_lossy(&entry.path_bytes()), link.unwrap_or_default())
    });
    entries.collect()
}

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("d/deep")).unwrap();
    fs::write(at("d/file"), "text").unwrap();
    fs::set_permissions(at("d/file"), fs::Permissions::from_mode(0o4750)).unwrap();
    fs::hard_link(at("d/file"), at("d/same")).unwrap();
    symlink("/etc/passwd", at("d/link")).unwrap();
    fs::write(at(&format!("d/{}", "n".repeat(150))), "long").unwrap();
    fs::write(at("d/한글"), "name").unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("d/pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    drop(std::os::unix::net::UnixListener::bind(at("d/socket")).unwrap());
    std::os::unix::fs::chown(at("d/한글"), Some(3_000_000), Some(5)).unwrap();
    dir
}

#[test]
fn a_tree_comes_out_as_it_went_in() {
    let (from, to) = (tree(), tempfile::tempdir().unwrap());
    let archive = packed(from.path(), &Packing::default());
    extract(&Root::open(to.path()).unwrap(), &archive[..], &Extraction::default()).unwrap();
    let at = |path: &str| to.path().join(path);
    assert_eq!(fs::read_to_string(at("d/file")).unwrap(), "text");
    let file = at("d/file").metadata().unwrap();
    assert_eq!((file.mode() & 0o7777, file.nlink()), (0o4750, 2));
    assert_eq!(file.mtime(), from.path().join("d/file").metadata().unwrap().mtime());
    assert_eq!(fs::read_link(at("d/link")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(fs::read_to_string(at(&format!("d/{}", "n".repeat(150)))).unwrap(), "long");
    let named = at("d/한글").metadata().unwrap();
    assert_eq!((named.uid(), named.gid()), (3_000_000, 5));
    assert!(at("d/pipe").symlink_metadata().unwrap().file_type().is_fifo());
    assert!(!at("d/socket").exists(), "an archive has no sockets");
    assert_eq!(at("d").metadata().unwrap().mtime(), from.path().join("d").metadata().unwrap().mtime());
}

#[test]
fn names_are_dockers() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("d/f"), "").unwrap();
    for (top, expected) in [
        (None, ["d/", "d/f"].as_slice()),
        (Some(&b"base"[..]), &["base/", "base/d/", "base/d/f"]),
        (Some(b"/"), &["/", "/d/", "/d/f"]),
        (Some(b"."), &["./", "./d/", "./d/f"]),
    ] {
        assert_eq!(listed(&packed(dir.path(), &Packing { top, ..Packing::default() })), expected);
    }
    let mut out = Vec::new();
    let pinned = Root::open(dir.path()).unwrap().pin_link("d/f").unwrap();
    pack_one(pinned, c"f", &Packing::default(), &mut out).unwrap();
    assert_eq!(listed(&out), ["f"]);
}

#[test]
fn gnu_tar_reads_it() {
    let (from, to) = (tree(), tempfile::tempdir().unwrap());
    let file = to.path().join("a.tar");
    fs::write(&file, packed(from.path(), &Packing::default())).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).current_dir(to.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("tar", &["-xpf", "a.tar"]);
    fs::remove_file(from.path().join("d/socket")).unwrap();
    run("diff", &["-r", "--no-dereference", from.path().join("d/deep").to_str().unwrap(), "d/deep"]);
    assert_eq!(fs::read_to_string(to.path().join("d/한글")).unwrap(), "name");
}

#[test]
fn an_upper_directory_becomes_a_layer() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("etc")).unwrap();
    fs::create_dir_all(at("dev/pts")).unwrap();
    fs::create_dir_all(at("new")).unwrap();
    fs::create_dir_all(at("proc/mine")).unwrap();
    fs::write(at("etc/hosts"), "").unwrap();
    fs::write(at("etc/motd"), "hi").unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("gone"), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    rustix::fs::setxattr(at("new"), "trusted.overlay.opaque", b"y", rustix::fs::XattrFlags::empty()).unwrap();
    let stubs = ["dev", "dev/pts", "etc/hosts", "proc"].map(|path| path.as_bytes().to_vec()).into();
    let how = Packing { layer: true, stubs, ..Packing::default() };
    assert_eq!(
        listed(&packed(dir.path(), &how)),
        ["etc/", "etc/motd", ".wh.gone", "new/", "new/.wh..wh..opq", "proc/", "proc/mine/"]
    );
    fs::write(at(".wh.trick"), "").unwrap();
    let top = Root::open(dir.path()).unwrap().dir("").unwrap();
    assert!(matches!(pack(&top, &how, &mut Vec::new()), Err(PackError::Name(_))));
}

#[test]
fn a_sparse_file_stays_sparse() {
    let (from, to) = (tempfile::tempdir_in("/var/tmp").unwrap(), tempfile::tempdir_in("/var/tmp").unwrap());
    let file = fs::File::create(from.path().join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"middle", 10 << 20).unwrap();
    file.set_len(20 << 20).unwrap();
    let archive = packed(from.path(), &Packing::default());
    extract(&Root::open(to.path()).unwrap(), &archive[..], &Extraction::default()).unwrap();
    let made = to.path().join("sparse").metadata().unwrap();
    assert_eq!(made.len(), 20 << 20);
    assert!(made.blocks() < 64, "{} blocks", made.blocks());
    assert_eq!(fs::read(from.path().join("sparse")).unwrap(), fs::read(to.path().join("sparse")).unwrap());
}

#[test]
fn attributes_travel_and_the_overlays_stay() {
    let (from, to) = (tempfile::tempdir_in("/var/tmp").unwrap(), tempfile::tempdir_in("/var/tmp").unwrap());
    let file = from.path().join("f");
    fs::write(&file, "").unwrap();
    for (name, value) in [("user.note", &b"hello"[..]), ("trusted.overlay.metacopy", b"")] {
        rustix::fs::setxattr(&file, name, value, rustix::fs::XattrFlags::empty()).unwrap();
    }
    let archive = packed(from.path(), &Packing::default());
    extract(&Root::open(to.path()).unwrap(), &archive[..], &Extraction::default()).unwrap();
    let made = fs::File::open(to.path().join("f")).unwrap();
    assert_eq!(xattrs(&made).unwrap(), [(b"user.note".to_vec(), b"hello".to_vec())]);
    let mut value = [0; 8];
    assert_eq!(rustix::fs::fgetxattr(&made, "trusted.overlay.metacopy", &mut value[..]), Err(Errno::NODATA));
}
