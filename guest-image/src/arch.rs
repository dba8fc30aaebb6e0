//! What differs between the architectures of the guest, as one table.

use serde::{Deserialize, Serialize};

/// An architecture the guest can be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// Debian's name of it.
    #[must_use]
    pub const fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The folder of its shared objects under `/usr/lib`; the C library looks there without a cache file.
    pub(crate) const fn multiarch(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// The dynamic loader as programs name it (`PT_INTERP`), and the folder under `/usr` that its folder links to.
    pub(crate) const fn loader(self) -> Loader {
        match self {
            Self::Amd64 => Loader { folder: "lib64", name: "ld-linux-x86-64.so.2" },
            Self::Arm64 => Loader { folder: "lib", name: "ld-linux-aarch64.so.1" },
        }
    }

    /// The ELF machine number of its programs and modules.
    pub(crate) const fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => object::elf::EM_X86_64.0,
            Self::Arm64 => object::elf::EM_AARCH64.0,
        }
    }
}

/// Where the dynamic loader stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loader {
    /// Folder at the root, a link into `/usr`.
    pub(crate) folder: &'static str,
    /// File name.
    pub(crate) name: &'static str,
}
