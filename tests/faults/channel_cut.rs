//! The channel between host and guest is cut again and again while clients use published ports: the next connection works at
//! once, and nothing is left on either side.

use crate::count;
use berth_tests::eventually;
use berth_tests::native::{Client, Engine, Ground, Ports, inside};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The vsock ports for forwarded connections and for who publishes (`berth_protocol::port`).
const CHANNELS: [u32; 2] = [1026, 1027];
/// Clients at a time.
const CLIENTS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(5);
/// Pipes that the engine may still add to those it keeps, a read and a write end for each way of a client.
const SLACK: usize = 4 * CLIENTS;

#[test]
fn a_channel_that_is_cut_leaves_nothing_and_the_next_connection_works() {
    let cuts = count(40);
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let channel = Channel::to(ground.dir());
    let mut ports = Ports::start(None, channel.folder.path());
    let server = Server::start(&mut engine.client(), &mut ports);
    eventually("the first echo", PATIENCE, || server.echo().ok());

    let some = Load::on(&server);
    std::thread::sleep(Duration::from_millis(500));
    some.end();
    let before = settled(&channel, &engine, &mut ports);
    let load = Load::on(&server);
    for cut in 1..=cuts {
        std::thread::sleep(Duration::from_millis(20));
        channel.cut();
        server.echo().unwrap_or_else(|error| panic!("after cut {cut}: {error}"));
        server.echo_datagram().unwrap_or_else(|error| panic!("a datagram after cut {cut}: {error}"));
        assert_eq!(ports.list().len(), 2, "after cut {cut}");
    }
    let echoes = load.end();
    let after = settled(&channel, &engine, &mut ports);
    println!("{cuts} cuts, {echoes} echoes between them; {before:?} before, {after:?} after");
    assert!(echoes > u64::from(cuts), "the clients came to nothing: {echoes} echoes");
    assert!(after.tasks <= before.tasks + CLIENTS, "tasks are left");
    assert!(after.host <= before.host + CLIENTS && after.engine <= before.engine + SLACK, "descriptors are left");
}

/// What a side has when no client is there.
#[derive(Debug)]
struct Held {
    tasks: usize,
    host: usize,
    engine: usize,
}

/// Counts once nothing changes any more. The flows of datagrams, which outlive their clients, are cut.
fn settled(channel: &Channel, engine: &Engine, ports: &mut Ports) -> Held {
    channel.cut();
    let mut last = (0, 0, 0);
    let held = eventually("both sides come to rest", Duration::from_secs(20), || {
        std::thread::sleep(Duration::from_millis(500));
        let (tasks, host) = ports.load();
        let engine = std::fs::read_dir(format!("/proc/{}/fd", engine.pid())).expect("its descriptors").count();
        let now = (tasks, host, engine);
        let same = std::mem::replace(&mut last, now) == now;
        same.then_some(now)
    });
    Held { tasks: held.0, host: held.1, engine: held.2 }
}

/// A container that sends back what comes to its ports 7, TCP and UDP.
#[derive(Clone, Copy)]
struct Server {
    stream: SocketAddr,
    datagrams: SocketAddr,
}

impl Server {
    fn start(client: &mut Client, ports: &mut Ports) -> Self {
        let any = json!([{ "HostPort": "" }]);
        let body = json!({
            "Image": "busybox", "Cmd": ["sleep", "100000"], "ExposedPorts": { "7/tcp": {}, "7/udp": {} },
            "HostConfig": { "PortBindings": { "7/tcp": any, "7/udp": any } },
        });
        let id = client.create("echo", &body);
        let started = client.request("POST", &format!("/containers/{id}/start"), None);
        assert_eq!(started.status, 204, "{}", started.text());
        let state = client.request("GET", &format!("/containers/{id}/json"), None).ok();
        let pid = u32::try_from(state["State"]["Pid"].as_u64().expect("a process")).expect("a process id");
        inside(pid, || {
            for stream in TcpListener::bind("0.0.0.0:7").expect("port 7").incoming().map_while(Result::ok) {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        inside(pid, || {
            let (socket, mut bytes) = (UdpSocket::bind("0.0.0.0:7").expect("port 7"), vec![0; 70_000]);
            while let Ok((count, from)) = socket.recv_from(&mut bytes) {
                socket.send_to(&bytes[..count], from).ok();
            }
        });
        let at = |ports: &[serde_json::Value], protocol: &str| {
            let row = ports.iter().find(|row| row["protocol"] == protocol).expect("a row");
            let port = u16::try_from(row["host_port"].as_u64().expect("a number")).expect("a port");
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        let rows = ports.list();
        Self { stream: at(&rows, "tcp"), datagrams: at(&rows, "udp") }
    }

    /// A new connection on which some bytes go there and back.
    fn echo(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.stream, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (sent, mut got) = ([7; 5000], [0; 5000]);
        for _ in 0..4 {
            stream.write_all(&sent)?;
            stream.read_exact(&mut got)?;
            assert_eq!(sent, got, "other bytes came back");
        }
        Ok(())
    }

    /// A new client's datagram, there and back.
    fn echo_datagram(&self) -> std::io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(self.datagrams)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.send(b"hello")?;
        let mut got = [0; 9];
        let count = socket.recv(&mut got)?;
        assert_eq!(&got[..count], b"hello", "other bytes came back");
        Ok(())
    }
}

/// Clients that come, talk and go.
struct Load {
    over: Arc<AtomicBool>,
    echoes: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(server: &Server) -> Self {
        let (over, echoes) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let client = |n| {
            let (over, echoes, server) = (Arc::clone(&over), Arc::clone(&echoes), *server);
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    // A cut in the middle is what this is about.
                    let echo = if n == 0 { server.echo_datagram() } else { server.echo() };
                    echoes.fetch_add(u64::from(echo.is_ok()), Ordering::Relaxed);
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { over, echoes, clients }
    }

    fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.clients.into_iter().for_each(|client| client.join().expect("a client"));
        self.echoes.load(Ordering::Relaxed)
    }
}

/// The way to the engine's sockets, which can be cut.
struct Channel {
    folder: tempfile::TempDir,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Channel {
    fn to(engine: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let open = Arc::<Mutex<Vec<UnixStream>>>::default();
        for port in CHANNELS {
            let name = format!("vsock-{port}.sock");
            let listener = UnixListener::bind(folder.path().join(&name)).expect("a socket");
            let (open, there) = (Arc::clone(&open), engine.join(name));
            std::thread::spawn(move || {
                for host in listener.incoming().map_while(Result::ok) {
                    let guest = UnixStream::connect(&there).expect("the engine");
                    carry(&open, host, guest);
                }
            });
        }
        Self { folder, open }
    }

    fn cut(&self) {
        for stream in self.open.lock().expect("the list").drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

fn carry(open: &Mutex<Vec<UnixStream>>, host: UnixStream, guest: UnixStream) {
    let again = |stream: &UnixStream| stream.try_clone().expect("a descriptor");
    open.lock().expect("the list").extend([again(&host), again(&guest)]);
    for (mut from, mut to) in [(again(&host), again(&guest)), (guest, host)] {
        std::thread::spawn(move || {
            std::io::copy(&mut from, &mut to).ok();
            to.shutdown(Shutdown::Write).ok();
        });
    }
}
