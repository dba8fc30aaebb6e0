//! The bridge against the real kernel, in a network and mount namespace of the test's own. Needs root.
#![allow(clippy::unwrap_used)]

use berth_network::{BridgeConfig, BridgeNetwork, Origin};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    future::Future,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

const A: &str = "aaaaaaaaaaaa0000000000000000000000000000000000000000000000000001";
const B: &str = "bbbbbbbbbbbb0000000000000000000000000000000000000000000000000002";

/// Runs a case on a thread whose network and mounts are its own, so that the machine is left as it was.
fn in_own_namespaces<F: Future<Output = ()>>(case: impl FnOnce(PathBuf) -> F + Send + 'static) {
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

fn network(dir: &Path) -> BridgeNetwork {
    BridgeNetwork::open(BridgeConfig::docker_like(dir.join("netns"))).unwrap()
}

/// What a program inside the namespace sees; the closure runs on a thread in it.
fn inside<T: Send + 'static>(namespace: &Path, f: impl FnOnce() -> T + Send + 'static) -> T {
    let file = File::open(namespace).unwrap();
    thread::spawn(move || {
        setns(file, CloneFlags::CLONE_NEWNET).unwrap();
        f()
    })
    .join()
    .unwrap()
}

fn connect(to: (Ipv4Addr, u16)) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from(to), Duration::from_millis(700))
}

fn interfaces() -> String {
    String::from_utf8(Command::new("ip").args(["-o", "link"]).output().unwrap().stdout).unwrap()
}

#[test]
fn the_machine_reaches_a_server_in_a_container_and_not_the_other_way_round() {
    in_own_namespaces(|dir| async move {
        let network = network(&dir);
        let (namespace, endpoint) = network.attach(A, Origin::New).await.unwrap();
        assert_eq!(endpoint.address, Ipv4Addr::new(172, 17, 0, 2));

        let listener = inside(&namespace, || TcpListener::bind("0.0.0.0:80").unwrap());
        let server = thread::spawn(move || listener.accept().unwrap().0.write_all(b"hello").unwrap());
        let mut text = String::new();
        connect((endpoint.address, 80)).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        server.join().unwrap();

        let machine = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = machine.local_addr().unwrap().port();
        let reached = inside(&namespace, move || connect((Ipv4Addr::new(172, 17, 0, 1), port)).is_ok());
        assert!(!reached, "a container reached a service of the machine");
    });
}

#[test]
fn containers_reach_each_other_and_their_own_loopback() {
    in_own_namespaces(|dir| async move {
        let network = network(&dir);
        let (a, _) = network.attach(A, Origin::New).await.unwrap();
        let (b, at_b) = network.attach(B, Origin::New).await.unwrap();
        let listener = inside(&b, || TcpListener::bind("0.0.0.0:7000").unwrap());
        assert!(inside(&a, move || connect((at_b.address, 7000)).is_ok()));
        assert!(inside(&b, || connect((Ipv4Addr::LOCALHOST, 7000)).is_ok()));
        drop(listener);
        let lonely = network.isolate(&A.replace('a', "c"), Origin::New).await.unwrap();
        assert!(inside(&lonely, || TcpListener::bind("127.0.0.1:0").is_ok()));
        assert!(!inside(&lonely, move || connect((at_b.address, 7000)).is_ok()));
    });
}

#[test]
fn a_namespace_of_another_user_namespace_is_put_on_the_bridge_as_it_is() {
    in_own_namespaces(|dir| async move {
        let network = network(&dir);
        let place = network.namespace(A);
        let theirs = {
            let mut holder = Command::new("unshare").args(["--user", "--net", "sleep", "1000"]).spawn().unwrap();
            let pid = holder.id();
            let link = || fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
            while link() == fs::read_link("/proc/thread-self/ns/net").unwrap() {
                thread::sleep(Duration::from_millis(1));
            }
            File::create(&place).unwrap();
            let flags = MsFlags::MS_BIND;
            mount(Some(format!("/proc/{pid}/ns/net").as_str()), &place, None::<&str>, flags, None::<&str>).unwrap();
            let theirs = link();
            holder.kill().unwrap();
            holder.wait().unwrap();
            theirs
        };
        let (namespace, endpoint) = network.attach(A, Origin::There).await.unwrap();
        assert_eq!(namespace, place);
        let inner = inside(&namespace, || fs::read_link("/proc/thread-self/ns/net").unwrap());
        assert_eq!(inner, theirs, "it is the one that was there");
        let listener = inside(&namespace, || TcpListener::bind("0.0.0.0:80").unwrap());
        connect((endpoint.address, 80)).unwrap();
        drop(listener);
        network.detach(A, Some(endpoint.address)).await.unwrap();
        assert!(!namespace.exists());
        let absent = network.attach(B, Origin::There).await.unwrap_err().to_string();
        assert!(absent.contains(B) && !interfaces().contains("vb"), "{absent}");
    });
}

#[test]
fn nothing_is_left_after_detach_and_an_address_is_given_again() {
    in_own_namespaces(|dir| async move {
        let network = network(&dir);
        let (namespace, endpoint) = network.attach(A, Origin::New).await.unwrap();
        network.detach(A, Some(endpoint.address)).await.unwrap();
        assert!(!namespace.exists());
        assert!(!interfaces().contains("vb"), "{}", interfaces());
        network.detach(A, Some(endpoint.address)).await.unwrap();
        assert_eq!(network.attach(B, Origin::New).await.unwrap().1.address, endpoint.address);
    });
}

#[test]
fn a_second_engine_takes_over_what_runs_and_sweeps_the_rest() {
    in_own_namespaces(|dir| async move {
        let (kept, stray) = {
            let first = network(&dir);
            (first.attach(A, Origin::New).await.unwrap(), first.attach(B, Origin::New).await.unwrap())
        };
        let second = network(&dir);
        second.claim(kept.1.address).unwrap();
        second.sweep(&BTreeSet::from([A.to_owned()])).await.unwrap();
        assert!(kept.0.exists() && !stray.0.exists());
        let links = interfaces();
        assert!(links.contains("vbaaaaaaaaaaaa") && !links.contains("vbbbbbbbbbbbb"), "{links}");
        let (_, again) = second.attach(B, Origin::New).await.unwrap();
        assert_eq!(again.address, stray.1.address);
    });
}

#[test]
fn a_failed_attach_leaves_no_namespace_and_no_interface() {
    in_own_namespaces(|dir| async move {
        let mut config = BridgeConfig::docker_like(dir.join("netns"));
        config.nft = "/nonexistent/nft".into();
        let network = BridgeNetwork::open(config).unwrap();
        let error = network.attach(A, Origin::New).await.unwrap_err().to_string();
        assert!(error.contains("/nonexistent/nft"), "{error}");
        assert!(!interfaces().contains("vb"));
        assert_eq!(fs::read_dir(dir.join("netns")).unwrap().count(), 0);
    });
}
