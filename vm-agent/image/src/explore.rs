//! What each layer of an image does to the files of those below, and what of it is wasted: bytes of files that a later
//! layer overwrites or deletes, which stay in the image all the same.
//!
//! Files are all that is no directory. A file with several names has its bytes once, and wastes them when the last of its
//! names is gone.

use crate::{
    Image, ImageError, Reference, Result,
    error::IoContext as _,
    pack::{is_opaque, names},
    rooted::pin_at,
    store::Layout,
};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat},
    io::Errno,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
    os::fd::OwnedFd,
};

/// Deeper trees are refused: a descriptor is held for each level.
const DEEPEST: usize = 500;
/// Files and directories that are looked at: more than any image has that is meant to be run.
const ENTRIES_MAX: usize = 4_000_000;
/// Wasted files that are told one by one.
const LARGEST: usize = 20;

/// An image, layer by layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Lowest first.
    pub layers: Vec<LayerFiles>,
    /// The files that waste most, the largest first.
    pub largest: Vec<WastedFile>,
}

/// What a layer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerFiles {
    /// Files that were not there.
    pub added: u64,
    /// Files in the place of others.
    pub changed: u64,
    /// Files of the layers below that are gone.
    pub removed: u64,
    /// Bytes of its own files that later layers overwrite or delete.
    pub wasted: u64,
}

/// A file that is in the image and cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WastedFile {
    /// Bytes.
    pub size: u64,
    /// Absolute in the container.
    pub path: Vec<u8>,
    /// The layer that has it, counted from 0.
    pub layer: usize,
    /// The layer that overwrites or deletes it.
    pub hidden_by: usize,
}

/// Looks at an image. Blocks.
pub(crate) fn explore(layout: &Layout, image: &Image) -> Result<Explored> {
    let mut walk =
        Walk { layer: 0, entries: 0, linked: HashMap::new(), out: Explored::default(), largest: BTreeSet::new() };
    let mut root = Children::new();
    for (at, layer) in image.layers.iter().enumerate() {
        walk.layer = at;
        walk.out.layers.push(LayerFiles::default());
        let diff = layout.diff(&layer.tree);
        let dir = match openat(CWD, &diff, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) => {
                let name = image.tags.first().map_or_else(|| image.id.to_string(), Reference::familiar);
                return Err(ImageError::Lost(format!("the layer {}", layer.blob.short()), name));
            }
            dir => dir.at("open", &diff)?,
        };
        let looked_at = walk.directory(&dir, &mut root, b"", is_opaque(&dir), 0);
        looked_at.map_err(|error| match error {
            Unreadable::System(errno) => ImageError::Io { doing: "look at", path: diff.clone(), source: errno.into() },
            Unreadable::TooMuch(why) => ImageError::Unsupported(why),
        })?;
    }
    walk.out.largest = walk.largest.into_iter().rev().collect();
    Ok(walk.out)
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

type Children = BTreeMap<Box<[u8]>, Node>;

/// What the layers so far have at a path.
enum Node {
    Directory(Children),
    File(Leaf),
}

#[derive(Clone, Copy)]
struct Leaf {
    layer: usize,
    inode: u64,
    size: u64,
    /// Whether it has other names.
    linked: bool,
}

enum Unreadable {
    System(Errno),
    TooMuch(String),
}

impl From<Errno> for Unreadable {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

struct Walk {
    /// Which is looked at.
    layer: usize,
    entries: usize,
    /// How many names can be seen of a file that has several, by layer and inode.
    linked: HashMap<(usize, u64), u64>,
    out: Explored,
    largest: BTreeSet<WastedFile>,
}

impl Walk {
    /// Lays a directory over `here`, which is what is below it, and which it hides when it is `opaque`.
    fn directory(
        &mut self,
        dir: &OwnedFd,
        here: &mut Children,
        path: &[u8],
        opaque: bool,
        depth: usize,
    ) -> std::result::Result<(), Unreadable> {
        if depth > DEEPEST {
            return Err(Unreadable::TooMuch(format!("the image's directories are nested more than {DEEPEST} deep")));
        }
        let mut hidden = if opaque { mem::take(here) } else { Children::new() };
        for name in names(dir)? {
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return Err(Unreadable::TooMuch(format!("the image has more than {ENTRIES_MAX} files")));
            }
            let pinned = pin_at(dir, name.as_c_str())?;
            let stat = fstat(&pinned)?;
            let name = name.to_bytes();
            let path = [path, b"/", name].concat();
            let below = if opaque { hidden.remove(name) } else { here.remove(name) };
            if let Some(node) = self.entry(&pinned, &stat, below, &path, opaque, depth)? {
                here.insert(name.into(), node);
            }
        }
        for (name, node) in hidden {
            self.remove(node, &[path, b"/", &name].concat());
        }
        Ok(())
    }

    fn entry(
        &mut self,
        pinned: &OwnedFd,
        stat: &Stat,
        below: Option<Node>,
        path: &[u8],
        opaque: bool,
        depth: usize,
    ) -> std::result::Result<Option<Node>, Unreadable> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                if let Some(below) = below {
                    self.remove(below, path);
                }
                Ok(None)
            }
            FileType::Directory => {
                let mut children = match below {
                    Some(Node::Directory(children)) => children,
                    Some(file) => {
                        self.remove(file, path);
                        Children::new()
                    }
                    None => Children::new(),
                };
                let dir = openat(pinned, c".", DIRECTORY, Mode::empty())?;
                let opaque = opaque || is_opaque(&dir);
                self.directory(&dir, &mut children, path, opaque, depth + 1)?;
                Ok(Some(Node::Directory(children)))
            }
            kind => {
                match below {
                    Some(Node::File(leaf)) => {
                        self.now().changed += 1;
                        self.hide(leaf, path);
                    }
                    other => {
                        if let Some(directory) = other {
                            self.remove(directory, path);
                        }
                        self.now().added += 1;
                    }
                }
                Ok(Some(Node::File(self.leaf(stat, kind))))
            }
        }
    }

    fn leaf(&mut self, stat: &Stat, kind: FileType) -> Leaf {
        let size = if kind == FileType::RegularFile { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        let leaf = Leaf { layer: self.layer, inode: stat.st_ino, size, linked: stat.st_nlink > 1 };
        if leaf.linked {
            *self.linked.entry((leaf.layer, leaf.inode)).or_default() += 1;
        }
        leaf
    }

    fn now(&mut self) -> &mut LayerFiles {
        &mut self.out.layers[self.layer]
    }

    /// All of it is gone.
    fn remove(&mut self, node: Node, path: &[u8]) {
        match node {
            Node::File(leaf) => {
                self.now().removed += 1;
                self.hide(leaf, path);
            }
            Node::Directory(children) => {
                for (name, node) in children {
                    self.remove(node, &[path, b"/", &name].concat());
                }
            }
        }
    }

    /// A name of a file cannot be seen any more.
    fn hide(&mut self, leaf: Leaf, path: &[u8]) {
        if leaf.linked
            && let Some(names) = self.linked.get_mut(&(leaf.layer, leaf.inode))
        {
            *names -= 1;
            if *names > 0 {
                return;
            }
        }
        self.out.layers[leaf.layer].wasted += leaf.size;
        if leaf.size > 0 {
            let file = WastedFile { size: leaf.size, path: path.to_vec(), layer: leaf.layer, hidden_by: self.layer };
            self.largest.insert(file);
            if self.largest.len() > LARGEST {
                self.largest.pop_first();
            }
        }
    }
}
