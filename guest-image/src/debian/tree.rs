//! The files of packages, in memory: nothing is unpacked to the host's disk, so no entry can escape anywhere.

use super::apt::Archive;
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};

/// What the guest may take files from; the rest (manuals, translations) is not even read.
const TAKEN: [&str; 7] =
    ["boot/vmlinu", "usr/lib/", "usr/lib64/", "usr/sbin/", "usr/bin/", "etc/", "usr/share/ca-certificates/"];
/// Links followed before a loop is assumed.
const MAX_LINKS: usize = 16;

/// Why a package could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// `dpkg-deb` could not be started or its output not read.
    #[error("cannot read package {package} with dpkg-deb")]
    Read {
        /// Which.
        package: String,
        /// Why.
        source: std::io::Error,
    },
    /// `dpkg-deb` failed.
    #[error("dpkg-deb cannot unpack package {package}; delete it from the cache and try again")]
    Unpack {
        /// Which.
        package: String,
    },
    /// A file is in no package.
    #[error("/{path} is in none of the packages; add the one that has it to packages.txt")]
    Missing {
        /// Which.
        path: String,
    },
}

/// A file or a link.
#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>),
    Link(String),
}

/// The files of all packages by path, without leading slash.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// Adds the files of one package.
    pub(crate) fn add(&mut self, archive: &Archive) -> Result<(), TreeError> {
        let fail = |source| TreeError::Read { package: archive.name.clone(), source };
        let mut child = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(&archive.path)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(fail)?;
        if let Some(stdout) = child.stdout.take() {
            self.read(stdout).map_err(fail)?;
        }
        if child.wait().map_err(fail)?.success() {
            Ok(())
        } else {
            Err(TreeError::Unpack { package: archive.name.clone() })
        }
    }

    fn read(&mut self, tar: impl Read) -> std::io::Result<()> {
        let mut archive = tar::Archive::new(tar);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            if !TAKEN.iter().any(|prefix| path.starts_with(prefix)) {
                continue;
            }
            let kind = entry.header().entry_type();
            if kind.is_file() {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                self.nodes.insert(path, Node::File(bytes));
            } else if let (true, Some(target)) = (kind.is_symlink() || kind.is_hard_link(), entry.link_name_bytes()) {
                let target = String::from_utf8_lossy(&target).into_owned();
                // A hard link names its target from the root of the archive.
                let target = if kind.is_hard_link() { format!("/{}", target.trim_start_matches("./")) } else { target };
                self.nodes.insert(path, Node::Link(target));
            }
        }
        // The reader stops at the end mark; the program behind the pipe wants to write the padding too.
        std::io::copy(&mut archive.into_inner(), &mut std::io::sink())?;
        Ok(())
    }

    /// The bytes at `path`, links followed.
    pub(crate) fn file(&self, path: &str) -> Result<&[u8], TreeError> {
        let mut at = path.to_owned();
        for _ in 0..MAX_LINKS {
            match self.nodes.get(&at) {
                Some(Node::File(bytes)) => return Ok(bytes),
                Some(Node::Link(target)) => at = resolve(&at, target),
                None => break,
            }
        }
        Err(TreeError::Missing { path: path.into() })
    }

    /// Paths that begin with `prefix`, in order.
    pub(crate) fn under<'a, 'p>(&'a self, prefix: &'p str) -> impl Iterator<Item = &'a str> + use<'a, 'p> {
        self.nodes
            .range(prefix.to_owned()..)
            .map(|(path, _)| path.as_str())
            .take_while(move |path| path.starts_with(prefix))
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Self {
        Self { nodes: files.iter().map(|(path, bytes)| ((*path).to_owned(), Node::File(bytes.to_vec()))).collect() }
    }
}

/// Where a link at `at` points, by words alone.
fn resolve(at: &str, target: &str) -> String {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { at.split('/').collect() };
    if !target.starts_with('/') {
        parts.pop();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_a_loop_ends() {
        let mut tree = Tree::of(&[("usr/lib/x/libc.so.6.1", b"elf")]);
        tree.nodes.insert("usr/lib64/libc.so".into(), Node::Link("../lib/x/libc.so.6".into()));
        tree.nodes.insert("usr/lib/x/libc.so.6".into(), Node::Link("libc.so.6.1".into()));
        tree.nodes.insert("etc/a".into(), Node::Link("/etc/a".into()));
        assert_eq!(tree.file("usr/lib64/libc.so").unwrap(), b"elf");
        assert!(tree.file("etc/a").is_err());
        assert_eq!(
            tree.file("usr/bin/none").unwrap_err().to_string(),
            "/usr/bin/none is in none of the packages; add the one that has it to packages.txt"
        );
    }

    #[test]
    fn only_wanted_folders_are_kept() {
        let mut builder = tar::Builder::new(Vec::new());
        for path in ["./usr/share/doc/x/README", "./usr/sbin/nft"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(2);
            builder.append_data(&mut header, path, &b"hi"[..]).unwrap();
        }
        let mut tree = Tree::default();
        tree.read(&builder.into_inner().unwrap()[..]).unwrap();
        assert_eq!(tree.under("").collect::<Vec<_>>(), ["usr/sbin/nft"]);
    }
}
