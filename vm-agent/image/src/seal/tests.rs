use super::*;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};
use std::{fs, os::unix::fs as unix, path::PathBuf};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(place.at("a/b/c")).unwrap();
        fs::write(place.at("a/file"), "content").unwrap();
        fs::write(place.at("a/b/other"), "other").unwrap();
        fs::hard_link(place.at("a/file"), place.at("hard")).unwrap();
        unix::symlink("a/file", place.at("link")).unwrap();
        mknodat(CWD, place.at("a/gone"), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn seal(&self) -> Seal {
        seal(self.0.path(), &Sums::default(), &mut |_| {}).unwrap()
    }
}

#[test]
fn every_kind_of_damage_breaks_the_seal() {
    type Damage = (&'static str, fn(&Place), bool);
    let damages: [Damage; 11] = [
        ("a byte of a file", |place| kept_times(&place.at("a/file"), |file| fs::write(file, "contenT").unwrap()), true),
        ("a file's size", |place| kept_times(&place.at("a/file"), |file| fs::write(file, "").unwrap()), false),
        ("a time", |place| fs::write(place.at("a/b/other"), "other").unwrap(), false),
        ("a mode", |place| chmod(&place.at("a/b/other")), false),
        ("the mode of the top", |place| chmod(&place.at("")), false),
        ("an owner", |place| unix::chown(place.at("a/b/other"), Some(7), None).unwrap(), false),
        ("a file less", |place| fs::remove_file(place.at("a/b/other")).unwrap(), false),
        ("a directory more", |place| fs::create_dir(place.at("a/b/c/d")).unwrap(), false),
        ("a link's target", |place| relink(&place.at("link")), false),
        ("a whiteout less", |place| fs::remove_file(place.at("a/gone")).unwrap(), false),
        (
            "an attribute",
            |place| setxattr(place.at("a/b"), "trusted.overlay.opaque", b"y", XattrFlags::empty()).unwrap(),
            false,
        ),
    ];
    for (what, damage, shape_holds) in damages {
        let place = Place::new();
        let before = place.seal();
        assert_eq!(before, place.seal());
        damage(&place);
        let after = place.seal();
        assert_ne!(before, after, "{what}");
        assert_eq!(before.shape == after.shape, shape_holds, "{what}");
        assert_eq!(shape(place.0.path()).unwrap(), after.shape);
    }
}

fn kept_times(file: &Path, change: impl FnOnce(&Path)) {
    let meta = file.metadata().unwrap();
    change(file);
    let times = fs::FileTimes::new().set_modified(meta.modified().unwrap());
    fs::File::options().write(true).open(file).unwrap().set_times(times).unwrap();
}

fn chmod(path: &Path) {
    use fs::Permissions;
    use unix::PermissionsExt as _;
    fs::set_permissions(path, Permissions::from_mode(0o711)).unwrap();
}

fn relink(link: &Path) {
    fs::remove_file(link).unwrap();
    unix::symlink("a/filE", link).unwrap();
}

#[test]
fn what_is_known_of_contents_is_not_read_again() {
    use unix::MetadataExt as _;
    let place = Place::new();
    let mut sums = Sums::default();
    for (name, content) in [("a/file", "content"), ("a/b/other", "other")] {
        sums.keep(place.at(name).metadata().unwrap().ino(), crc32fast::hash(content.as_bytes()));
    }
    let mut read = 0;
    let known = seal(place.0.path(), &sums, &mut |bytes| read += bytes).unwrap();
    assert_eq!((known, read), (place.seal(), 0));
}

#[test]
fn a_tree_is_seen_whole_however_wide_and_deep_it_is() {
    let place = Place::new();
    let mut deep = place.at("deep");
    for _ in 0..700 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    for number in 0..2000 {
        fs::write(place.at(&format!("a/b/file-{number}")), "").unwrap();
        fs::create_dir(place.at(&format!("a/b/dir-{number}"))).unwrap();
    }
    let mut paths = std::collections::BTreeSet::new();
    walk(place.0.path(), &mut |node| {
        assert!(paths.insert(node.path.to_vec()), "{:?} came twice", String::from_utf8_lossy(node.path));
        Ok(())
    })
    .unwrap();
    assert_eq!(paths.len(), 9 + 701 + 4000);
}
