//! The gateway of one guest: takes its packets from the link and gives each to the flow it is of.

#[cfg(test)]
mod fuzz;

use crate::{
    destination::Destination,
    dns::{self, Dns, Transport},
    fragments::Fragments,
    link::{Frame, FrameLink, FrameSink, FrameSource},
    packet::Packet,
    ping,
    proxy::Proxy,
    reply::{self, Quote, Unreachable},
    tcp, udp,
};
use berth_protocol::uplink;
use bytes::Bytes;
use smoltcp::wire::IpProtocol;
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};
use tokio::{sync::mpsc, task::JoinSet};

/// Packets that wait for the link, at the most; the flows wait then.
const WAITING: usize = 256;
/// Packets written in one go.
const BATCH: usize = 64;
/// Flows at once. What comes beyond is refused, but that a datagram takes the place of the oldest ones.
const MOST_CONNECTIONS: usize = 8192;
const MOST_DATAGRAMS: usize = 2048;
const MOST_ECHOES: usize = 128;

/// What the user may set.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The way of connections to the outside; direct without it.
    pub proxy: Option<Proxy>,
}

/// The gateway of one guest. Its flows end with it.
#[derive(Debug)]
pub struct Gateway {
    flows: Flows,
    outgoing: mpsc::Receiver<Frame>,
}

impl Gateway {
    /// A gateway without a flow. Called within a tokio runtime, as everything here.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (out, outgoing) = mpsc::channel(WAITING);
        let flows = Flows {
            out,
            dns: Arc::default(),
            proxy: settings.proxy.map(Arc::new),
            fragments: Fragments::default(),
            connections: HashMap::new(),
            datagrams: HashMap::new(),
            echoes: HashMap::new(),
            tasks: JoinSet::new(),
        };
        Self { flows, outgoing }
    }

    /// Serves the guest at the other end of `link` until it ends. Flows live on, and wait for the next link.
    ///
    /// # Errors
    /// The link broke.
    pub async fn serve(&mut self, link: impl FrameLink) -> io::Result<()> {
        let (mut source, mut sink) = link.split();
        let Self { flows, outgoing } = self;
        flows.hurry();
        let read = async {
            let mut frames = Vec::new();
            loop {
                tokio::select! {
                    read = source.read(&mut frames) => read?,
                    Some(ended) = flows.tasks.join_next() => {
                        flows.ended(ended.ok());
                        continue;
                    }
                }
                if frames.is_empty() {
                    return Ok(());
                }
                for frame in frames.drain(..) {
                    flows.take(frame.packet);
                }
            }
        };
        let write = async {
            let mut frames = Vec::with_capacity(BATCH);
            loop {
                frames.clear();
                outgoing.recv_many(&mut frames, BATCH).await;
                sink.write(&frames).await?;
            }
        };
        tokio::select! {
            ended = read => ended,
            broken = write => broken,
        }
    }

    /// How many flows there are.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.tasks.len()
    }
}

/// One flow among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Connection(tcp::Ends),
    Datagrams(tcp::Ends),
    Echoes((IpAddr, IpAddr, u16)),
    /// One that no further packet belongs to.
    Single,
}

#[derive(Debug)]
struct Flows {
    out: mpsc::Sender<Frame>,
    dns: Arc<Dns>,
    proxy: Option<Arc<Proxy>>,
    fragments: Fragments,
    connections: HashMap<tcp::Ends, mpsc::Sender<Bytes>>,
    datagrams: HashMap<tcp::Ends, Used>,
    echoes: HashMap<(IpAddr, IpAddr, u16), mpsc::Sender<Packet>>,
    tasks: JoinSet<Key>,
}

/// A pair of ends that exchanges datagrams.
#[derive(Debug)]
struct Used {
    packets: mpsc::Sender<Packet>,
    last: Instant,
}

impl Flows {
    /// Tells the connections that there is a new link, by a packet without a byte.
    fn hurry(&self) {
        for packets in self.connections.values() {
            // One that has packets waiting need not be told.
            drop(packets.try_send(Bytes::new()));
        }
    }

    fn take(&mut self, bytes: Bytes) {
        let Some(packet) = Packet::read(bytes) else { return };
        // Whoever speaks for another address is not the guest.
        if packet.source != uplink::GUEST && packet.source != uplink::GUEST_V6 {
            return;
        }
        let Some(packet) = self.fragments.add(packet, Instant::now()) else { return };
        match packet.protocol {
            IpProtocol::Tcp => self.take_tcp(packet),
            IpProtocol::Udp => self.take_udp(packet),
            IpProtocol::Icmp | IpProtocol::Icmpv6 => self.take_icmp(packet),
            // Nothing else goes through sockets.
            _ if Destination::of(packet.destination) == Destination::Group => {}
            _ => self.send(Quote::of(&packet).unreachable(Unreachable::Prohibited)),
        }
    }

