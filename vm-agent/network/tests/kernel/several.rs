//! Several networks: what leads from one to the other, and containers on more than one.

use crate::ground::*;
use berth_network::{IpvlanFlag, IpvlanMode, MacvlanMode, NetworkKind, NetworkPlan, Origin, Parent};
use std::net::TcpListener;

#[test]
fn two_networks_do_not_reach_each_other() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let one = bridge('1', &["172.18.0.1/16", "fd00:1::1/64"]);
        let two = bridge('2', &["172.19.0.1/16", "fd00:2::1/64"]);
        let a = attach(&networks, A, &one, &["172.18.0.2/16", "fd00:1::2/64"]).await;
        let b = attach(&networks, B, &two, &["172.19.0.2/16", "fd00:2::2/64"]).await;
        let _listener = listen(&b, 7000);
        connect(ip("172.19.0.2"), 7000).unwrap();
        connect(ip("fd00:2::2"), 7000).unwrap();
        assert!(cut_off(&a, "172.19.0.2", 7000) && cut_off(&a, "fd00:2::2", 7000));
        let machine = TcpListener::bind("[::]:0").unwrap();
        let port = machine.local_addr().unwrap().port();
        for gateway in ["172.18.0.1", "172.19.0.1", "fd00:1::1", "fd00:2::1"] {
            assert!(cut_off(&a, gateway, port), "{gateway}");
        }
    });
}

#[test]
fn a_container_is_on_two_networks_and_leaves_one_while_it_runs() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let one = bridge('1', &["172.18.0.1/16", "fd00:1::1/64"]);
        let two = bridge('2', &["172.19.0.1/16", "fd00:2::1/64"]);
        let a = attach(&networks, A, &one, &["172.18.0.2/16", "fd00:1::2/64"]).await;
        let b = attach(&networks, B, &two, &["172.19.0.2/16", "fd00:2::2/64"]).await;
        let _listener = listen(&b, 7000);
        let second = interface(A, &two, "eth1", &["172.19.0.3/16", "fd00:2::3/64"]);
        networks.join(A, &two, &second).await.unwrap();
        assert!(reaches(&a, "172.19.0.2", 7000) && reaches(&a, "fd00:2::2", 7000));
        let default = |v: &'static str| inside(&a, move || said("ip", &[v, "route", "show", "default"]));
        assert!(default("-4").contains("via 172.18.0.1") && default("-6").contains("via fd00:1::1"));

        networks.route(A, &through("eth1", &two)).await.unwrap();
        let (v4, v6) = (default("-4"), default("-6"));
        assert!(v4.contains("via 172.19.0.1") && v4.lines().count() == 1, "{v4}");
        assert!(v6.contains("via fd00:2::1") && v6.lines().count() == 1, "{v6}");
        networks.leave(A, &second).await.unwrap();
        networks.leave(A, &second).await.unwrap();
        assert!(cut_off(&a, "172.19.0.2", 7000) && cut_off(&a, "fd00:2::2", 7000));
        networks.route(A, &through("eth0", &one)).await.unwrap();
        assert!(default("-4").contains("via 172.18.0.1"));
        assert!(!inside(&a, interfaces).contains("eth1"));
    });
}

/// A machine outside, which routes back to the machine alone, not to containers.
fn outside(dir: &std::path::Path) -> std::path::PathBuf {
    let path = dir.join("outside");
    std::fs::write(&path, "").unwrap();
    let text = path.to_str().unwrap().to_owned();
    for command in [
        format!("unshare --net={text} true"),
        format!("nsenter --net={text} ip link set lo up"),
        format!("ip link add up0 type veth peer name far0 netns {text}"),
        "sysctl -qw net.ipv6.conf.up0.accept_dad=0".to_owned(),
        format!("nsenter --net={text} sysctl -qw net.ipv6.conf.far0.accept_dad=0"),
        "ip addr add 203.0.113.1/24 dev up0".to_owned(),
        "ip -6 addr add 2001:db8::1/64 dev up0 nodad".to_owned(),
        "ip link set up0 up".to_owned(),
        format!("nsenter --net={text} ip addr add 203.0.113.2/24 dev far0"),
        format!("nsenter --net={text} ip -6 addr add 2001:db8::2/64 dev far0 nodad"),
        format!("nsenter --net={text} ip link set far0 up"),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        assert!(std::process::Command::new(words[0]).args(&words[1..]).status().unwrap().success(), "{command}");
    }
    path
}

