//! A connection to the monitor: one line of JSON that asks for something; behind `attach`, frames both ways.

use std::{
    io::{ErrorKind, IoSlice, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use nix::sys::epoll::EpollFlags;
use serde::Deserialize;

use super::log::Source;

/// A request is one short line; a client that sends more is not one of ours.
const MAX_REQUEST: usize = 4096;
/// The most that one frame of input carries, bytes.
const MAX_INPUT: usize = 64 * 1024;
/// `kind(1) length(4, big endian)`.
const HEAD: usize = 5;
/// How much output waits for a client that does not take it, bytes.
pub(super) const AHEAD: usize = 1 << 20;
/// A buffer that has been larger than this is given back once it is empty, bytes.
const KEPT: usize = 64 * 1024;

// Kinds of frames. Input of length 0 is its end.
const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const ERROR: u8 = 2;
/// The last frame for a client that was left behind; of length 0.
const LEFT_BEHIND: u8 = 3;

/// What a client asks for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Request {
    /// To hear of the end.
    Wait {},
    /// To be part of the standard streams.
    Attach(Attachment),
    /// Another size of the terminal, in cells.
    Resize { rows: u16, columns: u16 },
    /// That the program run. For an exec, whose creation left it waiting.
    Start {},
    /// A signal, by number, for the process.
    Kill { signal: i32 },
}

/// How a client takes part in the standard streams.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub(super) struct Attachment {
    /// It sends input.
    pub(super) input: bool,
    /// Standard input ends when this client's does, or when it leaves.
    pub(super) close_input: bool,
    /// It gets standard output.
    pub(super) output: bool,
    /// It gets standard error.
    pub(super) error: bool,
    /// It gets the beginnings of lines that are not in the log yet.
    pub(super) pending: bool,
    /// Not a byte is kept from it: while [`AHEAD`] bytes wait for it, the container's output is not read, as if it went
    /// into a pipe of its own. Any other client is left behind instead.
    pub(super) lossless: bool,
}

impl Attachment {
    fn takes(self, source: Source) -> bool {
        match source {
            Source::Output => self.output,
            Source::Error => self.error,
        }
    }
}

/// Something that a client said.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Request(Request),
    Input(Vec<u8>),
    EndOfInput,
    /// It is no client of ours.
    Nonsense,
}

/// What a client is here for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Asking,
    Waiting,
    Attached(Attachment),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    pub(super) role: Role,
    /// It will say no more.
    pub(super) silent: bool,
    /// It takes no more.
    pub(super) broken: bool,
    /// It did not take its output in time, and gets no more than what waits for it.
    left_behind: bool,
    /// What the monitor watches it for; `None` when it is not watched.
    pub(super) watched: Option<EpollFlags>,
}

