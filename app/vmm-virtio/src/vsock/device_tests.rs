use super::*;
use crate::vsock::packet::{HOST_CID, Op};
use crate::vsock::{Dialer, Stream, pair};
use proptest::prelude::*;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use virtio_bindings::bindings::virtio_ring::{VRING_DESC_F_INDIRECT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE};
use virtio_queue::Queue;
use virtio_queue::desc::{RawDescriptor, split::Descriptor};
use virtio_queue::mock::MockSplitQueue;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

const CID: u64 = 3;
const SIZE: u16 = 16;
const RX_RINGS: u64 = 0;
const TX_RINGS: u64 = 0x4000;
const BUFFERS: u64 = 0x10_0000;
const NEXT: u16 = VRING_DESC_F_NEXT as u16;
const WRITE: u16 = VRING_DESC_F_WRITE as u16;

fn memory() -> GuestMemoryMmap {
    GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 4 << 20)]).unwrap()
}

struct Bench<'a> {
    memory: &'a GuestMemoryMmap,
    rx_ring: MockSplitQueue<'a, GuestMemoryMmap>,
    tx_ring: MockSplitQueue<'a, GuestMemoryMmap>,
    rx: Queue,
    tx: Queue,
    device: Device,
    dialer: Dialer,
    rx_used: u16,
}

impl<'a> Bench<'a> {
    fn new(memory: &'a GuestMemoryMmap) -> Self {
        let rx_ring = MockSplitQueue::create(memory, GuestAddress(RX_RINGS), SIZE);
        let tx_ring = MockSplitQueue::create(memory, GuestAddress(TX_RINGS), SIZE);
        let (rx, tx) = (rx_ring.create_queue().unwrap(), tx_ring.create_queue().unwrap());
        let (device, dialer) = pair(CID, || {});
        Self { memory, rx_ring, tx_ring, rx, tx, device, dialer, rx_used: 0 }
    }

    fn process(&mut self) {
        while self.device.process(&mut self.rx, &mut self.tx, self.memory).unwrap().again {}
    }

    /// Offers one buffer, cut into the given pieces, and returns the packet the device put there.
    fn receive(&mut self, pieces: &[u32]) -> (Header, Vec<u8>) {
        let mut at = BUFFERS + 0x8_0000;
        let chain: Vec<_> = pieces
            .iter()
            .enumerate()
            .map(|(index, len)| {
                let next = if index + 1 < pieces.len() { NEXT } else { 0 };
                let piece = Descriptor::new(at, *len, WRITE | next, index as u16 + 1);
                at += u64::from(*len);
                RawDescriptor::from(piece)
            })
            .collect();
        self.rx_ring.build_desc_chain(&chain).unwrap();
        self.process();
        let used = self.rx_ring.used().ring().ref_at(usize::from(self.rx_used % SIZE)).unwrap().load();
        self.rx_used += 1;
        assert_eq!(self.rx_ring.used().idx().load(), self.rx_used);
        let mut bytes = vec![0; used.len() as usize];
        self.memory.read_slice(&mut bytes, GuestAddress(BUFFERS + 0x8_0000)).unwrap();
        (Header::from_bytes(bytes.first_chunk().unwrap()), bytes.split_off(HEADER_LEN))
    }

    /// Sends one packet, cut into pieces of `piece` bytes, through an indirect table if asked.
    fn send(&mut self, bytes: &[u8], piece: usize, indirect: bool) {
        self.memory.write_slice(bytes, GuestAddress(BUFFERS)).unwrap();
        let count = bytes.len().div_ceil(piece);
        let chain: Vec<_> = (0..count)
            .map(|index| {
                let len = piece.min(bytes.len() - index * piece);
                let next = if index + 1 < count { NEXT } else { 0 };
                RawDescriptor::from(Descriptor::new(
                    BUFFERS + (index * piece) as u64,
                    len as u32,
                    next,
                    index as u16 + 1,
                ))
            })
            .collect();
        if indirect {
            let table = BUFFERS - 0x1000;
            for (index, descriptor) in chain.iter().enumerate() {
                self.memory.write_obj(*descriptor, GuestAddress(table + 16 * index as u64)).unwrap();
            }
            let head = Descriptor::new(table, 16 * count as u32, VRING_DESC_F_INDIRECT as u16, 0);
            self.tx_ring.build_desc_chain(&[head.into()]).unwrap();
        } else {
            self.tx_ring.build_desc_chain(&chain).unwrap();
        }
        self.process();
    }

