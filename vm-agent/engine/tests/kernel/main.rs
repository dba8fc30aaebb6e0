//! The engine on the real kernel, runtime, image store and bridge, in namespaces of the test's own.
//!
//! Needs root, busybox from Debian's busybox-static, and the built `berth-runtime`, looked for in `BERTH_RUNTIME` and
//! beside the tests; where one is missing the cases say so and are skipped: the end-to-end tests run them in the VM.
#![allow(clippy::unwrap_used)]

mod containers;
mod files;
mod ground;
mod isolation;
mod limits;
mod networks;
mod streams;
mod users;
