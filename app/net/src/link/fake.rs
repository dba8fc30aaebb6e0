//! A link between two ends in this process.

use super::{Frame, FrameLink, FrameSink, FrameSource};
use std::io;
use tokio::sync::mpsc;

/// Packets that wait on the way before the writer does.
const ROOM: usize = 256;

/// One end.
#[derive(Debug)]
pub struct FakeLink {
    source: FakeSource,
    sink: FakeSink,
}

/// What one end reads.
#[derive(Debug)]
pub struct FakeSource(mpsc::Receiver<Frame>);

/// Where one end writes.
#[derive(Debug)]
pub struct FakeSink(mpsc::Sender<Frame>);

/// Both ends. When one is dropped the other has ended.
#[must_use]
pub fn pair() -> (FakeLink, FakeLink) {
    let ((to_far, from_near), (to_near, from_far)) = (mpsc::channel(ROOM), mpsc::channel(ROOM));
    (
        FakeLink { source: FakeSource(from_far), sink: FakeSink(to_far) },
        FakeLink { source: FakeSource(from_near), sink: FakeSink(to_near) },
    )
}

impl FrameLink for FakeLink {
    type Source = FakeSource;
    type Sink = FakeSink;

    fn split(self) -> (FakeSource, FakeSink) {
        (self.source, self.sink)
    }
}

impl FrameSource for FakeSource {
    async fn read(&mut self, into: &mut Vec<Frame>) -> io::Result<()> {
        self.0.recv_many(into, ROOM).await;
        Ok(())
    }
}

impl FrameSink for FakeSink {
    async fn write(&mut self, frames: &[Frame]) -> io::Result<()> {
        for frame in frames {
            self.0.send(frame.clone()).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::contract;

    #[tokio::test]
    async fn the_fake_is_a_link() {
        let (near, far) = pair();
        contract::carries_packets_in_order_both_ways(near, far).await;
    }
}
