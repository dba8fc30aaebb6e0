use super::*;
use crate::vsock::packet::{HOST_CID, Key, TYPE_STREAM};
use proptest::prelude::*;

const KEY: Key = Key { host_port: 1 << 30, guest_port: 7 };

fn packet(op: Op, len: usize, window: u32, taken: u32) -> Header {
    let mut header = Header::to_guest(3, KEY, op);
    (header.src_cid, header.dst_cid, header.kind) = (3, HOST_CID, TYPE_STREAM);
    header.len = u32::try_from(len).unwrap();
    header.buf_alloc = window;
    header.fwd_cnt = taken;
    header
}

fn send(connection: &mut Connection) -> Option<Outgoing> {
    let packet = connection.outgoing(MAX_PAYLOAD)?;
    connection.was_sent(packet);
    Some(packet)
}

fn open() -> Connection {
    let mut connection = Connection::dial();
    assert_eq!(send(&mut connection).map(|packet| packet.op), Some(Op::Request));
    assert_eq!(send(&mut connection), None);
    connection.receive(&packet(Op::Response, 0, WINDOW, 0), &mut io::empty()).unwrap();
    assert_eq!(connection.phase(), Phase::Open);
    connection
}

fn give(connection: &mut Connection, bytes: &[u8]) -> Result<(), Violation> {
    connection.receive(&packet(Op::Rw, bytes.len(), WINDOW, 0), &mut &*bytes)
}

fn shutdown(flags: u32) -> Header {
    let mut header = packet(Op::Shutdown, 0, WINDOW, 0);
    header.flags = flags;
    header
}

#[test]
fn a_host_that_does_not_read_stops_the_guest_and_starts_it_again_by_reading() {
    let mut connection = open();
    give(&mut connection, &vec![1; WINDOW as usize]).unwrap();
    assert_eq!(connection.outgoing(100), None, "no credit is given for what nobody read");
    let mut buffer = vec![0; WINDOW as usize / 4];
    assert_eq!(connection.read(&mut buffer), Moved::Bytes(buffer.len()));
    assert_eq!(send(&mut connection).unwrap().op, Op::CreditUpdate);
    let mut header = Header::default();
    connection.stamp(&mut header);
    assert_eq!((header.buf_alloc, header.fwd_cnt), (WINDOW, WINDOW / 4));
    give(&mut connection, &buffer).unwrap();
    assert_eq!(give(&mut connection, b"x"), Err(Violation), "a guest that ignores its credit breaks the rules");
}

#[test]
fn reading_a_little_at_a_time_does_not_cost_a_packet_each() {
    let mut connection = open();
    give(&mut connection, &vec![1; WINDOW as usize]).unwrap();
    let mut updates = 0;
    while connection.read(&mut [0; 64]) != Moved::Blocked {
        updates += usize::from(send(&mut connection).is_some());
    }
    assert!((2..20).contains(&updates), "{updates} updates");
}

#[test]
fn a_guest_without_room_is_asked_once_and_then_left_alone() {
    let mut connection = open();
    assert_eq!(connection.write(&vec![1; WINDOW as usize]), Moved::Bytes(WINDOW as usize));
    assert_eq!(connection.write(b"more"), Moved::Blocked);
    let mut sent = 0;
    while let Some(Outgoing { op: Op::Rw, len, .. }) = connection.outgoing(MAX_PAYLOAD) {
        sent += len;
        send(&mut connection);
    }
    assert_eq!(sent, WINDOW as usize);
    assert_eq!(connection.write(b"more"), Moved::Bytes(4));
    assert_eq!(send(&mut connection).unwrap().op, Op::CreditRequest);
    assert_eq!(send(&mut connection), None);
    connection.receive(&packet(Op::CreditUpdate, 0, WINDOW, 3), &mut io::empty()).unwrap();
    assert_eq!(send(&mut connection).unwrap().len, 3);
}

