//! What every link does, as a test.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a test")]

use super::{Frame, FrameLink, FrameSink, FrameSource};
use bytes::Bytes;

/// Packets of every size arrive whole and in order, in both directions at once, and the end of one end is seen at the
/// other.
pub async fn carries_packets_in_order_both_ways(near: impl FrameLink, far: impl FrameLink) {
    let (mut near_source, mut near_sink) = near.split();
    let (mut far_source, mut far_sink) = far.split();
    let there: Vec<Frame> = [20, 1, 65_535, 0, 1500].into_iter().cycle().take(40).zip(0..).map(frame).collect();
    let back: Vec<Frame> = there.iter().rev().cloned().collect();
    let (sent, answered) = (there.clone(), back.clone());
    let writes = async {
        near_sink.write(&sent[..7]).await.unwrap();
        near_sink.write(&sent[7..]).await.unwrap();
    };
    let answers = async { far_sink.write(&answered).await.unwrap() };
    let (arrived, returned) = (read(&mut far_source, there.len()), read(&mut near_source, back.len()));
    let (arrived, returned, (), ()) = tokio::join!(arrived, returned, writes, answers);
    assert!(arrived == there, "what was sent arrives");
    assert!(returned == back, "and what was answered");
    drop((near_source, near_sink));
    let mut more = Vec::new();
    far_source.read(&mut more).await.unwrap();
    assert!(more.is_empty(), "the other end is gone");
}

async fn read(source: &mut impl FrameSource, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        let before = frames.len();
        source.read(&mut frames).await.unwrap();
        assert!(frames.len() > before, "the link ended early");
    }
    frames
}

fn frame((length, number): (usize, u16)) -> Frame {
    let byte = number.to_be_bytes()[1];
    Frame { packet: Bytes::from(vec![byte; length]), segment: number }
}
