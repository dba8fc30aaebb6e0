//! An open connection: the guest's TCP on one side, a stream of the host on the other.

use super::wire::{Unplugged, Wire, without_limit};
use crate::{link::Frame, packet::Packet};
use bytes::Bytes;
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    socket::tcp::{Socket, SocketBuffer, State},
    time::{Duration as Span, Instant as Moment},
    wire::{HardwareAddress, IpAddress, IpCidr},
};
use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::PollSender;

/// Bytes that wait in each direction, at the most. Memory is taken only as far as they are used.
const BUFFER: usize = 512 << 10;
/// A guest that has been quiet for this long is asked whether it is still there, and given up after the second.
const QUIET: Span = Span::from_secs(60);
const GONE: Duration = Duration::from_secs(300);
/// Packets and buffers worked off in one go, so that one connection leaves time to the others.
const TURNS: usize = 64;

/// The host's side of a connection.
pub(super) trait Outward: AsyncRead + AsyncWrite + Unpin {
    /// Makes the end a broken one for the other side too.
    fn reset(&self);
}

impl Outward for TcpStream {
    fn reset(&self) {
        // One that is broken already has nothing to say.
        self.set_zero_linger().unwrap_or_default();
    }
}

impl Outward for DuplexStream {
    fn reset(&self) {}
}

/// A connection, until both sides have ended it or one has broken it.
pub(super) struct Flow<S> {
    stream: S,
    packets: mpsc::Receiver<Bytes>,
    out: PollSender<Frame>,
    waiting: Option<Bytes>,
    segment: u16,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// The zero of this connection's clock. It moves back when time is to go faster.
    began: Instant,
    /// When the guest was last heard of.
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
    /// No packet can leave at the moment; the task is woken when one can.
    full: bool,
    /// The host has sent all it had.
    host_ended: bool,
    /// The guest has.
    guest_ended: bool,
    /// The host was told so, behind the last byte.
    host_told: bool,
}

