//! Datagrams on a stream: `length(2, BE) bytes`, an empty one included. Behind a [`crate::forward`] header for UDP, both ways.

/// Size of the length in front of each datagram, bytes.
pub const PREFIX_LEN: usize = 2;
/// The largest payload of a UDP datagram, bytes: 65,535 of the length field less 8 of the UDP header (RFC 768). Over IPv4 it is
/// 20 less.
pub const MAX_LEN: usize = 65_527;

/// Appends a datagram to what is to be written. One that is too long for UDP is left out.
pub fn push(out: &mut Vec<u8>, payload: &[u8]) {
    let Some(length) = u16::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_LEN) else { return };
    out.reserve(PREFIX_LEN + payload.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Takes a stream's bytes as they come and gives its datagrams.
#[derive(Debug, Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    /// Where the next datagram begins in `bytes`.
    next: usize,
}

impl Datagrams {
    /// Adds what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        // What was given out is dropped here, so that the rest moves once per read and not once per datagram.
        self.bytes.drain(..self.next);
        self.next = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole datagram; `None` until more was read.
    pub fn pop(&mut self) -> Option<&[u8]> {
        let rest = self.bytes.get(self.next..)?;
        let (prefix, rest) = rest.split_first_chunk::<PREFIX_LEN>()?;
        let length = usize::from(u16::from_be_bytes(*prefix));
        let payload = rest.get(..length)?;
        self.next += PREFIX_LEN + length;
        Some(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_udp_is_left_out() {
        let mut out = vec![];
        push(&mut out, &vec![7; MAX_LEN + 1]);
        assert!(out.is_empty());
        push(&mut out, &vec![7; MAX_LEN]);
        push(&mut out, b"");
        let mut datagrams = Datagrams::default();
        datagrams.feed(&out);
        assert_eq!(datagrams.pop().map(<[u8]>::len), Some(MAX_LEN));
        assert_eq!(datagrams.pop(), Some(&b""[..]));
        assert_eq!(datagrams.pop(), None);
    }
}

#[cfg(test)]
mod fuzz;
