//! The seam to the guest: packets, in batches, both ways.

#[cfg(feature = "fake")]
pub mod contract;
#[cfg(feature = "fake")]
pub mod fake;
mod stream;

pub use stream::StreamLink;

use bytes::Bytes;
use std::{future::Future, io};

/// One IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The packet; checksums of TCP and UDP are not filled in.
    pub packet: Bytes,
    /// The most payload bytes of one TCP segment, or 0 for a packet that is sent on as it is.
    pub segment: u16,
}

/// Where packets of the guest come from and go to.
pub trait FrameLink: Send {
    /// Its reading half.
    type Source: FrameSource;
    /// Its writing half.
    type Sink: FrameSink;

    /// Both halves.
    fn split(self) -> (Self::Source, Self::Sink);
}

/// The reading half of a link.
pub trait FrameSource: Send {
    /// Appends at least one packet, and as many more as are there; appends none when the link has ended. May be dropped
    /// while it waits, and loses nothing then.
    ///
    /// # Errors
    /// The link broke, or carries no packets.
    fn read(&mut self, into: &mut Vec<Frame>) -> impl Future<Output = io::Result<()>> + Send;
}

/// The writing half of a link.
pub trait FrameSink: Send {
    /// Writes all packets, in order. After an error, or when it was dropped, the link is to be given up.
    ///
    /// # Errors
    /// The link broke.
    fn write(&mut self, frames: &[Frame]) -> impl Future<Output = io::Result<()>> + Send;
}
