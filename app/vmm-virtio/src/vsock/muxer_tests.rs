use super::*;
use crate::vsock::connection::WINDOW;
use crate::vsock::packet::{Key, SHUTDOWN_RCV, SHUTDOWN_SEND};
use crate::vsock::stream::{DialError, Dialer, Stream};
use proptest::prelude::*;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CID: u64 = 3;

/// A device with a guest that speaks packet by packet.
struct Guest {
    muxer: Muxer,
    dialer: Dialer,
}

impl Guest {
    fn new() -> Self {
        let table = Table::new(Box::new(|| {}));
        Self { muxer: Muxer::new(CID, table.clone()), dialer: Dialer::new(table) }
    }

    fn receive(&mut self) -> Option<(Header, Vec<u8>)> {
        let mut bytes = vec![];
        let size = self.muxer.transmit(4096, &mut bytes).unwrap();
        assert_eq!(size, bytes.len());
        let header = Header::from_bytes(bytes.first_chunk()?);
        Some((header, bytes.split_off(HEADER_LEN)))
    }

    fn send(&mut self, key: Key, op: Op, payload: &[u8], change: impl FnOnce(&mut Header)) {
        let mut header = Header::to_guest(CID, key, op);
        (header.src_cid, header.dst_cid) = (CID, HOST_CID);
        (header.src_port, header.dst_port) = (key.guest_port, key.host_port);
        (header.buf_alloc, header.len) = (WINDOW, payload.len() as u32);
        change(&mut header);
        self.muxer.receive(&header, payload.len(), &mut &*payload);
    }

    /// Answers the next dial.
    fn accept(&mut self) -> Key {
        let mut packets = std::iter::from_fn(|| self.receive());
        let (header, _) = packets.find(|(header, _)| header.op() == Some(Op::Request)).unwrap();
        let key = Key { host_port: header.src_port, guest_port: header.dst_port };
        self.send(key, Op::Response, &[], |_| {});
        key
    }

