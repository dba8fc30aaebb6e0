//! The header in front of every packet (virtio 1.3, section 5.10.6; Linux `include/uapi/linux/virtio_vsock.h`).

/// Size of a [`Header`] on the wire, bytes.
pub(crate) const HEADER_LEN: usize = 44;
/// The host's address.
pub(crate) const HOST_CID: u64 = 2;
/// The only socket type we speak.
pub(crate) const TYPE_STREAM: u16 = 1;
/// Flag of [`Op::Shutdown`]: the sender will receive no more.
pub(crate) const SHUTDOWN_RCV: u32 = 1;
/// Flag of [`Op::Shutdown`]: the sender will send no more.
pub(crate) const SHUTDOWN_SEND: u32 = 2;

/// What a packet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Op {
    Request = 1,
    Response = 2,
    Rst = 3,
    Shutdown = 4,
    Rw = 5,
    CreditUpdate = 6,
    CreditRequest = 7,
}

impl Op {
    const fn from_wire(value: u16) -> Option<Self> {
        Some(match value {
            1 => Self::Request,
            2 => Self::Response,
            3 => Self::Rst,
            4 => Self::Shutdown,
            5 => Self::Rw,
            6 => Self::CreditUpdate,
            7 => Self::CreditRequest,
            _ => return None,
        })
    }
}

/// A header as it stands on the wire. Nothing in it is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) src_cid: u64,
    pub(crate) dst_cid: u64,
    pub(crate) src_port: u32,
    pub(crate) dst_port: u32,
    /// Payload that follows, bytes.
    pub(crate) len: u32,
    pub(crate) kind: u16,
    op: u16,
    pub(crate) flags: u32,
    /// Size of the sender's receive buffer, bytes.
    pub(crate) buf_alloc: u32,
    /// How many bytes the sender's user has taken out of that buffer so far, modulo 2^32.
    pub(crate) fwd_cnt: u32,
}

impl Header {
    /// A packet of the stream between a port of the host and one of the guest, without payload and credit.
    pub(crate) fn to_guest(guest_cid: u64, key: Key, op: Op) -> Self {
        Self {
            src_cid: HOST_CID,
            dst_cid: guest_cid,
            src_port: key.host_port,
            dst_port: key.guest_port,
            kind: TYPE_STREAM,
            op: op as u16,
            ..Self::default()
        }
    }

    /// What it does; `None` for a number the standard does not know.
    pub(crate) const fn op(&self) -> Option<Op> {
        Op::from_wire(self.op)
    }

    /// The connection that a packet of the guest belongs to.
    pub(crate) const fn key_from_guest(&self) -> Key {
        Key { host_port: self.dst_port, guest_port: self.src_port }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[0..8].copy_from_slice(&self.src_cid.to_le_bytes());
        out[8..16].copy_from_slice(&self.dst_cid.to_le_bytes());
        out[16..20].copy_from_slice(&self.src_port.to_le_bytes());
        out[20..24].copy_from_slice(&self.dst_port.to_le_bytes());
        out[24..28].copy_from_slice(&self.len.to_le_bytes());
        out[28..30].copy_from_slice(&self.kind.to_le_bytes());
        out[30..32].copy_from_slice(&self.op.to_le_bytes());
        out[32..36].copy_from_slice(&self.flags.to_le_bytes());
        out[36..40].copy_from_slice(&self.buf_alloc.to_le_bytes());
        out[40..44].copy_from_slice(&self.fwd_cnt.to_le_bytes());
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Self {
        Self {
            src_cid: u64::from_le_bytes(part(bytes, 0)),
            dst_cid: u64::from_le_bytes(part(bytes, 8)),
            src_port: u32::from_le_bytes(part(bytes, 16)),
            dst_port: u32::from_le_bytes(part(bytes, 20)),
            len: u32::from_le_bytes(part(bytes, 24)),
            kind: u16::from_le_bytes(part(bytes, 28)),
            op: u16::from_le_bytes(part(bytes, 30)),
            flags: u32::from_le_bytes(part(bytes, 32)),
            buf_alloc: u32::from_le_bytes(part(bytes, 36)),
            fwd_cnt: u32::from_le_bytes(part(bytes, 40)),
        }
    }
}

fn part<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// What tells connections apart. The addresses are always the same two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) host_port: u32,
    pub(crate) guest_port: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_header_and_come_back(low: [u8; 32], high: [u8; 12]) {
            let mut bytes = [0; HEADER_LEN];
            bytes[..32].copy_from_slice(&low);
            bytes[32..].copy_from_slice(&high);
            prop_assert_eq!(Header::from_bytes(&bytes).to_bytes(), bytes);
        }
    }
}
