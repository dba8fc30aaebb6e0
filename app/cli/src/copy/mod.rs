//! Copies between this system and a container: docker's rules for where they land, and tar archives read and written
//! here. What comes from a container is a stranger's archive.

mod extract;
mod pack;
mod path;
mod pieces;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(crate) use extract::extract;
pub(crate) use pack::pack;
pub(crate) use path::{Ending, Landing, Local, Side, Source, in_container, landing};
pub(crate) use pieces::{Incoming, Outgoing};