    fn connect(&mut self) -> (Key, Stream) {
        let dialer = self.dialer.clone();
        let mut dial = pin!(dialer.dial(7));
        assert!(poll(&mut dial).is_pending(), "a dial waits for the guest's answer");
        let key = self.accept();
        let Poll::Ready(Ok(stream)) = poll(&mut dial) else { panic!("not connected") };
        (key, stream)
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    let Poll::Ready(value) = poll(&mut pin!(future)) else { panic!("it waits") };
    value
}

#[test]
fn a_dial_waits_until_the_guest_is_up_is_answered_or_refused() {
    let mut guest = Guest::new();
    let dialer = guest.dialer.clone();
    let mut dial = pin!(dialer.dial(7));
    assert!(poll(&mut dial).is_pending());
    guest.muxer.guest_restarted();
    assert!(poll(&mut dial).is_pending(), "a guest that comes up late is asked when it is there");
    let (header, _) = guest.receive().unwrap();
    assert_eq!((header.op(), header.dst_port), (Some(Op::Request), 7));
    guest.send(Key { host_port: header.src_port, guest_port: 7 }, Op::Rst, &[], |_| {});
    assert_eq!(poll(&mut dial).map(Result::err), Poll::Ready(Some(DialError::Refused)));
    assert!(guest.receive().is_none());
}

#[test]
fn giving_up_a_dial_takes_it_back() {
    let mut guest = Guest::new();
    let dialer = guest.dialer.clone();
    {
        let mut dial = pin!(dialer.dial(7));
        assert!(poll(&mut dial).is_pending());
    }
    assert!(guest.receive().is_none(), "a guest that was not asked hears nothing");
    let key = {
        let mut dial = pin!(dialer.dial(7));
        assert!(poll(&mut dial).is_pending());
        let (header, _) = guest.receive().unwrap();
        Key { host_port: header.src_port, guest_port: header.dst_port }
    };
    assert_eq!(guest.receive().unwrap().0.op(), Some(Op::Rst));
    guest.send(key, Op::Response, &[], |_| {});
    assert_eq!(guest.receive().unwrap().0.op(), Some(Op::Rst), "a late answer is turned away");
}

#[test]
fn the_guest_may_not_dial() {
    let mut guest = Guest::new();
    let key = Key { host_port: 22, guest_port: 999 };
    guest.send(key, Op::Request, &[], |_| {});
    let (header, _) = guest.receive().unwrap();
    assert_eq!((header.op(), header.src_port, header.dst_port), (Some(Op::Rst), 22, 999));
    guest.send(key, Op::Rst, &[], |_| {});
    assert!(guest.receive().is_none(), "resets are not answered with resets");
    guest.send(key, Op::Request, &[], |header| header.src_cid = 77);
    guest.send(key, Op::Request, &[], |header| header.dst_cid = 1);
    assert!(guest.receive().is_none());
}

#[test]
fn a_guest_that_only_sends_holds_up_itself() {
    let mut guest = Guest::new();
    for port in 0..1000 {
        if guest.muxer.accepts() {
            guest.send(Key { host_port: 22, guest_port: port }, Op::Request, &[], |_| {});
        }
    }
    assert_eq!(guest.muxer.strays.len(), MAX_STRAYS);
    assert!(guest.receive().is_some() && guest.muxer.accepts());
}

#[test]
fn bytes_arrive_both_ways_and_a_drop_says_goodbye() {
    let mut guest = Guest::new();
    let (key, mut stream) = guest.connect();
    now(stream.write_all(b"ping")).unwrap();
    assert_eq!(guest.receive().unwrap().1, b"ping");
    let mut buffer = [0; 8];
    assert!(poll(&mut pin!(stream.read(&mut buffer))).is_pending());
    guest.send(key, Op::Rw, b"pong", |_| {});
    assert_eq!(now(stream.read(&mut buffer)).unwrap(), 4);
    drop(stream);
    let (header, _) = guest.receive().unwrap();
    assert_eq!((header.op(), header.flags), (Some(Op::Shutdown), SHUTDOWN_RCV | SHUTDOWN_SEND));
    assert_eq!(guest.muxer.table.len(), 0);
}

#[test]
fn a_packet_that_lies_about_its_length_costs_only_its_own_stream() {
    let mut guest = Guest::new();
    let (bad, mut broken) = guest.connect();
    let (good, mut fine) = guest.connect();
    guest.send(bad, Op::Rw, b"short", |header| header.len = u32::MAX);
    assert_eq!(guest.receive().unwrap().0.op(), Some(Op::Rst));
    assert!(now(broken.read(&mut [0; 8])).is_err());
    guest.send(good, Op::Rw, b"ok", |_| {});
    assert_eq!(now(fine.read(&mut [0; 8])).unwrap(), 2);
}

#[test]
fn a_thousand_streams_take_turns() {
    let mut guest = Guest::new();
    let mut streams: Vec<_> = (0..1000).map(|_| guest.connect()).collect();
    for (_, stream) in &mut streams {
        now(stream.write_all(&[1; 10_000])).unwrap();
    }
    let mut first_turn: Vec<_> = (0..1000).map(|_| guest.receive().unwrap().0.src_port).collect();
    first_turn.sort_unstable();
    first_turn.dedup();
    assert_eq!(first_turn.len(), 1000, "no stream is served twice before each was served once");
    let mut rest = 0;
    while let Some((_, payload)) = guest.receive() {
        rest += payload.len();
    }
    assert_eq!(rest, 1000 * (10_000 - (4096 - HEADER_LEN)));
}

#[test]
fn the_last_words_of_many_dropped_streams_are_bounded() {
    let mut guest = Guest::new();
    for _ in 0..300 {
        let (key, mut stream) = guest.connect();
        guest.send(key, Op::CreditUpdate, &[], |header| header.buf_alloc = 0);
        now(stream.write_all(b"unread")).unwrap();
        drop(stream);
    }
    while guest.receive().is_some() {}
    assert_eq!(guest.muxer.table.len(), 256, "the oldest are given up");
}

#[test]
fn when_the_guest_goes_everything_ends() {
    let mut guest = Guest::new();
    let (_, mut stream) = guest.connect();
    let dialer = guest.dialer.clone();
    let mut dial = pin!(dialer.dial(7));
    assert!(poll(&mut dial).is_pending());
    dialer.end();
    assert_eq!(poll(&mut dial).map(Result::err), Poll::Ready(Some(DialError::Gone)));
    assert!(now(stream.read(&mut [0; 8])).is_err());
    assert!(now(stream.write_all(b"x")).is_err());
    assert_eq!(now(dialer.dial(7)).err(), Some(DialError::Gone));
}

#[test]
fn a_driver_that_begins_anew_knows_no_stream() {
    let mut guest = Guest::new();
    let (key, mut stream) = guest.connect();
    guest.muxer.guest_restarted();
    assert!(now(stream.read(&mut [0; 8])).is_err());
    guest.send(key, Op::Rw, b"old", |_| {});
    assert_eq!(guest.receive().unwrap().0.op(), Some(Op::Rst));
    drop(guest.connect());
}

proptest! {
    #[test]
    fn no_bytes_of_a_guest_harm_another_stream(
        packets in prop::collection::vec((any::<[u8; 32]>(), any::<[u8; 12]>(), any::<bool>(), 0usize..200), 0..100)
    ) {
        let mut guest = Guest::new();
        let (victim, mut stream) = guest.connect();
        let (target, _hostile) = guest.connect();
        for (low, high, aimed, available) in packets {
            let mut bytes = [0; HEADER_LEN];
            bytes[..32].copy_from_slice(&low);
            bytes[32..].copy_from_slice(&high);
            if aimed {
                let mut frame = Header::to_guest(CID, target, Op::Rw);
                (frame.src_cid, frame.dst_cid) = (CID, HOST_CID);
                (frame.src_port, frame.dst_port) = (target.guest_port, target.host_port);
                bytes[..24].copy_from_slice(&frame.to_bytes()[..24]);
                bytes[28..30].copy_from_slice(&1u16.to_le_bytes());
                bytes[31] = 0;
                bytes[30] %= 9;
            }
            let header = Header::from_bytes(&bytes);
            prop_assume!(header.key_from_guest() != victim);
            if guest.muxer.accepts() {
                guest.muxer.receive(&header, available, &mut std::io::repeat(1).take(available as u64));
            }
            if available % 3 == 0 { guest.receive(); }
        }
        while guest.receive().is_some() {}
        guest.send(victim, Op::Rw, b"alive", |_| {});
        let mut buffer = [0; 8];
        prop_assert_eq!(now(stream.read(&mut buffer)).unwrap(), 5);
    }
}