    fn connect(&mut self) -> (Header, Stream) {
        let dialer = self.dialer.clone();
        let mut dial = pin!(dialer.dial(7));
        assert!(poll(&mut dial).is_pending());
        let (request, _) = self.receive(&[HEADER_LEN as u32]);
        assert_eq!(request.op(), Some(Op::Request));
        let answer = packet(&request, Op::Response, &[]);
        self.send(&answer, HEADER_LEN, false);
        let Poll::Ready(Ok(stream)) = poll(&mut dial) else { panic!("not connected") };
        (request, stream)
    }
}

fn packet(request: &Header, op: Op, payload: &[u8]) -> Vec<u8> {
    let key = crate::vsock::packet::Key { host_port: request.src_port, guest_port: request.dst_port };
    let mut header = Header::to_guest(CID, key, op);
    (header.src_cid, header.dst_cid) = (CID, HOST_CID);
    (header.src_port, header.dst_port) = (request.dst_port, request.src_port);
    (header.buf_alloc, header.len) = (1 << 18, payload.len() as u32);
    [&header.to_bytes(), payload].concat()
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    let Poll::Ready(value) = poll(&mut pin!(future)) else { panic!("it waits") };
    value
}

#[test]
fn a_packet_may_be_spread_over_many_descriptors_even_within_its_header() {
    let memory = memory();
    for (piece, indirect) in [(100_000, false), (9_000, false), (60_000, true), (1_013, true)] {
        let mut bench = Bench::new(&memory);
        let (request, mut stream) = bench.connect();
        let payload: Vec<u8> = (0..65_536u32).map(|n| (n % 251) as u8).collect();
        bench.send(&packet(&request, Op::Rw, &payload), piece, indirect);
        let mut got = vec![0; payload.len()];
        now(stream.read_exact(&mut got)).unwrap();
        assert!(got == payload, "pieces of {piece}");
        bench.send(&packet(&request, Op::Rw, b"tail"), 11, indirect);
        now(stream.read_exact(&mut got[..4])).unwrap();
        assert_eq!(&got[..4], b"tail");
    }
}

#[test]
fn what_the_host_writes_fills_the_buffers_the_guest_offers() {
    let memory = memory();
    let mut bench = Bench::new(&memory);
    let (_, mut stream) = bench.connect();
    now(stream.write_all(&[7; 300])).unwrap();
    let (header, payload) = bench.receive(&[20, 40, 100]);
    assert_eq!((header.op(), header.len, payload.len()), (Some(Op::Rw), 116, 116));
    let (_, payload) = bench.receive(&[4096]);
    assert_eq!(payload, [7; 184]);
}

#[test]
fn a_buffer_too_small_for_a_header_loses_nothing() {
    let memory = memory();
    let mut bench = Bench::new(&memory);
    let (_, mut stream) = bench.connect();
    now(stream.write_all(b"kept")).unwrap();
    for small in [10, HEADER_LEN as u32] {
        bench.rx_ring.build_desc_chain(&[Descriptor::new(BUFFERS, small, WRITE, 0).into()]).unwrap();
        bench.process();
        bench.rx_used += 1;
    }
    assert_eq!(bench.receive(&[4096]).1, b"kept");
}

proptest! {
    /// Rings filled with anything: nothing panics, and the host's dialer still works.
    #[test]
    fn no_ring_content_breaks_the_device(
        descriptors in prop::collection::vec((prop_oneof![0..(5u64 << 20), any::<u64>()], any::<u32>(), any::<u16>(), 0u16..20), 16),
        heads in prop::collection::vec(0u16..20, 16),
        count in 0u16..17,
    ) {
        let memory = memory();
        let mut bench = Bench::new(&memory);
        for ring in [&bench.rx_ring, &bench.tx_ring] {
            for (index, (address, len, flags, next)) in descriptors.iter().enumerate() {
                let descriptor = Descriptor::new(*address, *len, flags & 7, *next);
                ring.desc_table().store(index as u16, descriptor.into()).unwrap();
            }
            for (index, head) in heads.iter().enumerate() {
                ring.avail().ring().ref_at(index).unwrap().store(*head);
            }
            ring.avail().idx().store(count);
        }
        let dialer = bench.dialer.clone();
        let mut dial = pin!(dialer.dial(7));
        prop_assert!(poll(&mut dial).is_pending());
        for _ in 0..40 {
            if let Ok(round) = bench.device.process(&mut bench.rx, &mut bench.tx, &memory) && !round.again { break; }
        }
        dialer.end();
        prop_assert!(poll(&mut dial).is_ready());
    }
}
