//! One connection: its credit, its buffers, and what it has to say next. No I/O and no clock.
//!
//! Credit (virtio 1.3, section 5.10.6.3): each side names the size of its receive buffer and counts, modulo 2^32, the
//! bytes its user took out of it; the other may have no more bytes under way than fit.

use super::packet::{Header, Op, SHUTDOWN_RCV, SHUTDOWN_SEND};
use std::collections::VecDeque;
use std::io::{self, Read};

/// Our receive buffer for bytes of the guest, and the most that the host may have waiting for the guest, bytes. Linux
/// gives its own sockets as much.
pub(crate) const WINDOW: u32 = 256 << 10;
/// The largest payload we send, bytes: the most Linux takes.
const MAX_PAYLOAD: usize = 64 << 10;
/// A buffer that is empty keeps this capacity and gives back the rest, bytes.
const KEPT: usize = 16 << 10;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The guest has not answered yet.
    Dialling {
        /// Whether it was asked.
        asked: bool,
    },
    /// Bytes flow.
    Open,
    /// The guest answered a dial with a reset.
    Refused,
    /// The guest is done with it, or was told that we are.
    Closed,
}

/// The rules were broken, or the guest's memory could not be read: the connection is to be reset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation;

/// What the host's side finds when it wants to move bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many bytes; 0 is the end of the stream.
    Bytes(usize),
    /// None now.
    Blocked,
    /// None any more: the connection was reset, or nobody reads.
    Broken,
}

/// A packet to send: the payload is the first `len` bytes of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) op: Op,
    pub(crate) flags: u32,
    pub(crate) len: usize,
}

#[derive(Debug)]
pub(crate) struct Connection {
    phase: Phase,
    /// We owe the guest a reset; nothing else is said any more.
    reset_due: bool,

    /// Bytes of the guest that the host has not read.
    inbox: VecDeque<u8>,
    /// Bytes received from the guest, modulo 2^32.
    received: u32,
    /// Bytes the host took, modulo 2^32.
    taken: u32,
    /// The last `taken` the guest was told.
    told: u32,
    /// The guest asked for our credit.
    credit_wanted: bool,
    /// The guest sends no more.
    guest_done: bool,

    /// Bytes of the host that the guest was not sent.
    outbox: VecDeque<u8>,
    /// Bytes sent to the guest, modulo 2^32.
    sent: u32,
    /// The guest's receive buffer, bytes.
    guest_window: u32,
    /// Bytes the guest's user took, modulo 2^32, as far as we were told.
    guest_taken: u32,
    /// We asked for credit since it ran out.
    credit_asked: bool,
    /// The guest receives no more.
    guest_deaf: bool,

    /// The host writes no more.
    host_done: bool,
    /// The guest was told so.
    host_done_told: bool,
    /// The host's end was dropped.
    dropped: bool,
}

