//! Real containers, made by the built program on this machine: needs root, and busybox from Debian's busybox-static.
//! Every command runs in a mount namespace of its own, so that nothing stays mounted on the host whatever goes wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod attacks;
mod cgroups;
mod conformance;
mod exec;
mod fixture;
mod fuzz;
mod identity;
mod isolation;
mod lifecycle;
mod monitored;
mod mounts;
mod small_init;
mod streams;
mod users;