#[test]
fn each_side_may_end_first_and_the_other_goes_on() {
    let mut connection = open();
    connection.write(b"question");
    connection.finish();
    assert_eq!(connection.write(b"x"), Moved::Broken);
    assert_eq!(send(&mut connection).unwrap().op, Op::Rw);
    assert_eq!(send(&mut connection), Some(Outgoing { op: Op::Shutdown, flags: SHUTDOWN_SEND, len: 0 }));
    give(&mut connection, b"answer").unwrap();
    connection.receive(&shutdown(SHUTDOWN_SEND), &mut io::empty()).unwrap();
    assert_eq!(give(&mut connection, b"x"), Err(Violation), "nothing may follow the end");
    let mut answer = [0; 6];
    assert_eq!(connection.read(&mut answer), Moved::Bytes(6));
    assert_eq!(&answer, b"answer");
    assert_eq!(connection.read(&mut answer), Moved::Bytes(0));

    let mut connection = open();
    connection.receive(&shutdown(SHUTDOWN_SEND), &mut io::empty()).unwrap();
    assert_eq!(connection.read(&mut answer), Moved::Bytes(0));
    assert_eq!(connection.write(b"still here"), Moved::Bytes(10));
    assert_eq!(send(&mut connection).unwrap().len, 10);
}

#[test]
fn a_guest_that_closes_gets_its_reset_and_its_last_bytes_are_read() {
    let mut connection = open();
    give(&mut connection, b"bye").unwrap();
    connection.receive(&shutdown(SHUTDOWN_SEND | SHUTDOWN_RCV), &mut io::empty()).unwrap();
    assert_eq!(connection.write(b"x"), Moved::Broken);
    assert_eq!(send(&mut connection).unwrap().op, Op::Rst);
    assert!(connection.is_over());
    assert_eq!(connection.read(&mut [0; 3]), Moved::Bytes(3));
    assert_eq!(connection.read(&mut [0; 3]), Moved::Bytes(0));
}

#[test]
fn a_reset_breaks_both_directions_after_the_bytes_that_came_before() {
    let mut connection = open();
    give(&mut connection, b"last").unwrap();
    connection.receive(&packet(Op::Rst, 0, 0, 0), &mut io::empty()).unwrap();
    assert!(connection.is_over());
    assert_eq!(connection.write(b"x"), Moved::Broken);
    assert_eq!(connection.read(&mut [0; 4]), Moved::Bytes(4));
    assert_eq!(connection.read(&mut [0; 4]), Moved::Broken);
}

#[test]
fn a_host_that_leaves_still_delivers_what_it_wrote() {
    let mut connection = open();
    connection.write(b"farewell");
    connection.host_dropped();
    assert!(connection.lingers());
    give(&mut connection, b"nobody reads this").unwrap();
    assert_eq!(send(&mut connection).unwrap(), Outgoing { op: Op::Rw, flags: 0, len: 8 });
    assert_eq!(send(&mut connection).unwrap().flags, SHUTDOWN_RCV | SHUTDOWN_SEND);
    assert!(connection.is_over());
}

#[test]
fn a_length_near_the_largest_number_is_refused_before_a_byte_is_read() {
    let mut connection = open();
    for len in [WINDOW + 1, u32::MAX - 1, u32::MAX] {
        let mut header = packet(Op::Rw, 0, WINDOW, 0);
        header.len = len;
        assert_eq!(connection.receive(&header, &mut io::repeat(0)), Err(Violation));
    }
    assert_eq!(connection.inbox.capacity(), 0);
}

