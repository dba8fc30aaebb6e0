//! The device side of virtio
