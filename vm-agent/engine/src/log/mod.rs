//! A container's output: what was kept, and what comes.

mod attributes;
mod details;
mod driver;
mod entry;
mod files;
#[cfg(test)]
mod fuzz;
mod reader;
mod tail;
mod watch;

pub(crate) use attributes::attributes;
pub(crate) use driver::{DEFAULT, Rotation, is_kept, is_public, rotation};
pub use driver::{DRIVERS, LogTarget};
pub(crate) use reader::{Reading, read};
pub(crate) use watch::LogWatch;

use crate::{Error, Timestamp};
use bytes::Bytes;
use futures_util::stream::BoxStream;

/// Which of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// Standard output; everything of a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFrame {
    /// Which output.
    pub stdio: Stdio,
    /// When it was written.
    pub at: Timestamp,
    /// The bytes; with [`LogOptions::timestamps`] the time and a space stand in front, and what
    /// [`LogOptions::details`] are behind that.
    pub bytes: Bytes,
}

/// Output as it comes.
pub type LogStream = BoxStream<'static, Result<LogFrame, Error>>;

/// Which output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Standard output too.
    pub stdout: bool,
    /// Standard error too.
    pub stderr: bool,
    /// Goes on until the container ends.
    pub follow: bool,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Puts the time in front of each line.
    pub timestamps: bool,
    /// Puts what the log's options attach to it in front of each line: `key=value,key=value` and a space.
    pub details: bool,
    /// The last so many lines; `None` is all.
    pub tail: Option<usize>,
}
