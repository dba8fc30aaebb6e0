//! What stands where in the guest's first root.

use super::certificates;
use super::cpio::{Archive, Entry};
use crate::debian::tree::Tree;
use crate::modules::Modules;
use crate::{Arch, BuildError, Programs, elf};
use std::path::Path;

/// Programs taken from packages, where Debian has them.
const FROM_PACKAGES: [&str; 4] = ["usr/sbin/nft", "usr/sbin/mke2fs", "usr/sbin/resize2fs", "usr/sbin/e2fsck"];
/// Other names of programs.
const LINKS: [(&str, &str); 6] = [
    ("usr/sbin/mkfs.ext4", "mke2fs"),
    ("usr/sbin/fsck.ext4", "e2fsck"),
    ("bin", "usr/bin"),
    ("sbin", "usr/sbin"),
    ("lib", "usr/lib"),
    ("etc/mtab", "../proc/self/mounts"),
];
/// Files of packages taken as they are.
const DATA: [&str; 1] = ["etc/mke2fs.conf"];
/// Empty folders: what PID 1 mounts on.
const FOLDERS: [(&str, u32); 6] =
    [("dev", 0o755), ("proc", 0o555), ("sys", 0o555), ("run", 0o755), ("tmp", 0o1777), ("data", 0o755)];
/// Where PID 1 looks for modules.
const MODULES: &str = "usr/lib/modules/berth";

/// Puts the whole root together.
pub(crate) fn assemble(tree: &Tree, modules: Modules, arch: Arch, programs: &Programs) -> Result<Archive, BuildError> {
    let mut root = Archive::default();
    for (path, mode) in FOLDERS {
        root.put(path, Entry::Folder(mode));
    }
    root.put("root", Entry::Folder(0o700));
    put_console(&mut root);
    for (path, target) in LINKS {
        root.put(path, Entry::Link(target.into()));
    }
    for (path, program) in [
        ("init", &programs.agent),
        ("usr/bin/berth-engine", &programs.engine),
        ("usr/bin/berth-runtime", &programs.runtime),
        ("usr/bin/berth-uplink", &programs.uplink),
    ] {
        root.put(path, Entry::File(0o755, own_program(program, arch)?));
    }
    for path in FROM_PACKAGES {
        root.put(path, Entry::File(0o755, tree.file(path)?.to_vec()));
    }
    for path in DATA {
        root.put(path, Entry::File(0o644, tree.file(path)?.to_vec()));
    }
    put_libraries(&mut root, tree, arch)?;
    root.put("etc/ssl/certs/ca-certificates.crt", Entry::File(0o644, certificates::bundle(tree)?));
    let order = serde_json::to_vec(&modules.order).map_err(BuildError::Json)?;
    root.put(&format!("{MODULES}/load.json"), Entry::File(0o644, order));
    for (name, bytes) in modules.files {
        root.put(&format!("{MODULES}/{name}"), Entry::File(0o644, bytes));
    }
    Ok(root)
}

/// PID 1's first words need a console before it has mounted /dev.
pub(crate) fn put_console(root: &mut Archive) {
    root.put("dev/console", Entry::Device(0o600, 5, 1));
}

/// A program of ours, which must be static.
pub(crate) fn own_program(path: &Path, arch: Arch) -> Result<Vec<u8>, BuildError> {
    let bytes = std::fs::read(path).map_err(|e| BuildError::io(path, e))?;
    elf::check_static(&bytes, arch, &path.display().to_string())?;
    Ok(bytes)
}

fn put_libraries(root: &mut Archive, tree: &Tree, arch: Arch) -> Result<(), BuildError> {
    let folder = format!("usr/lib/{}", arch.multiarch());
    for (name, bytes) in elf::closure(tree, arch, &FROM_PACKAGES)? {
        root.put(&format!("{folder}/{name}"), Entry::File(0o644, bytes.to_vec()));
    }
    let loader = arch.loader();
    let bytes = tree.file(&format!("{folder}/{}", loader.name))?.to_vec();
    root.put(&format!("{folder}/{}", loader.name), Entry::File(0o755, bytes));
    // The loader's well-known place, reached through a link at the root as on a merged-/usr system.
    let place = format!("usr/{}/{}", loader.folder, loader.name);
    let target = if loader.folder == "lib" { String::new() } else { "../lib/".into() };
    root.put(&place, Entry::Link(format!("{target}{}/{}", arch.multiarch(), loader.name)));
    if loader.folder != "lib" {
        root.put(loader.folder, Entry::Link(format!("usr/{}", loader.folder)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::tree::Tree;
    use crate::modules::Modules;

    /// Packages and programs of nothing but what the recipe looks at.
    fn root(folder: &Path) -> Archive {
        let elf = crate::modules::tests::module("depends=\0");
        let order = "usr/lib/modules/6/modules.builtin";
        let mut files: Vec<(String, Vec<u8>)> = vec![(order.into(), b"".to_vec())];
        for path in FROM_PACKAGES {
            files.push((path.into(), elf.clone()));
        }
        files.push(("etc/mke2fs.conf".into(), b"[defaults]".to_vec()));
        files.push((format!("usr/lib/{}/{}", Arch::Amd64.multiarch(), Arch::Amd64.loader().name), elf.clone()));
        for number in 0..60 {
            files.push((format!("usr/share/ca-certificates/mozilla/{number}.crt"), b"pem".to_vec()));
        }
        let list = crate::modules::tests::shipped_names();
        files.extend(list.into_iter().map(|name| (format!("usr/lib/modules/6/kernel/{name}.ko"), elf.clone())));
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let tree = Tree::of(&files);
        let program = |name: &str| {
            let path = folder.join(name);
            std::fs::write(&path, &elf).unwrap();
            path
        };
        let programs =
            Programs { agent: program("a"), engine: program("e"), runtime: program("r"), uplink: program("u") };
        let modules = Modules::choose(&tree, "6", Arch::Amd64, &[]).unwrap();
        assemble(&tree, modules, Arch::Amd64, &programs).unwrap()
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes_wherever_they_stand() {
        let packed = || {
            let dir = tempfile::tempdir().unwrap();
            crate::compress(&root(dir.path()).to_bytes().unwrap()).unwrap()
        };
        assert_eq!(packed(), packed());
    }

    #[test]
    fn pid_1_finds_its_modules_and_the_loader_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = root(dir.path()).to_bytes().unwrap();
        for path in
            ["init", "usr/bin/berth-engine", "usr/lib/modules/berth/load.json", "usr/lib64/ld-linux-x86-64.so.2"]
        {
            let name = format!("00000000{path}\0");
            assert!(bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{path} is missing");
        }
    }
}
