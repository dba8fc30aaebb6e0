//! The device side of virtio: what a guest's virtio drivers talk to.
//!
//! A device here is guest memory and queues on one side, and plain Rust on the other. How the queues reach it
//! (registers of our own VMM, or another process's descriptors) is its user's business.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod vsock;