impl<S: Outward> Flow<S> {
    /// Answers `syn`. `None` when the system has no random numbers or the ends make no sense to TCP.
    pub(super) fn new(
        stream: S,
        syn: &Packet,
        packets: mpsc::Receiver<Bytes>,
        out: mpsc::Sender<Frame>,
    ) -> Option<Self> {
        let (_, guest, target) = syn.tcp()?;
        let (first, segment) = without_limit(syn)?;
        let began = Instant::now();
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).ok()?;
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = u64::from_ne_bytes(seed);
        let mut interface = Interface::new(config, &mut Unplugged, Moment::ZERO);
        // For this connection the gateway is its target, with nothing around it and one way to everywhere.
        let own = IpAddress::from(target.ip());
        interface
            .update_ip_addrs(|addresses| addresses.extend([IpCidr::new(own, if target.is_ipv4() { 32 } else { 128 })]));
        match guest.ip() {
            IpAddr::V4(ip) => drop(interface.routes_mut().add_default_ipv4_route(ip).ok()?),
            IpAddr::V6(ip) => drop(interface.routes_mut().add_default_ipv6_route(ip).ok()?),
        }
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        // It would wait for a segment of any size.
        socket.set_ack_delay(None);
        socket.set_keep_alive(Some(QUIET));
        socket.listen((own, target.port())).ok()?;
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        Some(Self {
            stream,
            packets,
            out: PollSender::new(out),
            waiting: Some(first),
            segment,
            interface,
            sockets,
            handle,
            began,
            heard: began,
            alarm: Box::pin(sleep_until(began)),
            full: false,
            host_ended: false,
            guest_ended: false,
            host_told: false,
        })
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn now(&self) -> Moment {
        Moment::from_micros(i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX))
    }

    /// What was lost with the link is sent again now, and not when its time has come.
    fn hurry(&mut self) {
        let now = self.now();
        if self.socket().send_queue() > 0
            && let Some(due) = self.interface.poll_at(now, &self.sockets)
            && due > now
            && let Some(began) = self.began.checked_sub(Duration::from_micros((due - now).total_micros()))
        {
            self.began = began;
        }
    }

    /// Lets the guest's TCP take the packet that waits and send what it has. Whether anything moved.
    fn exchange(&mut self, task: &mut Context<'_>) -> bool {
        let now = self.now();
        let mut wire = Wire { next: self.waiting.take(), out: &mut self.out, segment: self.segment, task, full: false };
        let had = wire.next.is_some();
        self.interface.poll(now, &mut wire, &mut self.sockets);
        (self.waiting, self.full) = (wire.next, wire.full);
        if !self.full {
            // Room that was kept and not used is another's.
            self.out.abort_send();
        }
        had && self.waiting.is_none()
    }

    /// Carries what can be carried to the host; `true` when something was.
    fn deliver(&mut self, task: &mut Context<'_>) -> io::Result<bool> {
        let (stream, socket) = (&mut self.stream, self.sockets.get_mut::<Socket<'_>>(self.handle));
        let mut moved = false;
        while socket.can_recv() {
            let taken = socket.recv(|bytes| match Pin::new(&mut *stream).poll_write(task, bytes) {
                Poll::Ready(Ok(count)) => (count, Ok(count)),
                Poll::Ready(Err(error)) => (0, Err(error)),
                Poll::Pending => (0, Ok(0)),
            });
            match taken {
                Ok(Ok(0)) | Err(_) => break,
                Ok(Ok(_)) => moved = true,
                Ok(Err(error)) => return Err(error),
            }
        }
        self.guest_ended |=
            matches!(socket.state(), State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
        if self.guest_ended && socket.recv_queue() == 0 && !self.host_told {
            // Where it fails the other side has gone first; reading tells how.
            self.host_told = Pin::new(stream).poll_shutdown(task).is_ready();
            moved |= self.host_told;
        }
        Ok(moved)
    }

    /// Carries what can be carried from the host; `true` when something was.
    fn collect(&mut self, task: &mut Context<'_>) -> io::Result<bool> {
        let (stream, socket) = (&mut self.stream, self.sockets.get_mut::<Socket<'_>>(self.handle));
        let mut moved = false;
        while !self.host_ended && socket.can_send() {
            let read = socket.send(|room| {
                let mut buffer = ReadBuf::new(room);
                match Pin::new(&mut *stream).poll_read(task, &mut buffer) {
                    Poll::Ready(Ok(())) => (buffer.filled().len(), Ok(Some(buffer.filled().len()))),
                    Poll::Ready(Err(error)) => (0, Err(error)),
                    Poll::Pending => (0, Ok(None)),
                }
            });
            match read {
                Ok(Ok(Some(0))) => self.host_ended = true,
                Ok(Ok(Some(_))) => moved = true,
                Ok(Ok(None)) | Err(_) => break,
                Ok(Err(error)) => return Err(error),
            }
        }
        // Only behind the last byte: smoltcp takes no window update once it waits for the end to be acknowledged.
        if self.host_ended && socket.send_queue() == 0 && socket.may_send() {
            socket.close();
            moved = true;
        }
        Ok(moved)
    }

    /// Works until nothing moves any more.
    fn turn(&mut self, task: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS {
            let mut hurried = false;
            if self.waiting.is_none() {
                match self.packets.poll_recv(task) {
                    Poll::Ready(Some(packet)) if packet.is_empty() => {
                        self.hurry();
                        hurried = true;
                    }
                    Poll::Ready(Some(packet)) => (self.waiting, self.heard) = (Some(packet), Instant::now()),
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            let mut moved = self.exchange(task) | hurried;
            let broken = match (self.deliver(task), self.collect(task)) {
                (Ok(there), Ok(back)) => {
                    moved |= there | back;
                    false
                }
                _ => true,
            };
            if broken {
                self.socket().abort();
                self.exchange(task);
                return Poll::Ready(());
            }
            match self.socket().state() {
                State::Closed if !(self.host_ended && self.guest_ended) => {
                    self.stream.reset();
                    return Poll::Ready(());
                }
                // What the guest sent last may still be on its way to a host that reads slowly.
                State::Closed if self.host_told => return Poll::Ready(()),
                State::TimeWait if self.host_told => {
                    // A last acknowledgement that is lost is asked for again, and answered with a reset then.
                    return Poll::Ready(());
                }
                // The first packet was none that opens a connection.
                State::Listen if self.waiting.is_none() => return Poll::Ready(()),
                _ => {}
            }
            if !moved {
                return Poll::Pending;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: Outward> Future for Flow<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.turn(task).is_ready() {
                return Poll::Ready(());
            }
            if self.full {
                // Without a link this is where it waits, for as long as it takes.
                return Poll::Pending;
            }
            let now = self.now();
            let this = &mut *self;
            let gone = this.heard + GONE;
            if Instant::now() >= gone {
                this.stream.reset();
                return Poll::Ready(());
            }
            let due = this.interface.poll_at(now, &this.sockets);
            let due = due.map(|due| this.began + Duration::from_micros(u64::try_from(due.total_micros()).unwrap_or(0)));
            let due = due.map_or(gone, |due| due.min(gone));
            if this.alarm.deadline() != due {
                this.alarm.as_mut().reset(due);
            }
            ready!(this.alarm.as_mut().poll(task));
        }
    }
}