#[test]
fn the_way_out_is_masqueraded_unless_the_network_says_otherwise_and_shut_from_an_internal_one() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let far = outside(&dir);
        let open = bridge('1', &["172.18.0.1/16", "fd00:1::1/64"]);
        let bare = NetworkPlan {
            kind: NetworkKind::Bridge { name: "bare0".into(), talk: true, masquerade: false },
            ..bridge('2', &["172.19.0.1/16"])
        };
        let internal = NetworkPlan { internal: true, ..bridge('3', &["172.20.0.1/16", "fd00:3::1/64"]) };
        let a = attach(&networks, A, &open, &["172.18.0.2/16", "fd00:1::2/64"]).await;
        let b = attach(&networks, B, &bare, &["172.19.0.2/16"]).await;
        let c = attach(&networks, C, &internal, &["172.20.0.2/16", "fd00:3::2/64"]).await;
        let server = listen(&far, 80);
        for (address, seen) in [("203.0.113.2", "::ffff:203.0.113.1"), ("2001:db8::2", "2001:db8::1")] {
            assert!(reaches(&a, address, 80), "{address}");
            assert_eq!(server.accept().unwrap().1.ip(), ip(seen));
        }
        assert!(cut_off(&b, "203.0.113.2", 80), "nobody routes back to it");
        assert!(cut_off(&c, "203.0.113.2", 80) && cut_off(&c, "2001:db8::2", 80));
        // Though somebody outside had a way in.
        inside(&far, || said("ip", &["route", "add", "172.16.0.0/12", "via", "203.0.113.1"]));
        let listener = listen(&b, 7000);
        assert!(reaches(&b, "203.0.113.2", 80));
        assert!(cut_off(&far, "172.19.0.2", 7000) && cut_off(&far, "172.18.0.2", 7000));
        assert!(cut_off(&c, "203.0.113.2", 80));
        drop(listener);
    });
}

#[test]
fn a_container_sends_from_its_own_addresses_only() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let far = outside(&dir);
        let plan = bridge('1', &["172.18.0.1/16"]);
        let a = attach(&networks, A, &plan, &["172.18.0.2/16"]).await;
        inside(&far, || said("ip", &["route", "add", "198.51.100.0/24", "via", "203.0.113.1"]));
        said("ip", &["route", "add", "198.51.100.0/24", "via", "172.18.0.2"]);
        let _server = listen(&far, 80);
        assert!(reaches(&a, "203.0.113.2", 80));
        inside(&a, || said("ip", &["addr", "add", "198.51.100.9/32", "dev", "eth0"]));
        inside(&a, || said("ip", &["route", "replace", "default", "via", "172.18.0.1", "src", "198.51.100.9"]));
        assert!(cut_off(&a, "203.0.113.2", 80));
    });
}

#[test]
fn a_network_that_goes_takes_its_bridge_and_rules_along() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let one = bridge('1', &["172.18.0.1/16"]);
        let two = bridge('2', &["172.19.0.1/16"]);
        networks.make(&one).await.unwrap();
        networks.make(&two).await.unwrap();
        let rules = || said("nft", &["list", "table", "inet", "berth"]);
        assert!(rules().contains("br-111111111111") && rules().contains("br-222222222222"));
        networks.unmake(&one).await.unwrap();
        networks.unmake(&one).await.unwrap();
        assert!(!rules().contains("br-111111111111") && rules().contains("br-222222222222"));
        assert!(!interfaces().contains("br-111111111111"));
    });
}

#[test]
fn a_network_moves_to_another_subnet() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        networks.make(&bridge('1', &["172.18.0.1/16"])).await.unwrap();
        let moved = bridge('1', &["192.168.16.1/20"]);
        let a = attach(&networks, A, &moved, &["192.168.16.2/20"]).await;
        let _listener = listen(&a, 80);
        connect(ip("192.168.16.2"), 80).unwrap();
        let addresses = said("ip", &["-o", "-4", "addr", "show", "dev", "br-111111111111"]);
        assert!(addresses.contains("192.168.16.1/20") && !addresses.contains("172.18"), "{addresses}");
    });
}

#[test]
fn networks_on_an_interface_of_the_machine_work_where_the_kernel_has_them() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        said("ip", &["link", "add", "up0", "type", "veth", "peer", "name", "up1"]);
        for link in ["up0", "up1"] {
            said("ip", &["link", "set", link, "up"]);
        }
        let named = |name: &str| Parent::Named(name.to_owned());
        let with = |kind| NetworkPlan { kind, ..bridge('1', &["10.5.0.1/24"]) };
        let macvlan = |parent| with(NetworkKind::Macvlan { parent, mode: MacvlanMode::Bridge });
        let ipvlan = with(NetworkKind::Ipvlan { parent: named("up0"), mode: IpvlanMode::L2, flag: IpvlanFlag::Bridge });

        let error = networks.make(&macvlan(named("nope0"))).await.unwrap_err().to_string();
        assert!(error.contains("the machine has no interface nope0"), "{error}");
        let error = networks.make(&macvlan(named("lo"))).await.unwrap_err().to_string();
        assert!(error.contains("the interface lo of the machine carries no Ethernet"), "{error}");
        for (plan, module) in [(macvlan(named("up0")), "macvlan"), (ipvlan, "ipvlan")] {
            let a = networks.open_namespace(A, Origin::New).await.unwrap();
            let b = networks.open_namespace(B, Origin::New).await.unwrap();
            let (at_a, at_b) =
                (interface(A, &plan, "eth0", &["10.5.0.2/24"]), interface(B, &plan, "eth0", &["10.5.0.3/24"]));
            if let Err(e) = networks.join(A, &plan, &at_a).await {
                // This machine's kernel may have none; the guest's has.
                assert_eq!(
                    e.to_string(),
                    format!("the machine's kernel has no {module} interfaces; use a bridge network")
                );
                assert!(!inside(&a, interfaces).contains("eth0"));
                continue;
            }
            networks.join(B, &plan, &at_b).await.unwrap();
            let _listener = listen(&b, 80);
            assert!(reaches(&a, "10.5.0.3", 80));
            networks.leave(A, &at_a).await.unwrap();
            assert!(!inside(&a, interfaces).contains("eth0"));
            networks.leave(B, &at_b).await.unwrap();
        }
    });
}
