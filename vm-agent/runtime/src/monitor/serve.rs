//! What the monitor does for its clients.

use nix::{
    sys::{
        epoll::{EpollEvent, EpollFlags},
        signal::kill,
    },
    unistd::Pid,
};
use serde_json::json;

use super::{
    client::{AHEAD, Attachment, Client, Heard, Request, Role},
    input::Input,
    log::Log,
    streams::Stream,
    watch::{Watch, is_owed},
};
use crate::{
    clock,
    failure::{Context, Failure},
    init::resize,
};

impl Watch {
    /// Takes up what has happened on a client's connection.
    pub(super) fn hear(&mut self, token: u64, events: EpollFlags) -> Result<(), Failure> {
        let Some(client) = self.clients.get_mut(&token) else { return Ok(()) };
        if events.contains(EpollFlags::EPOLLOUT) {
            client.push();
        }
        if events.contains(EpollFlags::EPOLLIN) {
            client.receive(&mut self.buffer);
        } else if events.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            client.broken = true;
        }
        self.answer(token)?;
        self.settle(token)?;
        self.settle_output()
    }

    /// Does what the client has asked for so far.
    fn answer(&mut self, token: u64) -> Result<(), Failure> {
        loop {
            let full = self.held.input.as_ref().is_some_and(Input::is_full);
            let Some(client) = self.clients.get_mut(&token) else { return Ok(()) };
            if matches!(client.role, Role::Attached(_)) && full {
                return Ok(());
            }
            match client.next() {
                Some(Heard::Request(request)) => self.act(token, request)?,
                Some(Heard::Input(bytes)) => self.write_input(token, &bytes)?,
                Some(Heard::EndOfInput) => self.close_input(token)?,
                Some(Heard::Nonsense) => {
                    client.broken = true;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    fn act(&mut self, token: u64, request: Request) -> Result<(), Failure> {
        let done = match request {
            Request::Wait {} => {
                self.client(token, |client| client.role = Role::Waiting);
                return Ok(());
            }
            Request::Attach(attachment) => return self.attach(token, attachment),
            Request::Resize { rows, columns } => match self.streams.values().find(|stream| stream.is_terminal()) {
                Some(terminal) => resize(terminal, rows, columns).context("resize the terminal"),
                None => Err(Failure::other("the process has no terminal")),
            },
            Request::Start {} => match self.held.starter.take() {
                Some(starter) => starter.start(),
                None => Err(Failure::other("the process has been started already")),
            },
            Request::Kill { signal } => send(self.pid(), signal),
        };
        let answer = match done {
            Ok(()) => json!({ "done": {} }),
            Err(failure) => json!({ "error": failure }),
        };
        self.client(token, |client| client.say(&format!("{answer}\n")));
        Ok(())
    }

    /// From here on, what is read goes to this client too. What came before is in the log, whole lines up to the time
    /// that is told, or is sent at once: no byte is missing and none comes twice.
    fn attach(&mut self, token: u64, attachment: Attachment) -> Result<(), Failure> {
        if let Some(log) = &mut self.held.log {
            Log::flush(log);
        }
        let answer = json!({ "attached": { "at": clock::now() } });
        let Some(client) = self.clients.get_mut(&token) else { return Ok(()) };
        client.say(&format!("{answer}\n"));
        client.role = Role::Attached(attachment);
        if attachment.pending {
            for stream in self.streams.values() {
                client.send_output(stream.source(), Stream::pending(stream));
            }
        }
        Ok(())
    }

    fn write_input(&mut self, token: u64, bytes: &[u8]) -> Result<(), Failure> {
        let may_write = self.attachment(token).is_some_and(|attachment| attachment.input);
        if let Some(input) = self.held.input.as_mut().filter(|_| may_write) {
            input.write(bytes);
        }
        self.settle_input()
    }

    fn close_input(&mut self, token: u64) -> Result<(), Failure> {
        let may_close = self.attachment(token).is_some_and(|attachment| attachment.input && attachment.close_input);
        if let Some(input) = self.held.input.as_mut().filter(|_| may_close) {
            input.close();
        }
        self.settle_input()
    }

    /// Writes what waits for room in the input, and listens again to those who were kept waiting by that.
    pub(super) fn feed(&mut self) -> Result<(), Failure> {
        if let Some(input) = &mut self.held.input {
            input.push();
        }
        self.settle_input()?;
        let tokens: Vec<u64> = self.clients.keys().copied().collect();
        for token in tokens {
            self.answer(token)?;
            self.settle(token)?;
        }
        Ok(())
    }

    /// Makes a client's place in the epoll set what it is to be; one that has gone is forgotten.
    pub(super) fn settle(&mut self, token: u64) -> Result<(), Failure> {
        let full = self.held.input.as_ref().is_some_and(Input::is_full);
        let Some(client) = self.clients.get_mut(&token) else { return Ok(()) };
        let attachment = match client.role {
            Role::Attached(attachment) => Some(attachment),
            _ => None,
        };
        let kept_waiting = full && attachment.is_some();
        client.leave_behind_if_late();
        let gone = client.silent && !kept_waiting && client.role != Role::Waiting;
        if client.broken || gone || client.is_done() {
            return self.part_with(token, attachment);
        }
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, !client.silent && !kept_waiting);
        flags.set(EpollFlags::EPOLLOUT, client.unsent() > 0);
        // Watched for nothing, a client is still told of when it goes (EPOLLHUP): again and again if nobody acts on it.
        let wanted = Some(flags).filter(|flags| !flags.is_empty() || !kept_waiting);
        let changed = match (client.watched, wanted) {
            (now, wanted) if now == wanted => Ok(()),
            (None, Some(flags)) => self.epoll.add(&*client, EpollEvent::new(flags, token)),
            (Some(_), Some(flags)) => self.epoll.modify(&*client, &mut EpollEvent::new(flags, token)),
            (Some(_), None) => self.epoll.delete(&*client),
            (None, None) => Ok(()),
        };
        client.watched = wanted;
        changed.context("watch a client")
    }

    fn part_with(&mut self, token: u64, attachment: Option<Attachment>) -> Result<(), Failure> {
        // Closing its only descriptor takes it out of the epoll set.
        self.clients.remove(&token);
        if attachment.is_some_and(|attachment| attachment.input && attachment.close_input)
            && let Some(input) = &mut self.held.input
        {
            input.close();
        }
        self.settle_input()
    }

    /// After output was sent or taken: who is too far behind is left there, and the reading goes on or pauses for who is
    /// owed every byte.
    pub(super) fn settle_output(&mut self) -> Result<(), Failure> {
        let tokens: Vec<u64> = self.clients.keys().copied().collect();
        for token in tokens {
            self.settle(token)?;
        }
        let pause = self.clients.values().any(|client| is_owed(client) && client.unsent() > AHEAD);
        if pause == self.paused {
            return Ok(());
        }
        self.paused = pause;
        for (token, stream) in &self.streams {
            if pause {
                self.epoll.delete(stream).context("pause a stream")?;
            } else {
                self.listen(stream, *token, EpollFlags::EPOLLIN)?;
            }
        }
        Ok(())
    }

    fn attachment(&self, token: u64) -> Option<Attachment> {
        match self.clients.get(&token)?.role {
            Role::Attached(attachment) => Some(attachment),
            _ => None,
        }
    }

    fn client(&mut self, token: u64, act: impl FnOnce(&mut Client)) {
        if let Some(client) = self.clients.get_mut(&token) {
            act(client);
        }
    }
}

/// The process is a child that is not reaped yet, so its number is still its own.
fn send(pid: Pid, signal: i32) -> Result<(), Failure> {
    let signal = nix::sys::signal::Signal::try_from(signal).context(format_args!("signal {signal}"))?;
    kill(pid, signal).context("signal the process")
}