    fn take_tcp(&mut self, packet: Packet) {
        let Some((segment, guest, target)) = packet.tcp() else { return };
        let ends = (guest, target);
        if let Some(connection) = self.connections.get(&ends) {
            match connection.try_send(packet.bytes.clone()) {
                // A full one loses the packet, and the guest sends it again.
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => return,
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        if !segment.syn() || segment.ack() || segment.rst() || segment.fin() {
            return self.send(reply::reset(&packet));
        }
        if Destination::of(target.ip()) == Destination::Group {
            return;
        }
        if self.connections.len() >= MOST_CONNECTIONS {
            tracing::warn!(most = MOST_CONNECTIONS, "a connection is refused: there are too many");
            return self.send(reply::reset(&packet));
        }
        let (packets, waiting) = mpsc::channel(tcp::WAITING);
        self.connections.insert(ends, packets);
        let context = tcp::Context { out: self.out.clone(), dns: Arc::clone(&self.dns), proxy: self.proxy.clone() };
        self.tasks.spawn(async move {
            tcp::serve(packet, waiting, context).await;
            Key::Connection(ends)
        });
    }

    fn take_udp(&mut self, packet: Packet) {
        let Some((data, guest, target)) = packet.udp() else { return };
        if Destination::of(target.ip()) == Destination::Gateway && target.port() == dns::PORT {
            return self.take_question(data, guest, target);
        }
        let ends = (guest, target);
        if let Some(used) = self.datagrams.get_mut(&ends) {
            used.last = Instant::now();
            match used.packets.try_send(packet.clone()) {
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => return,
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        if self.datagrams.len() >= MOST_DATAGRAMS {
            self.forget_oldest();
        }
        let (packets, waiting) = mpsc::channel(udp::WAITING);
        self.datagrams.insert(ends, Used { packets, last: Instant::now() });
        let out = self.out.clone();
        self.tasks.spawn(async move {
            udp::serve(packet, waiting, out).await;
            Key::Datagrams(ends)
        });
    }

    fn take_question(&mut self, question: Bytes, guest: SocketAddr, target: SocketAddr) {
        let (dns, out) = (Arc::clone(&self.dns), self.out.clone());
        self.tasks.spawn(async move {
            let answer = dns.answer(&question, Transport::Datagram).await;
            if let Some(packet) = answer.and_then(|answer| reply::udp(target, guest, &answer)) {
                reply::send(&out, packet).await;
            }
            Key::Single
        });
    }

    fn take_icmp(&mut self, packet: Packet) {
        // What else the guest says in ICMP is of flows that end here.
        let Some(ident) = ping::ident(&packet) else { return };
        match Destination::of(packet.destination) {
            Destination::Gateway | Destination::Host => self.send(ping::answer(&packet)),
            Destination::Group => {}
            Destination::Nowhere => self.send(Quote::of(&packet).unreachable(Unreachable::Host)),
            Destination::Outside => {
                let key = (packet.source, packet.destination, ident);
                if let Some(echoes) = self.echoes.get(&key) {
                    match echoes.try_send(packet.clone()) {
                        Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => return,
                        Err(mpsc::error::TrySendError::Closed(_)) => {}
                    }
                }
                if self.echoes.len() >= MOST_ECHOES {
                    return;
                }
                let (packets, waiting) = mpsc::channel(udp::WAITING);
                self.echoes.insert(key, packets);
                let out = self.out.clone();
                self.tasks.spawn(async move {
                    ping::serve(packet, waiting, out).await;
                    Key::Echoes(key)
                });
            }
        }
    }

    /// Sends a packet of the gateway's own.
    fn send(&self, packet: Option<Bytes>) {
        if let Some(packet) = packet {
            reply::try_send(&self.out, packet);
        }
    }

    /// Ends a tenth of the pairs, those that sent nothing for the longest time.
    fn forget_oldest(&mut self) {
        let mut times: Vec<Instant> = self.datagrams.values().map(|used| used.last).collect();
        let (_, limit, _) = times.select_nth_unstable(MOST_DATAGRAMS / 10);
        let limit = *limit;
        // Their tasks end when nobody can give them a packet any more.
        self.datagrams.retain(|_, used| used.last > limit);
    }

    fn ended(&mut self, key: Option<Key>) {
        // Another one may have begun between the same ends meanwhile.
        match key {
            Some(Key::Connection(ends)) => forget(&mut self.connections, &ends, mpsc::Sender::is_closed),
            Some(Key::Datagrams(ends)) => forget(&mut self.datagrams, &ends, |used| used.packets.is_closed()),
            Some(Key::Echoes(key)) => forget(&mut self.echoes, &key, mpsc::Sender::is_closed),
            Some(Key::Single) => {}
            // One that panicked has left its place behind.
            None => {
                tracing::error!("a flow of the gateway has failed");
                self.connections.retain(|_, packets| !packets.is_closed());
                self.datagrams.retain(|_, used| !used.packets.is_closed());
                self.echoes.retain(|_, packets| !packets.is_closed());
            }
        }
    }
}

fn forget<K: std::hash::Hash + Eq, V>(flows: &mut HashMap<K, V>, key: &K, is_over: impl Fn(&V) -> bool) {
    if flows.get(key).is_some_and(is_over) {
        flows.remove(key);
    }
}
