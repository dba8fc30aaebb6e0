//! The VM port: what a machine is made of, how it is booted, reached, watched and ended.
//!
//! A [`Driver`] turns a [`MachineSpec`] into a [`Vm`]; a [`Connector`] opens byte streams to ports of its guest.
//! Everything else here is what every adapter and its user need in the same way: the lifecycle, the named steps of a
//! boot, the handshake, the data disk and the archive that carries `boot.json`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod boot;
pub mod connector;
#[cfg(feature = "contract")]
pub mod contract;
pub mod cpio;
pub mod disk;
mod driver;
mod failure;
#[cfg(feature = "fake")]
pub mod fake;
pub mod framing;
pub mod handshake;
pub mod initramfs;
pub mod lifecycle;
mod spec;
mod vm;

pub use connector::{Channel, ConnectError, Connector};
pub use driver::{Acceleration, Driver};
pub use failure::Failure;
pub use spec::{DataDisk, MIN_MEMORY_MIB, MachineSpec};
pub use vm::{End, ShutdownMode, Vm, VmState};