/// What one of the two ends does next.
#[derive(Clone, Debug)]
enum Act {
    HostWrites(usize),
    HostReads(usize),
    GuestWrites(usize),
    GuestReads(usize),
    DeviceSends(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let size = prop_oneof![0usize..64, 0usize..70_000, Just(WINDOW as usize)];
    prop::collection::vec(
        (0..5, size).prop_map(|(kind, size)| match kind {
            0 => Act::HostWrites(size),
            1 => Act::HostReads(size),
            2 => Act::GuestWrites(size),
            3 => Act::GuestReads(size),
            _ => Act::DeviceSends(size),
        }),
        1..200,
    )
}

fn numbered(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|n| (n % 251) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A guest that keeps the rules, written from the standard and not from our code, against our side.
    #[test]
    fn both_directions_carry_every_byte_within_the_credit(acts in acts(), start: u32, window in 64u32..300_000) {
        let mut connection = open();
        // Counters are modulo 2^32, so wherever they begin must make no difference.
        (connection.received, connection.taken, connection.told) = (start, start, start);
        (connection.sent, connection.guest_taken, connection.guest_window) = (start, start, window);
        let (mut to_host, mut host_read) = (0, 0);
        let (mut host_wrote, mut to_guest, mut guest_read) = (0, 0, 0);
        let mut seen_taken = start;
        for act in acts {
            let guest_taken = start.wrapping_add(guest_read as u32);
            match act {
                Act::HostWrites(len) => {
                    if let Moved::Bytes(bytes) = connection.write(&numbered(host_wrote, len)) { host_wrote += bytes; }
                }
                Act::HostReads(len) => {
                    let mut buffer = vec![0; len];
                    if let Moved::Bytes(bytes) = connection.read(&mut buffer) {
                        prop_assert_eq!(&buffer[..bytes], numbered(host_read, bytes));
                        host_read += bytes;
                    }
                }
                Act::GuestWrites(len) => {
                    let under_way = start.wrapping_add(to_host as u32).wrapping_sub(seen_taken);
                    let len = len.min((WINDOW - under_way) as usize);
                    let bytes = numbered(to_host, len);
                    let header = packet(Op::Rw, len, window, guest_taken);
                    prop_assert_eq!(connection.receive(&header, &mut bytes.as_slice()), Ok(()));
                    to_host += len;
                }
                Act::GuestReads(len) => {
                    guest_read += len.min(to_guest - guest_read);
                    let header = packet(Op::CreditUpdate, 0, window, start.wrapping_add(guest_read as u32));
                    prop_assert_eq!(connection.receive(&header, &mut io::empty()), Ok(()));
                }
                Act::DeviceSends(room) => {
                    let Some(packet) = connection.outgoing(room) else { continue };
                    prop_assert!(packet.len <= room);
                    let (first, second) = connection.payload(packet.len);
                    let payload = [first, second].concat();
                    prop_assert_eq!(payload.len(), packet.len);
                    prop_assert_eq!(&payload, &numbered(to_guest, packet.len));
                    let mut header = Header::default();
                    connection.stamp(&mut header);
                    seen_taken = header.fwd_cnt;
                    connection.was_sent(packet);
                    to_guest += packet.len;
                    prop_assert!(to_guest - guest_read <= window as usize, "the guest's buffer would overflow");
                }
            }
        }
        // Neither side is stuck: with both reading, everything arrives.
        for _ in 0..10_000 {
            while let Some(packet) = connection.outgoing(MAX_PAYLOAD) {
                to_guest += packet.len;
                connection.was_sent(packet);
            }
            guest_read = to_guest;
            let header = packet(Op::CreditUpdate, 0, window, start.wrapping_add(guest_read as u32));
            prop_assert_eq!(connection.receive(&header, &mut io::empty()), Ok(()));
            if to_guest == host_wrote { break; }
        }
        prop_assert_eq!(to_guest, host_wrote);
    }
}

proptest! {
    #[test]
    fn no_packet_of_a_hostile_guest_breaks_more_than_its_stream(
        packets in prop::collection::vec((0u16..10, prop_oneof![0u32..100, any::<u32>(), (u32::MAX - 50)..], 0u32..5, any::<u32>(), any::<u32>()), 0..60)
    ) {
        let mut connection = open();
        connection.write(b"something to say");
        for (op, len, flags, window, taken) in packets {
            let mut header = packet(Op::Rw, 0, window, taken);
            (header.len, header.flags) = (len, flags);
            let mut bytes = header.to_bytes();
            bytes[30..32].copy_from_slice(&op.to_le_bytes());
            let header = Header::from_bytes(&bytes);
            if connection.receive(&header, &mut io::repeat(7).take(100)).is_err() {
                connection.reset();
            }
            prop_assert!(connection.inbox.len() <= WINDOW as usize);
            let _ = connection.read(&mut [0; 10]);
            let _ = connection.write(b"on and on");
            if let Some(packet) = connection.outgoing(1000) { connection.was_sent(packet); }
        }
    }
}
