//! Bytes that were damaged on their way, or that arrive in pieces.

use proptest::{collection::vec, prelude::*, sample::Index};

#[derive(Clone, Debug)]
enum Damage {
    Overwritten(u8),
    Inserted(Vec<u8>),
    /// From one place to the other, whichever is first.
    Cut(Index),
    Repeated(Index),
    EndsHere,
}

/// `bytes` with one to four damages.
pub fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop_oneof![
        3 => any::<u8>().prop_map(Damage::Overwritten),
        2 => vec(any::<u8>(), 0..20).prop_map(Damage::Inserted),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => any::<Index>().prop_map(Damage::Repeated),
        1 => Just(Damage::EndsHere),
    ];
    vec((any::<Index>(), damage), 1..=4).prop_map(move |damages| {
        let mut bytes = bytes.clone();
        for (at, damage) in damages {
            let at = at.index(bytes.len() + 1);
            let reach = |other: Index| {
                let other = other.index(bytes.len() + 1);
                at.min(other)..at.max(other)
            };
            match damage {
                Damage::Overwritten(byte) => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
                Damage::Inserted(more) => drop(bytes.splice(at..at, more)),
                Damage::Cut(other) => drop(bytes.drain(reach(other))),
                Damage::Repeated(other) => {
                    let again = bytes[reach(other)].to_vec();
                    bytes.splice(at..at, again);
                }
                Damage::EndsHere => bytes.truncate(at),
            }
        }
        bytes
    })
}

/// Lengths of the pieces in which bytes arrive; see [`Iterator::cycle`].
pub fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![3 => 1_usize..20, 1 => 1_usize..70_000], 1..8)
}
