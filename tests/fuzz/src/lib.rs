//! Inputs for the fuzz targets: good ones, changed. A target is a test in a module `fuzz` beside what it feeds;
//! `cargo xtask faults fuzz` runs them all for long, every run of the tests for a moment.

mod bytes;
mod document;
mod stream;

pub use bytes::{cuts, damaged};
pub use document::changed;
pub use stream::drained;
