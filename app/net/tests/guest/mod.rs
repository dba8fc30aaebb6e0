//! A guest made of smoltcp, written by others: the oracle for the gateway's side of TCP.

use berth_net::link::{Frame, FrameLink, FrameSink, FrameSource};
use berth_protocol::uplink;
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::tcp::{Socket, SocketBuffer, State},
    time::Instant as Moment,
    wire::{HardwareAddress, IpCidr},
};
use std::{collections::VecDeque, net::SocketAddr, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The guest's end of a link, with a TCP of its own.
pub(crate) struct Guest<L: FrameLink> {
    link: Option<(L::Source, L::Sink)>,
    device: Packets,
    interface: Interface,
    sockets: SocketSet<'static>,
    began: Instant,
}

/// Packets on their way in and out.
struct Packets {
    mtu: usize,
    incoming: VecDeque<Frame>,
    outgoing: Vec<Frame>,
    /// Every how many packets one is lost, counted in both directions.
    lost: Option<u32>,
    seen: u32,
}

impl Packets {
    fn loses(&mut self) -> bool {
        self.seen += 1;
        self.lost.is_some_and(|each| self.seen.is_multiple_of(each))
    }
}

impl<L: FrameLink> Guest<L> {
    pub(crate) fn new(link: L, mtu: usize, lost: Option<u32>) -> Self {
        let mut device = Packets { mtu, incoming: VecDeque::new(), outgoing: vec![], lost, seen: 0 };
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Moment::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(uplink::GUEST.into(), uplink::PREFIX)).unwrap();
            addresses.push(IpCidr::new(uplink::GUEST_V6.into(), uplink::PREFIX_V6)).unwrap();
        });
        interface.routes_mut().add_default_ipv4_route(uplink::GATEWAY).unwrap();
        interface.routes_mut().add_default_ipv6_route(uplink::GATEWAY_V6).unwrap();
        Self { link: Some(link.split()), device, interface, sockets: SocketSet::new(vec![]), began: Instant::now() }
    }

    /// Speaks over another link from now on.
    pub(crate) fn plug_in(&mut self, link: L) {
        self.link = Some(link.split());
    }

    /// Begins a connection.
    pub(crate) fn connect(&mut self, target: SocketAddr, from: u16) -> SocketHandle {
        let buffer = || SocketBuffer::new(vec![0; 64 << 10]);
        let handle = self.sockets.add(Socket::new(buffer(), buffer()));
        self.sockets.get_mut::<Socket<'_>>(handle).connect(self.interface.context(), target, from).unwrap();
        handle
    }

    pub(crate) fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Lets packets go both ways until `done`.
    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let work = async {
            while !done(self) {
                self.exchange().await;
            }
        };
        assert!(timeout(PATIENCE, work).await.is_ok(), "{what}: not in time");
    }

    /// Lets packets go both ways for a while.
    pub(crate) async fn exchange(&mut self) {
        let now = Moment::from_micros(i64::try_from(self.began.elapsed().as_micros()).unwrap());
        self.interface.poll(now, &mut self.device, &mut self.sockets);
        let frames = std::mem::take(&mut self.device.outgoing);
        let mut read = Vec::new();
        if let Some((source, sink)) = &mut self.link {
            // A link that broke is replaced by the test.
            drop(sink.write(&frames).await);
            tokio::select! {
                arrived = source.read(&mut read) => drop(arrived),
                () = sleep(Duration::from_millis(1)) => {}
            }
        }
        for frame in read {
            if !self.device.loses() {
                self.device.incoming.push_back(frame);
            }
        }
    }

    /// Sends `there` and ends, and gives what came back until the other side ended; each side of its own.
    pub(crate) async fn talk(&mut self, handle: SocketHandle, there: &[u8]) -> Vec<u8> {
        let (mut sent, mut back) = (0, Vec::new());
        self.until("a whole connection", |guest| {
            let socket = guest.socket(handle);
            if socket.can_send() && sent < there.len() {
                sent += socket.send_slice(&there[sent..]).unwrap();
            }
            if sent == there.len() && matches!(socket.state(), State::Established | State::CloseWait) {
                socket.close();
            }
            while socket.can_recv() {
                socket.recv(|bytes| (bytes.len(), back.extend_from_slice(bytes))).unwrap();
            }
            assert!(socket.state() != State::Closed || sent == there.len(), "reset after {sent} bytes");
            sent == there.len() && matches!(socket.state(), State::TimeWait | State::Closed)
        })
        .await;
        // The last acknowledgement may take its time.
        for _ in 0..30 {
            self.exchange().await;
        }
        back
    }
}

impl Device for Packets {
    type RxToken<'t> = Received;
    type TxToken<'t> = Sent<'t>;

    fn receive(&mut self, _: Moment) -> Option<(Received, Sent<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Received(frame), Sent(self)))
    }

    fn transmit(&mut self, _: Moment) -> Option<Sent<'_>> {
        Some(Sent(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities
    }
}

struct Received(Frame);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(&self.0.packet)
    }
}

struct Sent<'a>(&'a mut Packets);

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = vec![0; length];
        let filled = fill(&mut packet);
        if !self.0.loses() {
            self.0.outgoing.push(Frame { packet: packet.into(), segment: 0 });
        }
        filled
    }
}
