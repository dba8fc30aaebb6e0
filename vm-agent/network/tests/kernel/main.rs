//! Networks against the real kernel, in a network and mount namespace of the test's own. Needs root.
#![allow(clippy::unwrap_used)]

mod bridge;
mod ground;
mod names;
mod several;
mod sweep;
