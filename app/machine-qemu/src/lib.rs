//! The QEMU adapter of the VM port: machines on Linux, with KVM where it works and by translation where it does not.
//!
//! Vsock is carried by our own device, [`berth_vmm_virtio::vsock`], which QEMU reaches over vhost-user. That is so
//! whether or not the kernel has `/dev/vhost-vsock`: one path, needing no rights.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod command;
mod connector;
mod console;
mod driver;
mod probe;
mod process;
mod qmp;
mod sockets;
mod version;
mod vhost_user;
mod vm;

pub use driver::QemuDriver;
