//! Debian packages: where they come from, which are taken, what is in them.

pub(crate) mod apt;
pub(crate) mod packages;
mod repository;
pub(crate) mod sources;
pub(crate) mod tree;

pub use repository::{Repository, UnpackError, unpack};
