//! The QEMU adapter of the VM port
