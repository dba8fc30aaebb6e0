//! Two networks of this system's own kernel: one that is the host's, with the outside behind it, and one that is the
//! guest's, whose only way out is the device. Between them the real pump and the real gateway.

use berth_net::{Gateway, Settings, link::StreamLink};
use berth_protocol::uplink;
use berth_uplink::Pump;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::gettid,
};
use std::{
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc as asked, oneshot};

/// An address of each family outside, where servers of a case listen.
pub(crate) const OUTSIDE: &str = "203.0.113.1";
pub(crate) const OUTSIDE_V6: &str = "2001:db8::1";
/// One where nobody answers.
pub(crate) const SILENT: &str = "203.0.113.99";

/// What a case stands on.
pub(crate) struct Ground {
    runtime: tokio::runtime::Runtime,
    guest: String,
    pump: Arc<Pump<UnixStream>>,
    links: asked::UnboundedSender<Ask>,
    _thread: mpsc::Sender<()>,
}

enum Ask {
    Link(UnixStream),
    Flows(oneshot::Sender<usize>),
}

/// Runs a case on a thread whose networks are its own. `mtu` is that of the guest's device.
pub(crate) fn on_own_ground(mtu: u16, settings: Settings, case: impl FnOnce(Ground) + Send + 'static) {
    let tools = ["ip", "nsenter", "python3", "curl", "iperf3", "dig", "dnsmasq", "microsocks", "tinyproxy", "busybox"];
    let found = |tool: &&str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| folder.join(tool).exists())
    };
    if let Some(missing) = tools.iter().find(|tool| !found(tool)) {
        eprintln!("skipped: needs {missing}");
        return;
    }
    if !nix::unistd::geteuid().is_root() || !Path::new("/dev/net/tun").exists() {
        eprintln!("skipped: needs root and /dev/net/tun");
        return;
    }
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        ip("link set lo up");
        ip("link add lan type veth peer name wire");
        ip("link set wire up");
        ip(&format!("address add {OUTSIDE}/24 dev lan"));
        ip(&format!("address add {OUTSIDE_V6}/64 dev lan nodad"));
        ip("link set lan up");
        // Somebody who never answers.
        ip(&format!("neighbor add {SILENT} lladdr 02:00:00:00:00:63 dev lan"));
        for (setting, value) in [("ping_group_range", "0 2147483647"), ("tcp_syn_retries", "1")] {
            std::fs::write(format!("/proc/sys/net/ipv4/{setting}"), value).unwrap();
        }
        case(Ground::new(mtu, settings));
    })
    .join()
    .unwrap();
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

impl Ground {
    fn new(mtu: u16, settings: Settings) -> Self {
        let (device, guest, hold) = guest(mtu);
        let pump = Arc::new(Pump::new(device));
        let outgoing = Arc::clone(&pump);
        thread::spawn(move || outgoing.carry_out());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (links, asks) = asked::unbounded_channel();
        runtime.spawn(serve(settings, asks));
        let ground = Self { runtime, guest, pump, links, _thread: hold };
        ground.link();
        ground
    }

    /// Makes a new link in the place of the one there is.
    pub(crate) fn link(&self) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let pump = Arc::clone(&self.pump);
        thread::spawn(move || pump.carry_in(far));
        assert!(self.links.send(Ask::Link(near)).is_ok());
    }

    /// How many flows the gateway has.
    pub(crate) fn flows(&self) -> usize {
        let (answer, answered) = oneshot::channel();
        assert!(self.links.send(Ask::Flows(answer)).is_ok());
        let flows = self.runtime.block_on(answered).unwrap();
        // Looking took the gateway from its link, maybe in the middle of a packet: that link is of no more use.
        self.link();
        flows
    }

    /// A program in the guest's network.
    pub(crate) fn guest(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(&self.guest).arg(program);
        command
    }

    /// What a shell in the guest's network prints; it must end well.
    pub(crate) fn shell(&self, script: &str) -> String {
        text(self.guest("sh").args(["-c", script]).output().unwrap(), script)
    }
}

/// What a program printed; it must have ended well.
pub(crate) fn text(output: Output, what: &str) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
    out.trim().to_owned()
}

/// A network with nothing but the device, on a thread that lives as long as the ground.
fn guest(mtu: u16) -> (std::fs::File, String, mpsc::Sender<()>) {
    let (ready, made) = mpsc::channel();
    let (hold, held) = mpsc::channel();
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip("link set lo up");
        let device = berth_uplink::make(uplink::INTERFACE).unwrap();
        let name = uplink::INTERFACE;
        ip(&format!("link set {name} mtu {mtu} up"));
        ip(&format!("address add {}/{} dev {name}", uplink::GUEST, uplink::PREFIX));
        ip(&format!("address add {}/{} dev {name} nodad", uplink::GUEST_V6, uplink::PREFIX_V6));
        ip(&format!("route add default via {}", uplink::GATEWAY));
        ip(&format!("-6 route add default via {}", uplink::GATEWAY_V6));
        let network = format!("--net=/proc/{}/task/{}/ns/net", std::process::id(), gettid());
        ready.send((device, network)).unwrap();
        held.recv().unwrap_or_default();
    });
    let (device, network) = made.recv().unwrap();
    (device, network, hold)
}

/// One gateway over one link after the other.
async fn serve(settings: Settings, mut asks: asked::UnboundedReceiver<Ask>) {
    let mut gateway = Gateway::new(settings);
    let mut next = asks.recv().await;
    while let Some(ask) = next.take() {
        let mut link = match ask {
            Ask::Link(stream) => Some(tokio::net::UnixStream::from_std(stream).unwrap()),
            Ask::Flows(answer) => {
                answer.send(gateway.flows()).unwrap();
                None
            }
        };
        let serving = async {
            if let Some(link) = &mut link {
                drop(gateway.serve(StreamLink::new(link)).await);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serving => {}
            ask = asks.recv() => next = ask,
        }
    }
}

/// A program that ends with its place in the case.
pub(crate) struct Server(Child);

impl Server {
    /// Starts it in the host's network and waits until something listens on `port`.
    pub(crate) fn start(command: &str, port: u16) -> Self {
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        let listens = || {
            let sockets = Command::new("ss").args(["-Hlnut"]).output().unwrap();
            String::from_utf8_lossy(&sockets.stdout).contains(&format!(":{port} "))
        };
        while !listens() {
            assert!(Instant::now() < deadline, "{command} does not listen on {port}");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        drop(self.0.wait());
    }
}