impl Client {
    /// Takes `stream`, which must not block.
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            received: Vec::new(),
            unsent: Vec::new(),
            role: Role::Asking,
            silent: false,
            broken: false,
            left_behind: false,
            watched: None,
        }
    }

    /// Reads once of what the client sends.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) {
        match self.stream.read(buffer) {
            Ok(0) => self.silent = true,
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => (self.silent, self.broken) = (true, true),
        }
    }

    /// The next thing that it said, once all of it is here.
    pub(super) fn next(&mut self) -> Option<Heard> {
        if let Role::Attached(_) = self.role { self.next_frame() } else { self.next_request() }
    }

    fn next_request(&mut self) -> Option<Heard> {
        let Some(end) = self.received.iter().position(|byte| *byte == b'\n') else {
            return (self.received.len() > MAX_REQUEST).then_some(Heard::Nonsense);
        };
        let line: Vec<u8> = self.received.drain(..=end).collect();
        match serde_json::from_slice(&line) {
            Ok(request) => Some(Heard::Request(request)),
            Err(_) => {
                self.say("{\"error\":{\"kind\":\"other\",\"message\":\"unknown request; send {\\\"wait\\\":{}}\"}}\n");
                Some(Heard::Nonsense)
            }
        }
    }

    fn next_frame(&mut self) -> Option<Heard> {
        let head: [u8; HEAD] = self.received.get(..HEAD)?.try_into().ok()?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if kind != INPUT || length > MAX_INPUT {
            return Some(Heard::Nonsense);
        }
        let input = self.received.get(HEAD..HEAD + length)?.to_vec();
        self.received.drain(..HEAD + length);
        if self.received.is_empty() {
            self.received.shrink_to(KEPT);
        }
        Some(if input.is_empty() { Heard::EndOfInput } else { Heard::Input(input) })
    }

    /// Sends `line`, which a socket's buffer always has room for. A client that is gone does not get it.
    pub(super) fn say(&mut self, line: &str) {
        self.send(line.as_bytes(), &[]);
    }

    /// Sends output, unless the client does not want it.
    pub(super) fn send_output(&mut self, source: Source, output: &[u8]) {
        let Role::Attached(attachment) = self.role else { return };
        if !attachment.takes(source) || output.is_empty() || self.left_behind {
            return;
        }
        let kind = match source {
            Source::Output => OUTPUT,
            Source::Error => ERROR,
        };
        let length = u32::try_from(output.len()).unwrap_or(u32::MAX).to_be_bytes();
        let head = [kind, length[0], length[1], length[2], length[3]];
        self.send(&head, output);
    }

    fn send(&mut self, head: &[u8], rest: &[u8]) {
        let mut sent = 0;
        if self.unsent.is_empty() {
            match self.stream.write_vectored(&[IoSlice::new(head), IoSlice::new(rest)]) {
                Ok(length) => sent = length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => self.broken = true,
            }
        }
        let in_head = sent.min(head.len());
        self.unsent.extend_from_slice(&head[in_head..]);
        self.unsent.extend_from_slice(&rest[sent - in_head..]);
    }

    /// Sends no more output to one for whom too much waits: it gets what does, and learns that this is not all.
    pub(super) fn leave_behind_if_late(&mut self) {
        let Role::Attached(attachment) = self.role else { return };
        if self.unsent() > AHEAD && !attachment.lossless && !self.left_behind {
            self.left_behind = true;
            self.send(&[LEFT_BEHIND, 0, 0, 0, 0], &[]);
        }
    }

    /// Whether there is nothing more to come for it.
    pub(super) fn is_done(&self) -> bool {
        self.left_behind && self.unsent.is_empty()
    }

    /// Sends more of what waits.
    pub(super) fn push(&mut self) {
        match self.stream.write(&self.unsent) {
            Ok(length) => {
                self.unsent.drain(..length);
                if self.unsent.is_empty() {
                    self.unsent.shrink_to(KEPT);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.broken = true,
        }
    }

    /// How many bytes wait for it.
    pub(super) fn unsent(&self) -> usize {
        if self.broken { 0 } else { self.unsent.len() }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> (UnixStream, Client) {
        let (engine, monitor) = UnixStream::pair().unwrap();
        monitor.set_nonblocking(true).unwrap();
        (engine, Client::new(monitor))
    }

    fn hear(client: &mut Client) -> Option<Heard> {
        client.receive(&mut [0; 8192]);
        client.next()
    }

    #[test]
    fn a_request_arrives_in_pieces_and_a_half_closed_client_still_gets_its_answer() {
        let (mut engine, mut client) = connected();
        engine.write_all(b"{\"wa").unwrap();
        assert_eq!(hear(&mut client), None);
        engine.write_all(b"it\":{}}\n").unwrap();
        assert_eq!(hear(&mut client), Some(Heard::Request(Request::Wait {})));
        engine.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(hear(&mut client), None);
        assert!(client.silent && !client.broken);
        client.say("done\n");
        drop(client);
        let mut answer = String::new();
        engine.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "done\n");
    }

    #[test]
    fn nonsense_is_answered_and_an_endless_request_cut_off() {
        let (mut engine, mut client) = connected();
        engine.write_all(b"{\"what\":{}}\n").unwrap();
        assert_eq!(hear(&mut client), Some(Heard::Nonsense));
        drop(client);
        let mut answer = String::new();
        engine.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("unknown request"));
        let (mut engine, mut client) = connected();
        engine.write_all(&[b'x'; MAX_REQUEST + 1]).unwrap();
        assert_eq!(hear(&mut client), Some(Heard::Nonsense));
    }

    #[test]
    fn frames_of_input_are_whole_and_their_end_is_one_of_no_length() {
        let (mut engine, mut client) = connected();
        engine.write_all(b"{\"attach\":{\"input\":true}}\n\0\0\0\0\x03ab").unwrap();
        let asked = Attachment { input: true, ..Attachment::default() };
        assert_eq!(hear(&mut client), Some(Heard::Request(Request::Attach(asked))));
        client.role = Role::Attached(asked);
        assert_eq!(client.next(), None);
        engine.write_all(b"c\0\0\0\0\0\0\xff\0\0\0").unwrap();
        assert_eq!(hear(&mut client), Some(Heard::Input(b"abc".to_vec())));
        assert_eq!(client.next(), Some(Heard::EndOfInput));
        assert_eq!(client.next(), Some(Heard::Nonsense), "a frame that is too large");
    }

    #[test]
    fn what_a_stalled_client_does_not_take_waits_in_order() {
        let (mut engine, mut client) = connected();
        client.role = Role::Attached(Attachment { output: true, ..Attachment::default() });
        for number in 0..64_u8 {
            client.send_output(Source::Output, &[number; 16 * 1024]);
            client.send_output(Source::Error, b"not wanted");
        }
        assert!(client.unsent() > 0);
        let mut got = Vec::new();
        engine.set_nonblocking(true).unwrap();
        while client.unsent() > 0 || got.len() < 64 * (16 * 1024 + HEAD) {
            let mut buffer = [0; 65536];
            if let Ok(length) = engine.read(&mut buffer) {
                got.extend_from_slice(&buffer[..length]);
            }
            client.push();
        }
        for (number, frame) in got.chunks(16 * 1024 + HEAD).enumerate() {
            assert_eq!(frame[..HEAD], [OUTPUT, 0, 0, 0x40, 0]);
            assert!(frame[HEAD..].iter().all(|byte| usize::from(*byte) == number));
        }
        drop(engine);
        client.send_output(Source::Output, b"x");
        assert!(client.broken);
    }
}
