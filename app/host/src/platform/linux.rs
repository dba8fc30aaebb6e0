//! Linux: `/proc` for the holder of a port, and the certificate authorities the administrator has added.

use crate::ports::Holder;
use berth_protocol::publish::Transport;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// Where Debian's and Fedora's administrators put authorities of their own; the public ones are in the guest.
const ADDED_ROOTS: [&str; 2] = ["/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors"];
/// The kernel's tables of sockets.
const TCP: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
const UDP: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];
/// `TCP_LISTEN` of the kernel's `include/net/tcp_states.h`, as `/proc/net/tcp` prints it.
const LISTEN: &str = "0A";
/// `TCP_CLOSE`, which the kernel prints for a UDP socket that is bound and connected to nobody.
const BOUND: &str = "07";

/// The PEM files that were added to this system's trusted authorities.
#[must_use]
pub fn added_ca_roots() -> Vec<String> {
    let mut files: Vec<_> = ADDED_ROOTS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "crt" || extension == "pem"))
        .collect();
    files.sort();
    files
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .filter(|text| text.contains("BEGIN CERTIFICATE"))
        .collect()
}

/// How a user may be let to ports below 1024.
#[must_use]
pub fn low_ports(port: u16) -> String {
    format!(", or allow it with: sudo sysctl net.ipv4.ip_unprivileged_port_start={port}")
}

/// The program that listens where `address` would: by its socket's inode in `/proc/net` and the descriptors of the
/// processes this user may look into.
#[must_use]
pub fn port_holder(transport: Transport, address: SocketAddr) -> Option<Holder> {
    let (tables, state) = match transport {
        Transport::Tcp => (TCP, LISTEN),
        Transport::Udp => (UDP, BOUND),
    };
    let tables: Vec<_> = tables.iter().filter_map(|table| fs::read_to_string(table).ok()).collect();
    let inodes = tables.iter().flat_map(|table| sockets(table, state, address));
    let inodes: Vec<_> = inodes.map(|inode| format!("socket:[{inode}]")).collect();
    if inodes.is_empty() {
        return None;
    }
    let holds = |process: &Path| {
        let descriptors = fs::read_dir(process.join("fd")).ok()?;
        descriptors
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .find(|link| link.to_str().is_some_and(|link| inodes.iter().any(|inode| inode == link)))
    };
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        holds(&entry.path())?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some(Holder { name: name.trim().into(), pid })
    })
}

/// Inodes of the sockets of a table, in one state, that are in the way of `address`.
fn sockets<'a>(table: &'a str, state: &str, address: SocketAddr) -> Vec<&'a str> {
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|fields| fields.get(3) == Some(&state))
        .filter(|fields| fields.get(1).and_then(|local| parse(local)).is_some_and(|local| in_the_way(local, address)))
        .filter_map(|fields| fields.get(9).copied())
        .collect()
}

fn in_the_way(local: SocketAddr, wanted: SocketAddr) -> bool {
    // A listener on :: usually takes IPv4 too.
    let any_v6 = local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    local.port() == wanted.port()
        && (local.ip() == wanted.ip()
            || any_v6
            || local.is_ipv4() == wanted.is_ipv4() && (local.ip().is_unspecified() || wanted.ip().is_unspecified()))
}

/// An address of `/proc/net/tcp`: words of 32 bits in the machine's byte order, then the port.
fn parse(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (at, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Ports, Sharing};
    use berth_protocol::publish::Publication;

    #[test]
    fn a_listener_of_this_process_is_found_by_name() {
        for ip in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(ip) else { continue };
            let mut address = listener.local_addr().unwrap();
            if address.ip().is_unspecified() && address.is_ipv4() {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            assert_eq!(port_holder(Transport::Tcp, address).unwrap().pid, std::process::id(), "{ip}");
            drop(listener);
            assert_eq!(port_holder(Transport::Tcp, address), None, "{ip}");
        }
    }

    #[test]
    fn a_socket_for_datagrams_has_a_holder_too() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        assert_eq!(port_holder(Transport::Udp, address).unwrap().pid, std::process::id());
        assert_eq!(port_holder(Transport::Tcp, address), None);
    }

    #[test]
    fn nonsense_in_a_table_is_skipped() {
        for text in ["", ":", "xyz:0050", "0100007F", "0100007:0050", "é00000000:0050"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(sockets("header\n  0: 0100007F\n", LISTEN, "127.0.0.1:80".parse().unwrap()).is_empty());
    }

    /// A port below 1024 as a user meets it, who is not root: in a process of its own, since users belong to processes.
    #[tokio::test]
    async fn a_user_is_told_what_to_do_about_a_low_port() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let nobody = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "platform::linux::tests::a_low_port_without_rights", "--ignored", "--nocapture"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&nobody.stdout).into_owned();
        let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
        if first.trim().parse::<u16>().unwrap() > 81 {
            assert!(
                text.contains(
                    "ports are not available: exposing port TCP 127.0.0.1:81 -> 127.0.0.1:0: listen tcp 127.0.0.1:81: bind: \
                     permission denied; publish a port from 1024 on, such as -p 8081:80, or allow it with: \
                     sudo sysctl net.ipv4.ip_unprivileged_port_start=81"
                ),
                "{text}"
            );
        }
    }

    /// Not a test: what the test above runs as another user.
    #[tokio::test]
    #[ignore = "run by a test as another user"]
    async fn a_low_port_without_rights() {
        let wanted = Publication {
            container: "c".into(),
            name: "web".into(),
            host_ip: None,
            host_port: 81,
            host_port_last: None,
            target: "172.17.0.2:80".parse().unwrap(),
            transport: Transport::Tcp,
        };
        match Ports::new(Sharing::default(), port_holder).publish(&[wanted]).await {
            Ok(addresses) => println!("{addresses:?}"),
            Err(refusal) => println!("{refusal}"),
        }
    }
}
