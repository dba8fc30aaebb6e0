//! What xtask built and says in the environment.

use std::path::PathBuf;

/// The build under test.
pub struct Build;

impl Build {
    /// A program in `dist/bin`.
    #[must_use]
    pub fn program(name: &str) -> PathBuf {
        folder("BERTH_TEST_DIST").join("bin").join(name)
    }

    /// A file that ships beside the programs.
    #[must_use]
    pub fn share(name: &str) -> PathBuf {
        folder("BERTH_TEST_DIST").join("share/berth").join(name)
    }

    /// The storage of a registry that holds the test images.
    #[must_use]
    pub fn registry_storage() -> PathBuf {
        folder("BERTH_TEST_REGISTRY")
    }

    /// A program that xtask fetched or built for the tests.
    #[must_use]
    pub fn tool(name: &str) -> PathBuf {
        folder("BERTH_TEST_TOOLS").join(name)
    }

    /// The docker CLI: the system's, or the one that xtask took from Debian.
    #[must_use]
    pub fn docker() -> PathBuf {
        let own = Self::tool("docker");
        if own.exists() { own } else { PathBuf::from("docker") }
    }

    /// Where screenshots and logs of failed cases go.
    #[must_use]
    pub fn output() -> PathBuf {
        let folder = folder("BERTH_TEST_OUTPUT");
        std::fs::create_dir_all(&folder).expect("the output folder");
        folder
    }
}

fn folder(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run the cases with `cargo xtask test e2e`")))
}
