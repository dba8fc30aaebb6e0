//! The container's first process, from its clone to the exec of the container's program. Nothing here returns to the
//! caller's code: an error is reported to the parent, and the process ends.

mod capabilities;
mod channel;
mod devices;
mod executable;
mod id_map;
mod identity;
mod joiner;
mod limits;
mod masks;
mod mounts;
mod namespaces;
mod options;
mod peers;
mod program;
mod rooted;
mod rootfs;
mod sequence;
mod sources;
mod sysctl;
mod terminal;

pub(crate) use capabilities::Granted;
pub(crate) use channel::{ParentEnd, Report, pair, pass};
pub(crate) use devices::open_null;
pub(crate) use id_map::{IdMaps, in_new_namespaces, root_of};
pub(crate) use identity::give_streams;
pub(crate) use joiner::Joiner;
pub(crate) use limits::raise as raise_limits;
pub(crate) use namespaces::{Namespaces, WayBack, differing};
pub(crate) use program::Streams;
pub(crate) use sequence::Init;
pub(crate) use sources::{Sources, map_to};
pub(crate) use sysctl::{HostProc, check as check_sysctl};
pub(crate) use terminal::resize;
