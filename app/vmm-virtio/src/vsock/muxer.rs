//! Packets to connections and back.

use super::packet::{HEADER_LEN, HOST_CID, Header, Op, TYPE_STREAM};
use super::table::{Endpoint, Table};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// How many resets for unknown connections may wait. With more, the guest's packets are left in its queue until it
/// has taken some: a guest that only sends holds up itself, not our memory.
const MAX_STRAYS: usize = 128;

/// The device's side of all connections.
pub(crate) struct Muxer {
    guest_cid: u64,
    table: Table,
    /// Resets for packets that belong to no connection.
    strays: VecDeque<Header>,
}

impl Muxer {
    pub(crate) const fn new(guest_cid: u64, table: Table) -> Self {
        Self { guest_cid, table, strays: VecDeque::new() }
    }

    pub(crate) const fn table(&self) -> &Table {
        &self.table
    }

    /// Whether another packet of the guest may be taken.
    pub(crate) fn accepts(&self) -> bool {
        self.strays.len() < MAX_STRAYS
    }

    /// Takes a packet of the guest: the header, and `available` bytes behind it.
    pub(crate) fn receive(&mut self, header: &Header, available: usize, payload: &mut impl Read) {
        if header.src_cid != self.guest_cid || header.dst_cid != HOST_CID {
            // Not from this guest or not to us: there is nobody to answer.
            return;
        }
        let whole = usize::try_from(header.len).is_ok_and(|len| len <= available);
        let endpoint = if header.kind == TYPE_STREAM { self.table.get(header.key_from_guest()) } else { None };
        let Some(endpoint) = endpoint else { return self.turn_away(header) };
        let (over, talks) = {
            let mut slot = endpoint.slot();
            if !whole || slot.connection.receive(header, payload).is_err() {
                slot.connection.reset();
                slot.wake();
            } else if !matches!(header.op(), Some(Op::CreditUpdate | Op::CreditRequest)) {
                slot.wake();
            }
            (slot.connection.is_over(), slot.connection.wants_to_send())
        };
        self.settle(endpoint, over, talks);
    }

    /// Answers a packet of no connection, a guest's own request among them, with a reset; a reset is not answered.
    fn turn_away(&mut self, header: &Header) {
        if header.op() != Some(Op::Rst) {
            let mut reset = Header::to_guest(self.guest_cid, header.key_from_guest(), Op::Rst);
            reset.kind = header.kind;
            self.strays.push_back(reset);
        }
    }

    /// Whether there may be a packet for the guest.
    pub(crate) fn has_packet(&self) -> bool {
        !self.strays.is_empty() || self.table.has_ready()
    }

    /// Writes the next packet into `out`, which has room for `room` bytes. Returns its size, 0 when there is none or
    /// no room for a header.
    pub(crate) fn transmit(&mut self, room: usize, out: &mut impl Write) -> io::Result<usize> {
        let Some(room) = room.checked_sub(HEADER_LEN) else { return Ok(0) };
        if let Some(stray) = self.strays.pop_front() {
            out.write_all(&stray.to_bytes())?;
            return Ok(HEADER_LEN);
        }
        while let Some(endpoint) = self.table.dequeue() {
            let mut slot = endpoint.slot();
            let connection = &mut slot.connection;
            let Some(packet) = connection.outgoing(room) else {
                // Its turn came with room for a header only, or another thread changed its mind.
                let (over, talks) = (connection.is_over(), connection.wants_to_send());
                drop(slot);
                self.settle(endpoint, over, talks);
                if talks {
                    return Ok(0);
                }
                continue;
            };
            let mut header = Header::to_guest(self.guest_cid, endpoint.key, packet.op);
            header.flags = packet.flags;
            // At most 64 KiB, so the cast keeps it.
            header.len = packet.len as u32;
            connection.stamp(&mut header);
            out.write_all(&header.to_bytes())?;
            let (first, second) = connection.payload(packet.len);
            out.write_all(first)?;
            out.write_all(second)?;
            connection.was_sent(packet);
            let (over, talks) = (connection.is_over(), connection.wants_to_send());
            if packet.len > 0
                && let Some(writer) = slot.writer.take()
            {
                writer.wake();
            }
            drop(slot);
            self.settle(endpoint, over, talks);
            return Ok(HEADER_LEN + packet.len);
        }
        Ok(0)
    }

    fn settle(&self, endpoint: Arc<Endpoint>, over: bool, talks: bool) {
        if over {
            self.table.remove(endpoint.key);
        } else if talks {
            self.table.requeue(endpoint);
        }
    }

    /// The guest's driver began anew.
    pub(crate) fn guest_restarted(&mut self) {
        self.strays.clear();
        self.table.guest_restarted();
    }
}

#[cfg(test)]
#[path = "muxer_tests.rs"]
mod tests;
