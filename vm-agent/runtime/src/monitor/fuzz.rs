//! What comes to the monitor from outside: bytes of clients and of the container.

use std::{io::Write, num::NonZeroU32, os::unix::net::UnixStream};

use proptest::{collection::vec, prelude::*};

use super::{
    client::{Attachment, Client, Heard, Role},
    lines::Lines,
    log::{Log, LogOptions, Source},
};

/// All that a client says in `wire`, sent in pieces of these lengths; up to its first nonsense.
fn heard(role: Role, mut wire: &[u8], cuts: &[usize]) -> Vec<Heard> {
    let (mut engine, monitor) = UnixStream::pair().unwrap();
    monitor.set_nonblocking(true).unwrap();
    let mut client = Client::new(monitor);
    client.role = role;
    let (mut buffer, mut all) = (vec![0; 64 * 1024], Vec::new());
    for cut in cuts.iter().cycle() {
        if wire.is_empty() {
            break;
        }
        let (piece, rest) = wire.split_at((*cut).min(wire.len()).min(buffer.len()));
        wire = rest;
        engine.write_all(piece).unwrap();
        client.receive(&mut buffer);
        while let Some(said) = client.next() {
            let over = said == Heard::Nonsense;
            if let Heard::Request(super::client::Request::Attach(attachment)) = said {
                client.role = Role::Attached(attachment);
            }
            all.push(said);
            if over {
                return all;
            }
        }
    }
    all
}

fn frames(inputs: &[Vec<u8>]) -> Vec<u8> {
    let frame = |input: &Vec<u8>| [&[0], &u32::try_from(input.len()).unwrap().to_be_bytes()[..], input].concat();
    inputs.iter().flat_map(frame).collect()
}

proptest! {
    #[test]
    fn input_is_whole_however_it_is_cut(inputs in vec(vec(any::<u8>(), 0..200), 0..12), cuts in berth_fuzz::cuts()) {
        let expected = inputs.iter().map(|input| match input.is_empty() {
            true => Heard::EndOfInput,
            false => Heard::Input(input.clone()),
        });
        let said = heard(Role::Attached(Attachment::default()), &frames(&inputs), &cuts);
        prop_assert_eq!(said, expected.collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_of_a_client_are_a_panic(
        wire in berth_fuzz::damaged([
            &b"{\"attach\":{\"input\":true,\"output\":true}}\n"[..], b"\0\0\0\0\x02hi", b"\0\0\0\0\0",
            b"{\"resize\":{\"rows\":1,\"columns\":2}}\n{\"kill\":{\"signal\":9}}\n{\"wait\":{}}\n",
        ].concat()),
        cuts in berth_fuzz::cuts(),
    ) {
        let at_once = heard(Role::Asking, &wire, &[wire.len().max(1)]);
        prop_assert_eq!(heard(Role::Asking, &wire, &cuts), at_once, "the way it is cut must not matter");
    }

    #[test]
    fn every_byte_of_output_is_logged_once(
        text in vec(prop_oneof![
            4 => "[a-zé한😀\\n]{0,40}".prop_map(String::into_bytes),
            1 => vec(any::<u8>(), 0..60),
            1 => (1_usize..40_000).prop_map(|length| vec![b'x'; length]),
        ], 0..6),
        cuts in berth_fuzz::cuts(),
    ) {
        let text = text.concat();
        let (mut lines, mut pieces, mut rest) = (Lines::default(), Vec::new(), &text[..]);
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            lines.push(piece, |piece| pieces.push(piece.to_vec()));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        lines.finish(|piece| pieces.push(piece.to_vec()));
        prop_assert_eq!(pieces.concat(), &text[..]);

        // The file holds text only: what is no UTF-8 is replaced, piece by piece.
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        let options = LogOptions {
            file: path.clone(),
            max_size: None,
            max_files: NonZeroU32::MIN,
            compress: false,
            attributes: None,
        };
        let mut log = Log::open(&options).unwrap();
        for piece in &pieces {
            log.append(Source::Output, piece, "2026-01-01T00:00:00Z");
        }
        log.flush();
        let file = std::fs::read_to_string(&path).unwrap();
        let logged = file.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["log"].clone());
        let expected = pieces.iter().map(|piece| String::from_utf8_lossy(piece).into_owned());
        prop_assert_eq!(logged.map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}
