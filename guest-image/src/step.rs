//! What a build tells whoever shows its progress.

use std::fmt;

/// What the build is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asking the Debian archive which packages there are.
    Index,
    /// The archive did not answer; an earlier signed answer is used.
    IndexKept {
        /// Age of that answer, hours.
        hours: u64,
        /// What apt said.
        why: String,
    },
    /// Downloading what the cache lacks.
    Download {
        /// How many packages.
        packages: usize,
    },
    /// Reading packages.
    Unpack {
        /// How many packages.
        packages: usize,
    },
    /// Taking the kernel out of its compressed form.
    Kernel {
        /// `uname -r` of it.
        release: String,
    },
    /// Choosing and unpacking kernel modules.
    Modules,
    /// Packing the initramfs.
    Pack {
        /// How many files.
        files: usize,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => f.write_str("reading the index of the Debian archive"),
            Self::IndexKept { hours, why } => {
                write!(f, "the Debian archive did not answer, its index of {hours} h ago is used ({why})")
            }
            Self::Download { packages } => write!(f, "downloading {packages} packages"),
            Self::Unpack { packages } => write!(f, "unpacking {packages} packages"),
            Self::Kernel { release } => write!(f, "unpacking kernel {release}"),
            Self::Modules => f.write_str("choosing kernel modules"),
            Self::Pack { files } => write!(f, "packing {files} files"),
        }
    }
}
