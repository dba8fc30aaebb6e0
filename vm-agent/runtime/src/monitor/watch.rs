//! The monitor's loop.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd},
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
    exit::{self, Exit},
    log::Log,
    socket::{Client, Socket, Verdict},
    streams::{Ends, Progress, Stream},
};
use crate::{
    cgroup::Cgroup,
    container::Created,
    failure::{Context, Failure},
};

/// Bytes read at once.
const BUFFER: usize = 32 * 1024;
/// How long the last output of a terminal may take to come through after the container's end: the kernel hands it over
/// in the background.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

// What an event is about; clients and streams are counted up from the last two.
const CHILDREN: u64 = 0;
const SOCKET: u64 = 1;
const FIRST_STREAM: u64 = 2;
const FIRST_CLIENT: u64 = 16;

/// Everything the monitor holds.
pub(super) struct Watch {
    epoll: Epoll,
    pid: Pid,
    cgroup: Option<Cgroup>,
    streams: BTreeMap<u64, Stream>,
    children: SignalFd,
    socket: Socket,
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    log: Log,
    directory: PathBuf,
    buffer: Vec<u8>,
}

impl Watch {
    /// Takes everything in hand.
    pub(super) fn new(
        created: Created,
        ends: Option<Ends>,
        children: SignalFd,
        socket: Socket,
        log: Log,
        directory: PathBuf,
    ) -> Result<Self, Failure> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll instance")?;
        let streams: BTreeMap<u64, Stream> = (FIRST_STREAM..).zip(Stream::all(ends, created.terminal)?).collect();
        let watch = Self {
            epoll,
            pid: created.pid,
            cgroup: created.cgroup,
            streams,
            children,
            socket,
            clients: BTreeMap::new(),
            next_client: FIRST_CLIENT,
            log,
            directory,
            buffer: vec![0; BUFFER],
        };
        watch.listen(&watch.children, CHILDREN, EpollFlags::EPOLLIN)?;
        watch.listen(&watch.socket, SOCKET, EpollFlags::EPOLLIN)?;
        for (token, stream) in &watch.streams {
            watch.listen(stream, *token, EpollFlags::EPOLLIN)?;
        }
        Ok(watch)
    }

    /// The container's init.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Stays until the container has ended and everyone who waits for that has heard of it.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        give_memory_back();
        let status = self.wait_for_end()?;
        let oom_killed = self.cgroup.as_ref().is_some_and(|cgroup| cgroup.oom_kills() > 0);
        let exit = Exit::of(status, oom_killed);
        self.drain()?;
        // The log is complete before anyone learns of the end.
        self.log.finish()?;
        let line = exit.line()?;
        exit::write(&self.directory, &line)?;
        // Who still finds the socket is served here; who comes later finds the file.
        self.socket.unlink();
        while let Some(client) = self.socket.accept() {
            self.clients.insert(self.next_client, client);
            self.next_client += 1;
        }
        for client in self.clients.values_mut() {
            client.say(&line);
        }
        Ok(())
    }

    fn wait_for_end(&mut self) -> Result<WaitStatus, Failure> {
        let mut events = [EpollEvent::empty(); 8];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                result => result.context("wait for events")?,
            };
            let mut ended = None;
            for event in &events[..count] {
                match event.data() {
                    CHILDREN => ended = ended.or(self.reap()?),
                    SOCKET => self.greet()?,
                    token if self.streams.contains_key(&token) => self.pump(token)?,
                    token => self.hear(token)?,
                }
            }
            self.log.flush();
            if let Some(status) = ended {
                return Ok(status);
            }
        }
    }

    /// Reaps every child that has ended, and returns the status of the container's init if it is among them.
    fn reap(&self) -> Result<Option<WaitStatus>, Failure> {
        while let Ok(Some(_)) = self.children.read_signal() {}
        let mut ended = None;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ended),
                Ok(status) if status.pid() == Some(self.pid) => ended = Some(status),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("wait for children"),
            }
        }
    }

    fn pump(&mut self, token: u64) -> Result<(), Failure> {
        let Some(stream) = self.streams.get_mut(&token) else { return Ok(()) };
        // Once per turn: an endless stream must keep nothing else waiting.
        if let (_, Progress::Ended) = stream.read(&mut self.buffer, &mut self.log)? {
            stream.drain(&mut self.buffer, &mut self.log, |_| false)?;
            self.ignore(token);
        }
        Ok(())
    }

    /// Reads what is left in the streams.
    fn drain(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + LAST_OUTPUT;
        for stream in self.streams.values_mut() {
            stream.drain(&mut self.buffer, &mut self.log, |terminal| wait_readable(terminal, deadline))?;
        }
        Ok(())
    }

    fn greet(&mut self) -> Result<(), Failure> {
        while let Some(client) = self.socket.accept() {
            self.listen(&client, self.next_client, EpollFlags::EPOLLIN)?;
            self.clients.insert(self.next_client, client);
            self.next_client += 1;
        }
        Ok(())
    }

    fn hear(&mut self, token: u64) -> Result<(), Failure> {
        let Some(client) = self.clients.get_mut(&token) else { return Ok(()) };
        match client.hear() {
            Verdict::Keep => Ok(()),
            Verdict::KeepUnheard => {
                // Closed for good is told without being asked for (EPOLLHUP), and then there is nobody to wait.
                let mut nothing = EpollEvent::new(EpollFlags::empty(), token);
                let gone = is_hung_up(client.as_fd());
                if gone {
                    self.clients.remove(&token);
                    return Ok(());
                }
                self.epoll.modify(&self.clients[&token], &mut nothing).context("watch a client")
            }
            Verdict::Drop => {
                self.clients.remove(&token);
                Ok(())
            }
        }
    }

    fn listen(&self, what: impl AsFd, token: u64, flags: EpollFlags) -> Result<(), Failure> {
        self.epoll.add(what, EpollEvent::new(flags, token)).context("watch a descriptor")
    }

    /// Closing the only descriptor takes it out of the epoll set.
    fn ignore(&mut self, token: u64) {
        self.streams.remove(&token);
    }
}

fn is_hung_up(client: BorrowedFd<'_>) -> bool {
    let mut events = [PollFd::new(client, PollFlags::empty())];
    let ready = poll(&mut events, PollTimeout::ZERO).unwrap_or(0);
    ready > 0 && events[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

fn wait_readable(terminal: BorrowedFd<'_>, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    let mut events = [PollFd::new(terminal, PollFlags::POLLIN)];
    matches!(poll(&mut events, left), Ok(1..))
}

/// Reading the bundle took memory that is not needed again for as long as the container runs.
#[expect(unsafe_code, reason = "malloc_trim has no wrapper")]
fn give_memory_back() {
    // SAFETY: it only returns unused pages of the allocator to the kernel.
    unsafe { libc::malloc_trim(0) };
}
