//! The monitor's loop.

use std::{
    collections::BTreeMap,
    os::fd::AsFd,
    path::PathBuf,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        signalfd::SignalFd,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{
    client::{Client, Role},
    exit::{self, Exit},
    input::Input,
    log::Log,
    socket::Socket,
    streams::{Progress, Stream},
};
use crate::{
    container::{Created, Starter},
    failure::{Context, Failure},
};

/// Bytes read at once.
const BUFFER: usize = 32 * 1024;
/// How long the last output of a terminal may take to come through after the container's end: the kernel hands it over
/// in the background.
const LAST_OUTPUT: Duration = Duration::from_secs(2);
/// How long a process that is executed in a container waits to be started: an engine does it at once, or has gone.
const TO_START: u16 = 60_000;
/// How long a client that is not owed every byte may take for the last of them.
const LAST_WORDS: Duration = Duration::from_secs(10);

// What an event is about; clients and streams are counted up from the last two.
const CHILDREN: u64 = 0;
const SOCKET: u64 = 1;
const INPUT: u64 = 2;
const FIRST_STREAM: u64 = 3;
const FIRST_CLIENT: u64 = 16;

/// What a monitor begins with.
pub(super) struct Held {
    pub(super) created: Created,
    /// For a process that is executed in a container.
    pub(super) starter: Option<Starter>,
    pub(super) streams: Vec<Stream>,
    pub(super) input: Option<Input>,
    pub(super) children: SignalFd,
    pub(super) socket: Socket,
    pub(super) log: Option<Log>,
    /// Where the end is recorded.
    pub(super) directory: PathBuf,
}

/// Everything the monitor holds.
pub(super) struct Watch {
    pub(super) epoll: Epoll,
    pub(super) held: Held,
    pub(super) streams: BTreeMap<u64, Stream>,
    pub(super) clients: BTreeMap<u64, Client>,
    next_client: u64,
    /// Output is not read for now: it would have to wait for a client that is owed every byte.
    pub(super) paused: bool,
    /// How long to let output come together before the next turn.
    rest: Option<Duration>,
    pub(super) buffer: Vec<u8>,
}

impl Watch {
    /// Takes everything in hand.
    pub(super) fn new(mut held: Held) -> Result<Self, Failure> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll instance")?;
        let streams: BTreeMap<u64, Stream> = (FIRST_STREAM..).zip(std::mem::take(&mut held.streams)).collect();
        let watch = Self {
            epoll,
            held,
            streams,
            clients: BTreeMap::new(),
            next_client: FIRST_CLIENT,
            paused: false,
            rest: None,
            buffer: vec![0; BUFFER],
        };
        watch.listen(&watch.held.children, CHILDREN, EpollFlags::EPOLLIN)?;
        watch.listen(&watch.held.socket, SOCKET, EpollFlags::EPOLLIN)?;
        for (token, stream) in &watch.streams {
            watch.listen(stream, *token, EpollFlags::EPOLLIN)?;
        }
        Ok(watch)
    }

    /// The process that is watched over.
    pub(super) fn pid(&self) -> Pid {
        self.held.created.pid
    }

    /// Stays until the process has ended and everyone who waits for that has heard of it.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        give_memory_back();
        let status = self.wait_for_end()?;
        let oom_killed = self.held.created.cgroup.as_ref().is_some_and(|cgroup| cgroup.oom_kills() > 0);
        let exit = Exit::of(status, oom_killed);
        self.drain()?;
        // The log is complete before anyone learns of the end.
        self.held.log.as_mut().map_or(Ok(()), Log::finish)?;
        let line = exit.line()?;
        exit::write(&self.held.directory, &line)?;
        // Who still finds the socket is served here; who comes later finds the file.
        self.held.socket.unlink();
        while let Some(client) = self.held.socket.accept() {
            self.clients.insert(self.next_client, client);
            self.next_client += 1;
        }
        for client in self.clients.values_mut().filter(|client| !matches!(client.role, Role::Attached(_))) {
            client.say(&line);
        }
        self.part()
    }

    fn wait_for_end(&mut self) -> Result<WaitStatus, Failure> {
        let mut events = [EpollEvent::empty(); 8];
        let deadline = Instant::now() + Duration::from_millis(TO_START.into());
        loop {
            let limit = if self.held.starter.is_some() { EpollTimeout::from(TO_START) } else { EpollTimeout::NONE };
            let count = match self.epoll.wait(&mut events, limit) {
                Err(Errno::EINTR) => continue,
                result => result.context("wait for events")?,
            };
            if self.held.starter.is_some() && Instant::now() >= deadline {
                // It ends by itself when the gate is gone.
                self.held.starter = None;
            }
            let mut ended = None;
            for event in &events[..count] {
                match event.data() {
                    CHILDREN => ended = ended.or(self.reap()?),
                    SOCKET => self.greet()?,
                    INPUT => self.feed()?,
                    token if self.streams.contains_key(&token) => self.pump(token)?,
                    token => self.hear(token, event.events())?,
                }
            }
            if let Some(log) = &mut self.held.log {
                log.flush();
            }
            if let Some(status) = ended {
                return Ok(status);
            }
            if let Some(rest) = self.rest.take() {
                std::thread::sleep(rest);
            }
        }
    }

    /// Reaps every child that has ended, and returns the status of the process if it is among them.
    fn reap(&self) -> Result<Option<WaitStatus>, Failure> {
        while let Ok(Some(_)) = self.held.children.read_signal() {}
        let mut ended = None;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ended),
                Ok(status) if status.pid() == Some(self.pid()) => ended = Some(status),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("wait for children"),
            }
        }
    }

    fn pump(&mut self, token: u64) -> Result<(), Failure> {
        // An event that was on its way when the reading was paused.
        if self.paused {
            return Ok(());
        }
        // Once per turn: an endless stream must keep nothing else waiting.
        match self.read(token, BUFFER)? {
            (length, Progress::Open) => {
                let rest = self.streams.get_mut(&token).and_then(|stream| stream.rest(length, BUFFER));
                self.rest = self.rest.max(rest);
                self.settle_output()
            }
            (_, Progress::Ended) => self.end_stream(token),
        }
    }

    /// Reads a stream once, at most `limit` bytes, for the log and those attached.
    fn read(&mut self, token: u64, limit: usize) -> Result<(usize, Progress), Failure> {
        let Some(stream) = self.streams.get_mut(&token) else { return Ok((0, Progress::Ended)) };
        let (length, progress) = stream.read(&mut self.buffer[..limit.min(BUFFER)])?;
        let output = &self.buffer[..length];
        if let Some(log) = &mut self.held.log {
            stream.log(output, log);
        }
        for client in self.clients.values_mut() {
            client.send_output(stream.source(), output);
        }
        Ok((length, progress))
    }

    fn end_stream(&mut self, token: u64) -> Result<(), Failure> {
        let Some(mut stream) = self.streams.remove(&token) else { return Ok(()) };
        if let Some(log) = &mut self.held.log {
            stream.finish(log);
        }
        if !self.paused {
            // By name: a terminal's input is a copy of the descriptor, and keeps it in the epoll set.
            self.epoll.delete(&stream).context("leave a stream")?;
        }
        Ok(())
    }

    /// Reads what the process wrote before it ended.
    fn drain(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + LAST_OUTPUT;
        let tokens: Vec<u64> = self.streams.keys().copied().collect();
        for token in tokens {
            let mut left = self.streams.get(&token).map_or(Ok(0), Stream::last_words)?;
            while left > 0 {
                match self.read(token, left)? {
                    (_, Progress::Ended) => break,
                    (0, Progress::Open) if !self.may_still_write(token, deadline) => break,
                    (length, Progress::Open) => left -= length,
                }
            }
            self.end_stream(token)?;
        }
        Ok(())
    }

    /// Whether a terminal has more to say, which may take the kernel a moment.
    fn may_still_write(&self, token: u64, deadline: Instant) -> bool {
        let terminal = self.streams.get(&token).filter(|stream| stream.is_terminal());
        terminal.is_some_and(|terminal| wait_for(terminal, PollFlags::POLLIN, deadline))
    }

    fn greet(&mut self) -> Result<(), Failure> {
        while let Some(client) = self.held.socket.accept() {
            let token = self.next_client;
            self.next_client += 1;
            self.clients.insert(token, client);
            self.settle(token)?;
        }
        Ok(())
    }

    pub(super) fn listen(&self, what: impl AsFd, token: u64, flags: EpollFlags) -> Result<(), Failure> {
        self.epoll.add(what, EpollEvent::new(flags, token)).context("watch a descriptor")
    }

    /// Goes, once those attached have what was written for them.
    fn part(mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + LAST_WORDS;
        self.streams.clear();
        self.held.input = None;
        loop {
            // Whoever has everything is let go at once: the end of its connection tells it so.
            self.clients.retain(|_, client| client.unsent() > 0 && (is_owed(client) || Instant::now() < deadline));
            if self.clients.is_empty() {
                return Ok(());
            }
            let limit = if self.clients.values().all(is_owed) { PollTimeout::NONE } else { remaining(deadline) };
            let mut events: Vec<PollFd<'_>> =
                self.clients.values().map(|client| PollFd::new(client.as_fd(), PollFlags::POLLOUT)).collect();
            match poll(&mut events, limit) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("wait for a client"),
            }
            self.clients.values_mut().for_each(Client::push);
        }
    }

    /// Makes the input's place in the epoll set what it is to be, and closes it when it is over.
    pub(super) fn settle_input(&mut self) -> Result<(), Failure> {
        let Some(input) = &mut self.held.input else { return Ok(()) };
        let watched = input.waits();
        if watched != input.watched {
            let event = EpollEvent::new(EpollFlags::EPOLLOUT, INPUT);
            let changed = if watched { self.epoll.add(&*input, event) } else { self.epoll.delete(&*input) };
            changed.context("watch the input")?;
            input.watched = watched;
        }
        if input.is_over() {
            self.held.input = None;
        }
        Ok(())
    }
}

fn wait_for(what: impl AsFd, flags: PollFlags, deadline: Instant) -> bool {
    let mut events = [PollFd::new(what.as_fd(), flags)];
    matches!(poll(&mut events, remaining(deadline)), Ok(1..))
}

fn remaining(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now());
    PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)
}

/// Whether not a byte may be kept from the client.
pub(super) fn is_owed(client: &Client) -> bool {
    matches!(client.role, Role::Attached(attachment) if attachment.lossless)
}

/// Reading the bundle took memory that is not needed again for as long as the container runs.
#[expect(unsafe_code, reason = "malloc_trim has no wrapper")]
fn give_memory_back() {
    // SAFETY: it only returns unused pages of the allocator to the kernel.
    unsafe { libc::malloc_trim(0) };
}
