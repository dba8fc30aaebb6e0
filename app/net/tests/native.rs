//! Real programs in a network whose only way out is a TUN device, the pump and the gateway.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod ground;

use berth_net::{Settings, proxy::Proxy};
use ground::{Ground, OUTSIDE, OUTSIDE_V6, SILENT, Server, on_own_ground, text};
use std::{
    net::{Ipv6Addr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const REACH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reach.py");
const DATAGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/datagrams.py");
/// The usual size of a packet, and the device's own.
const SIZES: [u16; 2] = [1500, 65_520];

fn pages(folder: &Path) -> Server {
    std::fs::write(folder.join("page"), "a page").unwrap();
    Server::start(&format!("python3 -m http.server --bind :: --directory {} 8000", folder.display()), 8000)
}

#[test]
fn pages_are_read_over_both_families_and_the_host_has_a_name() {
    for mtu in SIZES {
        on_own_ground(mtu, Settings::default(), |ground| {
            let folder = tempfile::tempdir().unwrap();
            let _pages = pages(folder.path());
            for host in [OUTSIDE, "[2001:db8::1]", "198.19.87.2", "[fdbe:7268:7570::2]"] {
                assert_eq!(ground.shell(&format!("curl -sS -m 5 http://{host}:8000/page")), "a page");
            }
            let address = ground.shell("dig +short host.docker.internal @198.19.87.1");
            assert_eq!(address, "198.19.87.2");
        });
    }
}

#[test]
fn bulk_goes_both_ways_in_many_flows() {
    for mtu in SIZES {
        on_own_ground(mtu, Settings::default(), move |ground| {
            let mut port = 5201;
            for way in ["", "-R", "--bidir"] {
                for (host, flows) in [(OUTSIDE, 1), (OUTSIDE, 16), (OUTSIDE_V6, 4)] {
                    port += 1;
                    let _iperf = Server::start(&format!("iperf3 -s -1 -p {port}"), port);
                    let said = ground
                        .shell(&format!("iperf3 -c {host} -p {port} -t 1 -P {flows} {way} | grep receiver | tail -1"));
                    println!("mtu {mtu}, {host}, {flows} flows {way}: {said}");
                    assert!(said.ends_with("receiver"), "{said}");
                }
            }
            is_idle(&ground);
        });
    }
}

#[test]
fn what_is_refused_unreachable_or_silent_looks_as_on_a_plain_host() {
    on_own_ground(1500, Settings::default(), |ground| {
        for route in ["unreachable 192.0.2.0/28", "prohibit 192.0.2.16/28", "unreachable 2001:db8:1::/64"] {
            assert!(Command::new("ip").args(["route", "add"]).args(route.split(' ')).status().unwrap().success());
        }
        let _server = Server::start("python3 -m http.server --bind 203.0.113.1 8000", 8000);
        let attempts = [
            "tcp 203.0.113.1 8000",
            "tcp 203.0.113.1 8001",
            "udp 203.0.113.1 8001",
            "tcp 203.0.113.99 80",
            "udp 203.0.113.99 80",
            "tcp 192.0.2.1 80",
            "tcp 198.51.100.1 80",
            "tcp 2001:db8::1 8001",
            "udp 2001:db8::1 8001",
            "tcp 2001:db8:1::1 80",
            "tcp 2001:db8:99::1 80",
        ];
        let script = format!("python3 {REACH} {}", attempts.join(" "));
        let plain = text(Command::new("sh").args(["-c", &script]).output().unwrap(), &script);
        let through = ground.shell(&script);
        assert_eq!(through, plain);
        for said in ["reached", "ECONNREFUSED", "timeout", "EHOSTUNREACH", "ENETUNREACH"] {
            assert!(plain.contains(said), "{said} was not tried: {plain}");
        }
        // A forbidden way is EACCES to the host itself, and to those behind it what their kernel makes of the message.
        assert_eq!(ground.shell(&format!("python3 {REACH} tcp 192.0.2.17 80")), "tcp 192.0.2.17 80 EHOSTUNREACH");
    });
}

#[test]
fn the_gateways_own_address_has_nothing_but_dns() {
    on_own_ground(1500, Settings::default(), |ground| {
        let _any = Server::start("python3 -m http.server --bind :: 8000", 8000);
        let scan = "import socket\nfor host, family in (('198.19.87.1', 2), ('198.19.87.4', 2), ('fdbe:7268:7570::1', 10)):\n \
                    for port in list(range(1, 3000)) + [8000, 65535]:\n  s = socket.socket(family)\n  s.settimeout(5)\n  \
                    code = s.connect_ex((host, port))\n  s.close()\n  if code != 111: print(host, port, code)";
        let open = text(ground.guest("python3").args(["-c", scan]).output().unwrap(), "a scan");
        assert_eq!(open, "198.19.87.1 53 0\nfdbe:7268:7570::1 53 0");
        is_idle(&ground);
    });
}

#[test]
fn echo_requests_are_answered_by_who_is_there() {
    on_own_ground(1500, Settings::default(), |ground| {
        for host in ["198.19.87.1", OUTSIDE, "198.19.87.2"] {
            ground.shell(&format!("busybox ping -c 2 -W 2 {host}"));
        }
        ground.shell(&format!("busybox ping6 -c 2 -W 2 {OUTSIDE_V6}"));
        let silent = ground.guest("busybox").args(["ping", "-c", "1", "-W", "1", SILENT]).output().unwrap();
        assert!(!silent.status.success(), "nobody is there");
    });
}

#[test]
fn datagrams_of_every_size_come_back_over_both_families_whatever_the_network_behind_carries() {
    on_own_ground(1500, Settings::default(), |ground| {
        let echo = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let port = echo.local_addr().unwrap().port();
        thread::spawn(move || {
            let mut bytes = vec![0; 65_535];
            while let Ok((length, client)) = echo.recv_from(&mut bytes) {
                echo.send_to(&bytes[..length], client).unwrap();
            }
        });
        // A container's: behind the guest, whose way to it carries less than its own device.
        let sizes = "1 1232 1233 1400 9000 60000";
        // Names of the case only.
        ground.shell("mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns");
        for carried in [1500, 1280] {
            let name = format!("behind{carried}");
            ground.shell(&format!(
                "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
                 ip netns add {name} && ip link add near type veth peer name far netns {name}
                 ip link set near mtu {carried} up && ip address add 10.7.0.1/24 dev near
                 ip address add fd07::1/64 dev near nodad
                 nft 'table inet way {{ chain out {{ type nat hook postrouting priority srcnat; oifname uplink masquerade; }}; }}'
                 inside='ip -n {name}'
                 $inside link set lo up && $inside link set far mtu {carried} up
                 $inside address add 10.7.0.2/24 dev far && $inside address add fd07::2/64 dev far nodad
                 $inside route add default via 10.7.0.1 && $inside -6 route add default via fd07::1"
            ));
            for host in [OUTSIDE, OUTSIDE_V6, "198.19.87.2", "fdbe:7268:7570::2"] {
                let send = format!("ip netns exec {name} python3 {DATAGRAMS} {host} {port} {sizes}");
                assert_eq!(ground.shell(&send), sizes, "{host} by {carried} bytes");
                ground.shell(&format!("ip netns exec {name} busybox ping -c 1 -W 5 -s 4000 {host}"));
            }
            // A network is taken down a moment after its name; the pair goes at once.
            ground.shell(&format!("ip link delete near; ip netns delete {name}; nft delete table inet way"));
        }
    });
}

#[test]
fn names_are_those_of_the_hosts_resolver() {
    on_own_ground(1500, Settings::default(), |ground| {
        let folder = tempfile::tempdir().unwrap();
        in_etc(folder.path(), "resolv.conf", &format!("nameserver {OUTSIDE}\n"));
        in_etc(folder.path(), "hosts", "127.0.0.1 localhost\n10.9.8.7 build.corp\n");
        let _dnsmasq = Server::start(
            "dnsmasq -k --conf-file=/dev/null --listen-address=203.0.113.1 --bind-interfaces -R -h --user=root \
             --host-record=web.example,10.1.1.1,fd00::77 --mx-host=web.example,mail.example,5 \
             --txt-record=long.example,$(printf 'x%.0s' $(seq 200)),$(printf 'y%.0s' $(seq 200)),$(printf 'z%.0s' $(seq 200)) \
             --address=/nothing.example/ --local=/corp/",
            53,
        );
        let dig = |asked: &str| ground.shell(&format!("dig +tries=1 +time=5 +short @198.19.87.1 {asked}"));
        assert_eq!(dig("web.example"), "10.1.1.1");
        assert_eq!(dig("web.example AAAA"), "fd00::77");
        assert_eq!(dig("web.example MX"), "5 mail.example.");
        assert_eq!(dig("+tcp web.example MX"), "5 mail.example.");
        assert_eq!(dig("+tcp web.example"), "10.1.1.1");
        assert_eq!(dig("build.corp"), "10.9.8.7");
        assert_eq!(dig("-x 10.9.8.7"), "build.corp.");
        assert!(dig("+noedns long.example TXT").len() > 600, "an answer that does not fit is asked for again over TCP");
        assert!(dig("@fdbe:7268:7570::1 build.corp").contains("10.9.8.7"));
        let status = |asked: &str| {
            ground.shell(&format!("dig +tries=1 +time=5 @198.19.87.1 {asked} | grep -o 'status: [A-Z]*'"))
        };
        assert_eq!(status("nothing.example"), "status: NXDOMAIN");
        assert_eq!(status("build.corp AAAA"), "status: NOERROR");
    });
}

/// A proxy's address, its program and its port: one of each kind.
fn proxies() -> [(&'static str, &'static str, u16); 2] {
    let socks = ("socks5://user:secret@127.0.0.1:1080", "microsocks -i 127.0.0.1 -p 1080 -u user -P secret", 1080);
    let http = ("http://127.0.0.1:8888", "tinyproxy -d -c /dev/stdin <<E\nPort 8888\nListen 127.0.0.1\nE\n", 8888);
    [socks, http]
}

#[test]
fn connections_go_through_the_proxy_but_for_the_exceptions() {
    for (address, program, port) in proxies() {
        let settings = Settings { proxy: Some(Proxy::new(address, "198.51.100.0/24").unwrap()) };
        on_own_ground(1500, settings, move |ground| {
            assert!(
                Command::new("ip").args("address add 198.51.100.1/24 dev lan".split(' ')).status().unwrap().success()
            );
            let folder = tempfile::tempdir().unwrap();
            let _pages = pages(folder.path());
            let page = |host: &str| {
                ground.guest("curl").args(["-sS", "-m", "5", &format!("http://{host}:8000/page")]).output().unwrap()
            };
            let proxy = Server::start(program, port);
            for host in [OUTSIDE, "[2001:db8::1]", "198.51.100.1", "198.19.87.2"] {
                assert_eq!(text(page(host), host), "a page");
            }
            let refused = ground.shell(&format!("python3 {REACH} tcp {OUTSIDE} 8001"));
            assert_eq!(refused, format!("tcp {OUTSIDE} 8001 ECONNREFUSED"));
            drop(proxy);
            assert!(!page(OUTSIDE).status.success(), "there was another way than the proxy");
            assert_eq!(text(page("198.51.100.1"), "an exception"), "a page");
        });
    }
}

/// Puts a file of this system's in the place of another one, for the case only.
fn in_etc(folder: &Path, name: &str, text: &str) {
    let (from, to) = (folder.join(name), format!("/etc/{name}"));
    std::fs::write(&from, text).unwrap();
    nix::mount::mount(Some(&from), to.as_str(), None::<&str>, nix::mount::MsFlags::MS_BIND, None::<&str>).unwrap();
}

#[test]
fn a_proxy_is_told_the_name_that_the_guest_asked_for_unless_several_have_the_address() {
    for (address, program, port) in proxies() {
        let settings = Settings { proxy: Some(Proxy::new(address, ".direct.example:8000").unwrap()) };
        on_own_ground(1500, settings, move |ground| {
            let folder = tempfile::tempdir().unwrap();
            let _pages = pages(folder.path());
            let hosts = |text: &str| std::fs::write(folder.path().join("hosts"), text).unwrap();
            let found = |name: &str| ground.shell(&format!("dig +short @198.19.87.1 {name}"));
            let page = |host: &str| {
                ground.guest("curl").args(["-sS", "-m", "5", &format!("http://{host}:8000/page")]).output().unwrap()
            };
            // As the host sees it nobody is there, and as the proxy does, somebody is.
            in_etc(folder.path(), "hosts", "203.0.113.7 split.example\n203.0.113.8 one.example two.example\n");
            assert_eq!((found("split.example"), found("one.example")), ("203.0.113.7".into(), "203.0.113.8".into()));
            hosts("203.0.113.1 split.example one.example two.example a.direct.example\n");
            let proxy = Server::start(program, port);
            assert_eq!(text(page("203.0.113.7"), "split.example"), "a page");
            assert_eq!(text(page("203.0.113.8"), "one.example"), "a page");
            hosts("203.0.113.8 two.example\n");
            assert_eq!(found("two.example"), "203.0.113.8");
            hosts("203.0.113.1 split.example one.example two.example a.direct.example\n");
            assert!(!page("203.0.113.8").status.success(), "which of two names was guessed");

            assert_eq!(found("a.direct.example"), OUTSIDE);
            drop(proxy);
            assert!(!page("203.0.113.7").status.success(), "there was another way than the proxy");
            assert_eq!(text(page(OUTSIDE), "an exception by its name"), "a page");
        });
    }
}

#[test]
fn a_link_that_is_cut_under_load_leaves_no_flow_and_new_ones_work_at_once() {
    on_own_ground(65_520, Settings::default(), |ground| {
        let folder = tempfile::tempdir().unwrap();
        let _pages = pages(folder.path());
        let _iperf = Server::start("iperf3 -s", 5201);
        let load = |port: &str| {
            let mut command = ground.guest("iperf3");
            command.args(["-c", OUTSIDE, "-t", "600", "-P", "8", "--bidir", "-p", port]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut load = load("5201");
        for _ in 0..500 {
            thread::sleep(Duration::from_millis(5));
            ground.link();
        }
        assert!(load.try_wait().unwrap().is_none(), "flows outlive their link");
        let began = Instant::now();
        assert_eq!(ground.shell(&format!("curl -sS -m 5 http://{OUTSIDE}:8000/page")), "a page");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        load.kill().unwrap();
        load.wait().unwrap();
        is_idle(&ground);
    });
}

fn is_idle(ground: &Ground) {
    let deadline = Instant::now() + Duration::from_secs(45);
    loop {
        // Pairs of UDP ends are kept for a while.
        match ground.flows() {
            0 => return,
            left => assert!(Instant::now() < deadline, "{left} flows are left"),
        }
        thread::sleep(Duration::from_millis(500));
    }
}
