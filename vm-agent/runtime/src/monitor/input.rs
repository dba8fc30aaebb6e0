//! The writing end of the container's standard input.

use std::{
    fs::File,
    io::{ErrorKind, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// So much may wait for a container that does not read, bytes; clients are not listened to beyond.
const FULL: usize = 64 * 1024;

/// It stays open for the next client, whoever leaves, until it is closed on purpose.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    is_terminal: bool,
    waiting: Vec<u8>,
    closing: bool,
    broken: bool,
    /// The monitor watches it for room.
    pub(super) watched: bool,
}

impl Input {
    /// Takes `descriptor`, which must not block.
    pub(super) fn new(descriptor: OwnedFd, is_terminal: bool) -> Self {
        let file = descriptor.into();
        Self { file, is_terminal, waiting: Vec::new(), closing: false, broken: false, watched: false }
    }

    /// Writes `bytes`, now or as soon as there is room.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if !self.closing {
            self.waiting.extend_from_slice(bytes);
            self.push();
        }
    }

    /// Writes more of what waits.
    pub(super) fn push(&mut self) {
        while !self.waiting.is_empty() {
            match self.file.write(&self.waiting) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Nobody will ever read it.
                Err(_) => {
                    self.broken = true;
                    return;
                }
            }
        }
        self.waiting.shrink_to(FULL);
    }

    /// Ends it behind what was written. A terminal has no end.
    pub(super) fn close(&mut self) {
        self.closing = !self.is_terminal;
    }

    /// Whether no more should be written for now.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= FULL
    }

    /// Whether something waits for room.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty() && !self.broken
    }

    /// Whether it is to be closed now.
    pub(super) fn is_over(&self) -> bool {
        self.broken || self.closing && self.waiting.is_empty()
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use nix::{fcntl::OFlag, unistd::pipe2};

    use super::*;

    fn pipe() -> (File, Input) {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
        (reader.into(), Input::new(writer, false))
    }

    #[test]
    fn input_waits_for_room_and_ends_behind_its_last_byte() {
        let (mut reader, mut input) = pipe();
        let text: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        text.chunks(30_000).for_each(|chunk| input.write(chunk));
        input.close();
        input.write(b"too late");
        assert!(input.is_full() && input.waits() && !input.is_over());
        let mut got = Vec::new();
        while !input.is_over() {
            let mut buffer = [0; 4096];
            let length = reader.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..length]);
            input.push();
        }
        drop(input);
        while let Ok(length @ 1..) = reader.read(&mut [0; 4096]) {
            got.resize(got.len() + length, 0);
        }
        assert_eq!(got.len(), text.len());
    }

    #[test]
    fn a_reader_that_is_gone_ends_it() {
        let (reader, mut input) = pipe();
        drop(reader);
        input.write(b"x");
        assert!(input.is_over() && !input.waits());
    }
}
