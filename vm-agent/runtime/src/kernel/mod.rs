//! System calls that neither `nix` nor the standard library wraps, each as one safe function.

pub(crate) mod clone;
pub(crate) mod file;
pub(crate) mod mount;
pub(crate) mod process;
