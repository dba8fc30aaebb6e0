//! One bridge and the containers on it.

use crate::ground::*;
use berth_network::{MacAddress, NetworkKind, Networks, NetworksConfig, Origin};
use nix::mount::{MsFlags, mount};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    thread,
    time::Duration,
};

#[test]
fn the_machine_reaches_a_server_in_a_container_and_not_the_other_way_round() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let plan = bridge('1', &["172.17.0.1/16", "fd00:17::1/64"]);
        let a = attach(&networks, A, &plan, &["172.17.0.2/16", "fd00:17::2/64"]).await;
        let listener = listen(&a, 80);
        let machine = TcpListener::bind("[::]:0").unwrap();
        let port = machine.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            for _ in 0..2 {
                listener.accept().unwrap().0.write_all(b"hello").unwrap();
            }
        });
        for address in ["172.17.0.2", "fd00:17::2"] {
            let mut text = String::new();
            connect(ip(address), 80).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
        }
        server.join().unwrap();
        let link_local = said("ip", &["-o", "-6", "addr", "show", "scope", "link"]);
        assert!(link_local.contains("br-111111111111") && link_local.contains("fe80::"), "{link_local}");
        for address in ["172.17.0.1", "fd00:17::1"] {
            assert!(cut_off(&a, address, port), "a container reached a service of the machine at {address}");
        }
    });
}

#[test]
fn containers_reach_each_other_and_their_own_loopback() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let plan = bridge('1', &["172.17.0.1/16", "fd00:17::1/64"]);
        let a = attach(&networks, A, &plan, &["172.17.0.2/16", "fd00:17::2/64"]).await;
        let b = attach(&networks, B, &plan, &["172.17.0.3/16", "fd00:17::3/64"]).await;
        let listener = listen(&b, 7000);
        assert!(reaches(&a, "172.17.0.3", 7000) && reaches(&a, "fd00:17::3", 7000));
        assert!(reaches(&b, "127.0.0.1", 7000) && reaches(&b, "::1", 7000));
        drop(listener);
        let lonely = networks.open_namespace(C, Origin::New).await.unwrap();
        assert!(inside(&lonely, || TcpListener::bind("127.0.0.1:0").is_ok()));
        assert!(cut_off(&lonely, "172.17.0.3", 7000));
    });
}

#[test]
fn a_network_without_ipv6_has_none_at_all() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let plan = bridge('1', &["172.17.0.1/16"]);
        let a = attach(&networks, A, &plan, &["172.17.0.2/16"]).await;
        let addresses = inside(&a, || said("ip", &["-o", "-6", "addr"]));
        assert!(addresses.contains("::1") && !addresses.contains("eth0"), "{addresses}");
        let machine = said("ip", &["-o", "-6", "addr", "show", "dev", "br-111111111111"]);
        assert_eq!(machine, "");
    });
}

#[test]
fn containers_that_may_not_talk_do_not_though_the_machine_reaches_them() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let mut plan = bridge('1', &["172.17.0.1/16", "fd00:17::1/64"]);
        if let NetworkKind::Bridge { talk, .. } = &mut plan.kind {
            *talk = false;
        }
        let a = attach(&networks, A, &plan, &["172.17.0.2/16", "fd00:17::2/64"]).await;
        let b = attach(&networks, B, &plan, &["172.17.0.3/16", "fd00:17::3/64"]).await;
        let _listener = listen(&b, 7000);
        connect(ip("172.17.0.3"), 7000).unwrap();
        assert!(cut_off(&a, "172.17.0.3", 7000) && cut_off(&a, "fd00:17::3", 7000));
        // By the machine as a router, past the switch.
        inside(&a, || said("ip", &["route", "add", "172.17.0.3/32", "via", "172.17.0.1"]));
        assert!(cut_off(&a, "172.17.0.3", 7000));
    });
}

#[test]
fn an_interface_is_as_it_was_asked_for() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let mut plan = bridge('1', &["10.9.0.1/24"]);
        plan.mtu = Some(1400);
        networks.open_namespace(A, Origin::New).await.unwrap();
        let mut wanted = interface(A, &plan, "net7", &["10.9.0.77/24"]);
        wanted.mac = "92:d0:c6:0a:29:33".parse::<MacAddress>().unwrap();
        wanted.sysctls = vec![("ipv4/conf/net7/log_martians".into(), "1".into())];
        networks.join(A, &plan, &wanted).await.unwrap();
        let link = inside(&networks.namespace(A), || said("ip", &["-o", "link", "show", "net7"]));
        let file = "/proc/sys/net/ipv4/conf/net7/log_martians";
        assert_eq!(inside(&networks.namespace(A), move || fs::read_to_string(file).unwrap()), "1\n");
        assert!(link.contains("mtu 1400") && link.contains("92:d0:c6:0a:29:33"), "{link}");
        let bridge = said("ip", &["-o", "link", "show", "br-111111111111"]);
        assert!(bridge.contains("mtu 1400") && bridge.contains("02:42:0a:09:00:01"), "{bridge}");
    });
}

#[test]
fn a_namespace_of_another_user_namespace_is_put_on_the_bridge_as_it_is() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let plan = bridge('1', &["172.17.0.1/16"]);
        let place = networks.namespace(A);
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
        let namespace = networks.open_namespace(A, Origin::There).await.unwrap();
        assert_eq!(namespace, place);
        let wanted = interface(A, &plan, "eth0", &["172.17.0.2/16"]);
        networks.join(A, &plan, &wanted).await.unwrap();
        let inner = inside(&namespace, || fs::read_link("/proc/thread-self/ns/net").unwrap());
        assert_eq!(inner, theirs, "it is the one that was there");
        let _listener = inside(&namespace, || TcpListener::bind("0.0.0.0:80").unwrap());
        connect(ip("172.17.0.2"), 80).unwrap();
        networks.close_namespace(A, &[wanted.endpoint]).await.unwrap();
        assert!(!namespace.exists());
        let absent = networks.open_namespace(B, Origin::There).await.unwrap_err().to_string();
        assert!(absent.contains(B) && !interfaces().contains("vb"), "{absent}");
    });
}

#[test]
fn a_failed_join_leaves_no_network_and_no_interface() {
    in_own_namespaces(|dir| async move {
        let config = NetworksConfig { nft: "/nonexistent/nft".into(), ..NetworksConfig::guest(dir.join("netns")) };
        let networks = Networks::open(config).unwrap();
        let plan = bridge('1', &["172.17.0.1/16"]);
        networks.open_namespace(A, Origin::New).await.unwrap();
        let wanted = interface(A, &plan, "eth0", &["172.17.0.2/16"]);
        let error = networks.join(A, &plan, &wanted).await.unwrap_err().to_string();
        assert!(error.contains("/nonexistent/nft"), "{error}");
        let links = interfaces();
        assert!(!links.contains("vb") && !links.contains("br-"), "{links}");
    });
}

#[test]
fn an_interface_that_is_no_bridge_is_refused_and_stays() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        said("ip", &["link", "add", "lan0", "type", "veth", "peer", "name", "lan1"]);
        let mut plan = bridge('1', &["172.17.0.1/16"]);
        plan.kind = NetworkKind::Bridge { name: "lan0".into(), talk: true, masquerade: true };
        let error = networks.make(&plan).await.unwrap_err().to_string();
        assert!(error.contains("lan0 of the machine is not a bridge"), "{error}");
        assert!(interfaces().contains("lan0"));
    });
}
