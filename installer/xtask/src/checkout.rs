//! Where things are: the checkout, the build output, the cache, and `dist/`, the installed form of a build.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The folders that the commands read and write.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    /// The repository.
    pub root: PathBuf,
    /// Cargo's output.
    pub target: PathBuf,
    /// What is slow to fetch or make and does not depend on this checkout: Debian packages, images.
    pub cache: PathBuf,
}

impl Checkout {
    /// The checkout this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .context("xtask stands two folders below the checkout's root")?
            .to_path_buf();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let cache = match std::env::var_os("BERTH_CACHE") {
            Some(dir) => PathBuf::from(dir),
            None => target.join("berth-cache"),
        };
        std::fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
        Ok(Self { root, target, cache })
    }

    /// `dist/`: programs in `bin/`, what ships beside them in `share/berth/`.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// A built program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dist().join("bin").join(name)
    }

    /// What ships beside the programs: kernel, initramfs, manifest, welcome image.
    pub(crate) fn share(&self) -> PathBuf {
        self.dist().join("share/berth")
    }

    /// Where the output of the commands that xtask runs is kept.
    pub(crate) fn logs(&self) -> PathBuf {
        self.target.join("xtask-logs")
    }

    /// Programs that only the tests need.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// Debian's packages, as the guest's recipe keeps them.
    pub(crate) fn guest_image_cache(&self) -> PathBuf {
        self.cache.join("guest-image")
    }

    /// The storage folder of a registry that holds the test images.
    pub(crate) fn fixture_registry(&self) -> PathBuf {
        self.cache.join("fixture-registry")
    }
}
