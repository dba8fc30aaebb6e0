//! Fuzz target: a forwarded connection as the guest and the host read it, header and datagrams, in pieces and damaged.

use super::{Datagrams, MAX_LEN, PREFIX_LEN, push};
use crate::forward::{self, HEADER_LEN};
use berth_fuzz::{cuts, damaged};
use proptest::{collection::vec, prelude::*};

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => (0..=MAX_LEN).prop_map(|length| vec![9; length])], 0..6)
}

fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
    payloads.iter().fold(vec![], |mut out, payload| {
        push(&mut out, payload);
        out
    })
}

/// The datagrams of a stream that arrives in pieces of these lengths.
fn read(bytes: &[u8], pieces: &[usize]) -> Vec<Vec<u8>> {
    let (mut datagrams, mut all, mut rest) = (Datagrams::default(), vec![], bytes);
    for length in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        datagrams.feed(piece);
        while let Some(payload) = datagrams.pop() {
            all.push(payload.to_vec());
        }
        rest = behind;
    }
    all
}

proptest! {
    #[test]
    fn datagrams_survive_any_pieces(payloads in payloads(), pieces in cuts()) {
        prop_assert_eq!(read(&framed(&payloads), &pieces), payloads);
    }

    #[test]
    fn damaged_bytes_give_no_more_than_they_hold(
        (bytes, pieces) in payloads().prop_flat_map(|payloads| (damaged(framed(&payloads)), cuts()))
    ) {
        let all = read(&bytes, &pieces);
        let told: usize = all.iter().map(|payload| PREFIX_LEN + payload.len()).sum();
        prop_assert!(told <= bytes.len());
        prop_assert_eq!(all, read(&bytes, &[bytes.len().max(1)]), "the pieces decide nothing");
    }

    #[test]
    fn a_damaged_header_names_a_target_or_is_refused(
        bytes in (any::<bool>(), any::<std::net::SocketAddr>()).prop_flat_map(|(udp, target)| {
            let transport = if udp { crate::publish::Transport::Udp } else { crate::publish::Transport::Tcp };
            damaged(forward::header(transport, target).to_vec())
        })
    ) {
        let Some(header) = bytes.first_chunk::<HEADER_LEN>() else { return Ok(()) };
        match forward::parse(header) {
            // What was understood is written the same way again, but for bytes that IPv4 leaves unused.
            Ok((transport, target)) => {
                prop_assert!(target.port() != 0);
                prop_assert_eq!(forward::parse(&forward::header(transport, target)), Ok((transport, target)));
            }
            Err(refusal) => prop_assert_eq!(refusal, forward::Refusal::Malformed),
        }
    }
}
