//! The guest's recipe: Debian packages and our own programs in, kernel and initramfs out. See README.md.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arch;
mod bare;
pub mod debian;
mod elf;
mod image;
mod kernel;
mod manifest;
mod modules;
mod step;

pub use arch::Arch;
pub use bare::bare;
pub use debian::apt::AptError;
pub use debian::packages::ListError as PackagesError;
pub use debian::sources::SourcesError;
pub use debian::tree::TreeError;
pub use elf::ElfError;
pub use image::certificates::CertificatesError;
pub use image::cpio::CpioError;
pub use kernel::KernelError;
pub use manifest::{FileEntry, Manifest};
pub use modules::{ListError as ModulesListError, ModulesError};
pub use step::Step;

use debian::apt::Apt;
use debian::packages::Packages;
use debian::tree::Tree;
use kernel::Kernel;
use modules::Modules;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The plain ELF kernel (amd64).
pub const VMLINUX: &str = "vmlinux";
/// The kernel as Debian ships it.
pub const KERNEL: &str = "kernel";
/// The guest's first root.
pub const INITRAMFS: &str = "initramfs.zst";
/// What was built.
pub const MANIFEST: &str = "manifest.json";

/// The kernel unpacks every level equally fast. 15 saves half a per cent more and takes four times as long, 19 saves 16 %
/// and takes nine times as long.
const ZSTD_LEVEL: i32 = 12;

/// The most that kernel and initramfs may take as they ship, bytes.
const LARGEST: u64 = 40_000_000;

/// What to build, from what, where.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// For which machines.
    pub arch: Arch,
    /// Folder that keeps downloads between builds.
    pub cache: PathBuf,
    /// Folder the outputs are put in.
    pub out: PathBuf,
    /// Our own programs.
    pub programs: Programs,
}

/// Our own programs, linked statically for the guest's architecture.
#[derive(Clone, Debug)]
pub struct Programs {
    /// PID 1.
    pub agent: PathBuf,
    /// The engine.
    pub engine: PathBuf,
    /// The runtime.
    pub runtime: PathBuf,
    /// What carries packets to the host.
    pub uplink: PathBuf,
}

/// Why a guest could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Packages could not be had.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// `packages.txt` is wrong.
    #[error(transparent)]
    Packages(#[from] PackagesError),
    /// A package could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The kernel could not be unpacked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The modules could not be chosen.
    #[error(transparent)]
    Modules(#[from] ModulesError),
    /// A program is not what it should be.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The certificates are incomplete.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// The archive could not be written.
    #[error(transparent)]
    Cpio(#[from] CpioError),
    /// The guest has grown over its limit.
    #[error("kernel and initramfs are {0} bytes, over the limit of {LARGEST}; look for what has grown")]
    TooLarge(u64),
    /// A file of JSON could not be written.
    #[error("cannot write JSON")]
    Json(#[source] serde_json::Error),
    /// A file could not be read or written.
    #[error("cannot use {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl BuildError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Builds the guest. `progress` hears of each step before it begins.
///
/// The outputs are replaced one by one by rename, the manifest last: whoever checks hashes sees a consistent set.
///
/// # Errors
/// See [`BuildError`]; nothing of `out` is replaced unless everything could be built.
pub fn build(recipe: &Recipe, progress: &mut dyn FnMut(Step)) -> Result<Manifest, BuildError> {
    let (tree, packages) = unpacked(&recipe.cache, recipe.arch, progress)?;
    let kernel = Kernel::find(&tree, recipe.arch)?;
    progress(Step::Kernel { release: kernel.release.clone() });
    progress(Step::Modules);
    let modules = Modules::choose(&tree, &kernel.release, recipe.arch, &[])?;
    let root = image::contents::assemble(&tree, modules, recipe.arch, &recipe.programs)?;
    progress(Step::Pack { files: root.len() });
    let initramfs = compress(&root.to_bytes()?).map_err(|e| BuildError::io(&recipe.out.join(INITRAMFS), e))?;
    let shipped = kernel.image.len() as u64 + initramfs.len() as u64;
    if shipped > LARGEST {
        return Err(BuildError::TooLarge(shipped));
    }
    write(recipe, kernel, initramfs, packages)
}

/// The files of all packages, and the packages' versions by name.
fn unpacked(
    cache: &Path,
    arch: Arch,
    progress: &mut dyn FnMut(Step),
) -> Result<(Tree, BTreeMap<String, String>), BuildError> {
    let list = Packages::of(arch.debian())?;
    let archives = Apt::open(cache, arch)?.fetch(&list, progress)?;
    progress(Step::Unpack { packages: archives.len() });
    let mut tree = Tree::default();
    for archive in &archives {
        tree.add(archive)?;
    }
    Ok((tree, archives.into_iter().map(|archive| (archive.name, archive.version)).collect()))
}

/// One frame of one thread: the same input gives the same bytes.
fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, ZSTD_LEVEL)
}

fn write(
    recipe: &Recipe,
    kernel: Kernel,
    initramfs: Vec<u8>,
    packages: BTreeMap<String, String>,
) -> Result<Manifest, BuildError> {
    let mut outputs = vec![(KERNEL, kernel.image), (INITRAMFS, initramfs)];
    outputs.extend(kernel.elf.map(|elf| (VMLINUX, elf)));
    let files = outputs.iter().map(|(name, bytes)| ((*name).to_owned(), FileEntry::of(bytes))).collect();
    let manifest = Manifest { arch: recipe.arch, kernel: kernel.release, files, packages };
    let mut json = serde_json::to_vec_pretty(&manifest).map_err(BuildError::Json)?;
    json.push(b'\n');
    outputs.push((MANIFEST, json));
    std::fs::create_dir_all(&recipe.out).map_err(|e| BuildError::io(&recipe.out, e))?;
    for (name, bytes) in outputs {
        let path = recipe.out.join(name);
        manifest::write_whole(&path, &bytes).map_err(|e| BuildError::io(&path, e))?;
    }
    Ok(manifest)
}
