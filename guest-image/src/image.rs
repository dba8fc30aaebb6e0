//! The initramfs: what is in it, and the archive format.

pub(crate) mod certificates;
pub(crate) mod contents;
pub(crate) mod cpio;
