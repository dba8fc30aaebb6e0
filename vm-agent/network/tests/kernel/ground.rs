//! A network and mount namespace of the test's own, and what a case needs there.

use berth_network::{
    DefaultRoute, DefaultRoutes, InterfacePlan, IpNet, MacAddress, NetworkKind, NetworkPlan, Networks, NetworksConfig,
    Origin, PlannedSubnet, bridge_name,
};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
};
use std::{
    fs::File,
    future::Future,
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

pub(crate) const A: &str = "aaaaaaaaaaaa0000000000000000000000000000000000000000000000000001";
pub(crate) const B: &str = "bbbbbbbbbbbb0000000000000000000000000000000000000000000000000002";
pub(crate) const C: &str = "cccccccccccc0000000000000000000000000000000000000000000000000003";

/// Runs a case on a thread whose network and mounts are its own, so that the machine is left as it was.
pub(crate) fn in_own_namespaces<F: Future<Output = ()>>(case: impl FnOnce(PathBuf) -> F + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        mount(Some("t"), &path, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case(path));
    })
    .join()
    .unwrap();
}

pub(crate) fn networks(dir: &Path) -> Networks {
    Networks::open(NetworksConfig::guest(dir.join("netns"))).unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A bridge with these gateways, each with the length of its prefix.
pub(crate) fn bridge(digit: char, gateways: &[&str]) -> NetworkPlan {
    let id = digit.to_string().repeat(64);
    let planned = |text: &&str| {
        let net: IpNet = text.parse().unwrap();
        PlannedSubnet { subnet: net.trunc(), gateway: Some(net.addr()) }
    };
    NetworkPlan {
        kind: NetworkKind::Bridge { name: bridge_name(&id).unwrap(), talk: true, masquerade: true },
        subnets: gateways.iter().map(planned).collect(),
        internal: false,
        mtu: None,
        id,
    }
}

/// A container's interface: its endpoint's id follows from both.
pub(crate) fn interface(container: &str, network: &NetworkPlan, name: &str, addresses: &[&str]) -> InterfacePlan {
    let addresses: Vec<IpNet> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let endpoint = format!("{}{}", &container[..6], network.id).chars().take(64).collect::<String>();
    let mac = addresses.iter().find_map(|net| match net.addr() {
        IpAddr::V4(v4) => Some(MacAddress::of(v4)),
        IpAddr::V6(_) => None,
    });
    let mac = mac.unwrap_or_else(|| MacAddress::of_id(&endpoint));
    InterfacePlan { endpoint, name: name.to_owned(), mac, addresses, sysctls: vec![] }
}

/// A container with one interface, `eth0`, through which it reaches everything.
pub(crate) async fn attach(networks: &Networks, container: &str, plan: &NetworkPlan, addresses: &[&str]) -> PathBuf {
    let namespace = networks.open_namespace(container, Origin::New).await.unwrap();
    networks.join(container, plan, &interface(container, plan, "eth0", addresses)).await.unwrap();
    networks.route(container, &through("eth0", plan)).await.unwrap();
    namespace
}

/// The default routes through an interface on a network.
pub(crate) fn through(interface: &str, plan: &NetworkPlan) -> DefaultRoutes {
    let gateway = |v6: bool| plan.subnets.iter().filter_map(|s| s.gateway).find(|gateway| gateway.is_ipv6() == v6);
    let route = |gateway| DefaultRoute { interface: interface.to_owned(), gateway: Some(gateway) };
    DefaultRoutes { v4: gateway(false).map(route), v6: gateway(true).map(route) }
}

/// What a program inside the namespace sees; the closure runs on a thread in it.
pub(crate) fn inside<T: Send + 'static>(namespace: &Path, f: impl FnOnce() -> T + Send + 'static) -> T {
    let file = File::open(namespace).unwrap();
    thread::spawn(move || {
        setns(file, CloneFlags::CLONE_NEWNET).unwrap();
        f()
    })
    .join()
    .unwrap()
}

pub(crate) fn listen(namespace: &Path, port: u16) -> TcpListener {
    inside(namespace, move || TcpListener::bind(("::", port)).unwrap())
}

/// Long enough for a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is dropped answers never: no wait is long enough, and each costs its whole length.
const DOUBT: Duration = Duration::from_millis(500);

pub(crate) fn connect(to: IpAddr, port: u16) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::new(to, port), PATIENCE)
}

/// Whether a container reaches a port that it should.
pub(crate) fn reaches(namespace: &Path, to: &str, port: u16) -> bool {
    let to = ip(to);
    inside(namespace, move || connect(to, port).is_ok())
}

/// Whether a container fails to reach a port.
pub(crate) fn cut_off(namespace: &Path, to: &str, port: u16) -> bool {
    let to = SocketAddr::new(ip(to), port);
    inside(namespace, move || TcpStream::connect_timeout(&to, DOUBT).is_err())
}

/// What a program writes.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(arguments).output().unwrap().stdout).unwrap()
}

pub(crate) fn interfaces() -> String {
    said("ip", &["-o", "link"])
}
