//! Recipe of the guest: kernel, modules, initramfs, manifest