impl Connection {
    pub(crate) fn dial() -> Self {
        Self {
            phase: Phase::Dialling { asked: false },
            reset_due: false,
            inbox: VecDeque::new(),
            received: 0,
            taken: 0,
            told: 0,
            credit_wanted: false,
            guest_done: false,
            outbox: VecDeque::new(),
            sent: 0,
            guest_window: 0,
            guest_taken: 0,
            credit_asked: false,
            guest_deaf: false,
            host_done: false,
            host_done_told: false,
            dropped: false,
        }
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether no packet will be sent or taken any more.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Refused | Phase::Closed) && !self.reset_due
    }

    // What the guest says.

    /// Takes a packet of the guest. `payload` holds at least `header.len` bytes.
    pub(crate) fn receive(&mut self, header: &Header, payload: &mut impl Read) -> Result<(), Violation> {
        if matches!(self.phase, Phase::Refused | Phase::Closed) {
            return Ok(());
        }
        let Some(op) = header.op() else { return Err(Violation) };
        if op == Op::Rst {
            self.phase = if self.phase == Phase::Open { Phase::Closed } else { Phase::Refused };
            self.outbox.clear();
            return Ok(());
        }
        match (self.phase, op) {
            (Phase::Dialling { asked: true }, Op::Response) => self.phase = Phase::Open,
            (Phase::Open, Op::Rw | Op::Shutdown | Op::CreditUpdate | Op::CreditRequest) => (),
            _ => return Err(Violation),
        }
        self.note_credit(header);
        match op {
            Op::Rw => self.take_payload(header.len, payload)?,
            Op::Shutdown => self.take_shutdown(header.flags),
            Op::CreditRequest => self.credit_wanted = true,
            _ => (),
        }
        Ok(())
    }

    /// Remembers how much the guest can take. Wrong numbers make the guest's own stream stall or overflow.
    fn note_credit(&mut self, header: &Header) {
        if (self.guest_window, self.guest_taken) != (header.buf_alloc, header.fwd_cnt) {
            self.guest_window = header.buf_alloc;
            self.guest_taken = header.fwd_cnt;
            self.credit_asked = false;
        }
    }

    fn take_payload(&mut self, len: u32, payload: &mut impl Read) -> Result<(), Violation> {
        let under_way = self.received.wrapping_sub(self.taken);
        // Checked before a byte is copied: a length of 4 GiB must cost nothing.
        if self.guest_done || len > WINDOW.saturating_sub(under_way) {
            return Err(Violation);
        }
        self.received = self.received.wrapping_add(len);
        if self.dropped {
            self.taken = self.taken.wrapping_add(len);
            return Ok(());
        }
        let want = u64::from(len);
        match io::copy(&mut payload.take(want), &mut self.inbox) {
            Ok(got) if got == want => Ok(()),
            _ => Err(Violation),
        }
    }

    fn take_shutdown(&mut self, flags: u32) {
        self.guest_done |= flags & SHUTDOWN_SEND != 0;
        if flags & SHUTDOWN_RCV != 0 {
            self.guest_deaf = true;
            self.outbox.clear();
        }
        if self.guest_done && self.guest_deaf {
            // The guest's close waits for this reset.
            self.reset();
        }
    }

    /// Ends it from our side at once: the guest gets a reset if it knows of the connection.
    pub(crate) fn reset(&mut self) {
        match self.phase {
            Phase::Dialling { asked } => {
                self.reset_due = asked;
                self.phase = Phase::Refused;
            }
            Phase::Open => {
                self.reset_due = true;
                self.phase = Phase::Closed;
            }
            Phase::Refused | Phase::Closed => {}
        }
        self.outbox = VecDeque::new();
    }

    /// The guest's driver began anew and knows of no connection; a dial is asked again.
    pub(crate) fn guest_restarted(&mut self) {
        match self.phase {
            Phase::Dialling { .. } => self.phase = Phase::Dialling { asked: false },
            _ => self.vanish(),
        }
    }

    /// The guest is gone.
    pub(crate) fn vanish(&mut self) {
        self.reset();
        self.reset_due = false;
    }

    // What the guest is told.

    /// How many bytes the guest can take now. Saturates: a guest whose counts make no sense gets none.
    fn credit(&self) -> usize {
        let under_way = self.sent.wrapping_sub(self.guest_taken);
        self.guest_window.saturating_sub(under_way) as usize
    }

    fn credit_update_due(&self) -> bool {
        let freed = self.taken.wrapping_sub(self.told);
        let seen_by_guest = WINDOW.saturating_sub(self.received.wrapping_sub(self.told));
        let worth_it = freed >= WINDOW / 8 || self.inbox.is_empty();
        self.credit_wanted || (freed > 0 && seen_by_guest < WINDOW / 2 && worth_it)
    }

    /// The next packet for the guest, with at most `room` bytes of payload.
    pub(crate) fn outgoing(&self, room: usize) -> Option<Outgoing> {
        let bare = |op, flags| Some(Outgoing { op, flags, len: 0 });
        if self.reset_due {
            return bare(Op::Rst, 0);
        }
        match self.phase {
            Phase::Dialling { asked: false } => return bare(Op::Request, 0),
            Phase::Open => {}
            _ => return None,
        }
        let len = self.outbox.len().min(self.credit()).min(room).min(MAX_PAYLOAD);
        if len > 0 {
            return Some(Outgoing { op: Op::Rw, flags: 0, len });
        }
        if self.credit_update_due() {
            return bare(Op::CreditUpdate, 0);
        }
        if self.outbox.is_empty() {
            if self.dropped {
                return bare(Op::Shutdown, SHUTDOWN_RCV | SHUTDOWN_SEND);
            }
            if self.host_done && !self.host_done_told {
                return bare(Op::Shutdown, SHUTDOWN_SEND);
            }
        } else if self.credit() == 0 && !self.credit_asked {
            return bare(Op::CreditRequest, 0);
        }
        None
    }

    /// Whether there is something to tell the guest.
    pub(crate) fn wants_to_send(&self) -> bool {
        self.outgoing(MAX_PAYLOAD).is_some()
    }

    /// Fills in what every packet says of our credit.
    pub(crate) const fn stamp(&self, header: &mut Header) {
        header.buf_alloc = WINDOW;
        header.fwd_cnt = self.taken;
    }

    /// The payload of a packet of `len` bytes, in two pieces.
    pub(crate) fn payload(&self, len: usize) -> (&[u8], &[u8]) {
        let (first, second) = self.outbox.as_slices();
        let cut = first.len().min(len);
        (&first[..cut], &second[..(len - cut).min(second.len())])
    }

    /// The packet was handed to the guest.
    pub(crate) fn was_sent(&mut self, packet: Outgoing) {
        self.told = self.taken;
        self.credit_wanted = false;
        match packet.op {
            Op::Request => self.phase = Phase::Dialling { asked: true },
            Op::Rst => self.reset_due = false,
            Op::Rw => {
                self.outbox.drain(..packet.len);
                // At most MAX_PAYLOAD, so the cast keeps it.
                self.sent = self.sent.wrapping_add(packet.len as u32);
                if self.outbox.is_empty() {
                    self.outbox.shrink_to(KEPT);
                }
            }
            // Nothing the guest may still say is of interest: its later packets are answered with a reset.
            Op::Shutdown if self.dropped => self.phase = Phase::Closed,
            Op::Shutdown => self.host_done_told = true,
            Op::CreditRequest => self.credit_asked = true,
            Op::Response | Op::CreditUpdate => {}
        }
    }

    // What the host does.

    /// Moves bytes of the guest into `to`.
    pub(crate) fn read(&mut self, to: &mut [u8]) -> Moved {
        let bytes = self.inbox.read(to).unwrap_or(0);
        if bytes > 0 || to.is_empty() {
            // At most WINDOW, so the cast keeps it.
            self.taken = self.taken.wrapping_add(bytes as u32);
            return Moved::Bytes(bytes);
        }
        match self.phase {
            _ if self.guest_done => Moved::Bytes(0),
            Phase::Refused | Phase::Closed => Moved::Broken,
            Phase::Dialling { .. } | Phase::Open => {
                self.inbox.shrink_to(KEPT);
                Moved::Blocked
            }
        }
    }

    /// Moves bytes of the host out of `from`.
    pub(crate) fn write(&mut self, from: &[u8]) -> Moved {
        let over = matches!(self.phase, Phase::Refused | Phase::Closed);
        if over || self.guest_deaf || self.host_done {
            return Moved::Broken;
        }
        let room = (WINDOW as usize).saturating_sub(self.outbox.len()).min(from.len());
        if room == 0 && !from.is_empty() {
            return Moved::Blocked;
        }
        self.outbox.extend(&from[..room]);
        Moved::Bytes(room)
    }

    /// The host writes no more; what it wrote is still delivered.
    pub(crate) const fn finish(&mut self) {
        self.host_done = true;
    }

    /// The host's end is gone: what it wrote is still delivered, what the guest sends is thrown away.
    pub(crate) fn host_dropped(&mut self) {
        self.dropped = true;
        self.host_done = true;
        self.taken = self.received;
        self.inbox = VecDeque::new();
        if matches!(self.phase, Phase::Dialling { .. }) {
            self.reset();
        }
    }

    /// Whether bytes of a host that is gone wait for the guest.
    pub(crate) fn lingers(&self) -> bool {
        self.dropped && !self.outbox.is_empty()
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
