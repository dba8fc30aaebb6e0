//! Networks that a user makes, with the docker CLI and with `berth`: names, isolation, a database and its client, and
//! what of it survives the engine and the machine.

use crate::user::User;
use berth_tests::{HERE, Home, Registry, WORD, eventually, free_port, ip, on_own_network, serve_a_word};
use serde_json::Value;
use std::time::Duration;

/// What takes the emulated machine a while.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn containers_of_a_network_know_each_other_by_name_and_nobody_else() {
    let (registry, home) = (Registry::start(), Home::up());
    let tools = registry.image("tools:latest");
    home.berth(&["pull", &tools]).ok();
    for user in User::both(&home, &tools) {
        user.makes_networks();
        user.resolves_names();
        user.keeps_networks_apart();
        user.moves_a_container_between_networks();
        user.gives_fixed_addresses_of_both_families();
        user.cannot_leave_an_internal_network();
        user.cleans_up();
    }
}

#[test]
fn a_database_and_its_client_meet_on_a_network_and_again_after_the_engine_and_the_machine_ended() {
    let (registry, home) = (Registry::start(), Home::up());
    let (postgres, tools) = (registry.image("postgres:latest"), registry.image("busybox:latest"));
    home.berth(&["pull", &tools]).ok();
    home.berth(&["network", "create", "--label", "tier=back", "back"]).ok();
    let database = ["run", "-d", "--name", "db", "--network", "back", "--network-alias", "sql"];
    home.berth(&[&database[..], &["--restart", "unless-stopped", &postgres]].concat()).ok();
    let ask = |name: &str, what: &str| {
        let psql = ["/usr/lib/postgresql/17/bin/psql", "-h", name, "-U", "postgres", "-Atc", what, "postgres"];
        home.docker(&[&["run", "--rm", "--network", "back", &postgres], &psql[..]].concat())
    };
    let answers = |name: &str, what: &str, answer: &str| {
        eventually(&format!("{name} answers {what}"), PATIENCE, || {
            let ran = ask(name, what);
            (ran.code == Some(0)).then(|| assert_eq!(ran.ok(), answer))
        });
    };
    answers("sql", "select 6*7", "42");
    ask("db", "create table kept as select 'word' as said").ok();

    let before = address(&home, "db", "back");
    // The container that kills the engine hears nothing more of it.
    let kill = ["run", "--rm", "--privileged", "--pid", "host", "--network", "none", &tools];
    drop(home.docker(&[&kill[..], &["sh", "-c", "kill -9 $(pidof berth-engine)"]].concat()));
    answers("db", "select said from kept", "word");
    assert_eq!(address(&home, "db", "back"), before, "a container that runs keeps its address");

    home.berth(&["down"]).ok();
    home.berth(&["up"]).ok();
    answers("db", "select said from kept", "word");
    let label = home.docker(&["network", "inspect", "back", "--format", "{{.Labels.tier}} {{len .Containers}}"]);
    assert_eq!(label.ok(), "back 1");
}

#[test]
fn networks_on_an_interface_of_the_machine_carry_their_containers_and_keep_vlans_apart() {
    let (registry, home) = (Registry::start(), Home::up());
    let tools = registry.image("tools:latest");
    home.berth(&["pull", &tools]).ok();
    let machine = ["run", "--rm", "--privileged", "--network", "host", &tools, "ip", "link"];
    let machine = |words: &[&str]| home.docker(&[&machine[..], words].concat());
    machine(&["add", "lan0", "type", "dummy"]).ok();
    machine(&["set", "lan0", "up"]).ok();
    for user in User::both(&home, &tools) {
        for (name, options) in [
            ("mac", "-d macvlan --subnet 10.81.0.0/24 -o parent=lan0"),
            ("mac-own", "-d macvlan --subnet 10.82.0.0/24"),
            ("mac-vlan", "-d macvlan --subnet 10.83.0.0/24 --ipv6 --subnet fd83::/64 -o parent=lan0.7"),
            ("ip-l2", "-d ipvlan --subnet 10.84.0.0/24 -o parent=lan0.8"),
            ("ip-l3", "-d ipvlan --subnet 10.85.0.0/24 -o parent=lan0.9 -o ipvlan_mode=l3"),
        ] {
            user.ok(&format!("network create {options} {name}"));
            for container in ["one", "two"] {
                user.stays(&format!("{name}-{container}"), &["--network", name]);
            }
            // By the name of the other, so names are answered there too.
            user.says(&format!("{name}-one"), &format!("ping -c 1 -W 5 {name}-two"));
        }
        user.says("mac-vlan-one", "ping -6 -c 1 -W 5 mac-vlan-two");
        for (network, address, reached) in [("mac-vlan", "10.83.0.98", true), ("ip-l2", "10.83.0.99", false)] {
            let guest = format!("guest-of-{network}");
            user.stays(&guest, &["--network", network, "--cap-add", "NET_ADMIN"]);
            user.says(&guest, &format!("ip address add {address}/24 dev eth0"));
            // The same subnet on another VLAN is another network.
            assert_eq!(user.tries("mac-vlan-one", &format!("ping -c 1 -W 2 {address}")).0, reached, "{network}");
        }
        let parents = machine(&["show"]);
        assert!(parents.ok().contains("lan0.7@lan0") && parents.ok().contains("lan0.9@lan0"), "{parents}");
        let all = user.ok("ps -aq");
        user.asks(&[&["rm", "-f"][..], &all.lines().collect::<Vec<_>>()].concat()).ok();
        user.ok("network rm mac mac-own mac-vlan ip-l2 ip-l3");
        let parents = machine(&["show"]);
        assert!(parents.ok().contains("lan0") && !parents.ok().contains("lan0."), "{parents}");
        let missing = user.asks(&["network", "create", "-d", "macvlan", "-o", "parent=nowhere0", "lost"]);
        assert_eq!(missing.code, Some(1), "{missing}");
    }
}

#[test]
fn containers_that_may_not_talk_reach_the_outside_and_are_reached_from_it_but_not_each_other() {
    let (registry, home) = (Registry::start(), Home::up());
    let tools = registry.image("tools:latest");
    home.berth(&["pull", &tools]).ok();
    let page = serve_a_word("127.0.0.1");
    for user in User::both(&home, &tools) {
        user.ok("network create --ipv6 -o com.docker.network.bridge.enable_icc=false quiet");
        let (port, serve) = (free_port(), "python3 -m http.server --bind :: 80");
        let run = ["run", "-d", "--name", "served", "--network", "quiet", "-p", &format!("{port}:80"), user.image];
        user.asks(&[&run[..], &serve.split(' ').collect::<Vec<_>>()].concat()).ok();
        user.stays("asker", &["--network", "quiet"]);
        eventually("the host reads a page of it", PATIENCE, || {
            berth_tests::get(&format!("http://localhost:{port}/")).ok()
        });
        for family in ["-4", "-6"] {
            assert!(!user.tries("asker", &format!("ping {family} -c 1 -W 2 served")).0, "{family}");
            assert!(!user.tries("asker", &format!("curl {family} -sS -m 3 http://served/")).0, "{family}");
        }
        for container in ["served", "asker"] {
            let read = user.says(container, &format!("curl -sS -m 10 http://host.docker.internal:{page}/"));
            assert_eq!(read, WORD, "{container}");
        }
        user.ok("rm -f served asker");
        user.ok("network rm quiet");
    }
}

#[test]
fn a_network_moves_out_of_the_way_of_a_route_of_the_host_and_its_containers_reach_what_is_there() {
    on_own_network(|| {
        let (registry, home) = (Registry::start(), Home::up());
        let tools = registry.image("tools:latest");
        home.berth(&["pull", &tools]).ok();
        let subnet = |name: &str| {
            let format = "{{(index .IPAM.Config 0).Subnet}}";
            home.docker(&["network", "inspect", name, "--format", format]).ok().to_owned()
        };
        let run = |network: &str, script: &str| {
            home.docker(&["run", "--rm", "--network", network, &tools, "sh", "-c", script])
        };
        for network in ["idle", "used"] {
            home.docker(&["network", "create", network]).ok();
            run(network, "true").ok();
        }
        home.docker(&["network", "create", "--subnet", "172.30.0.0/16", "fixed"]).ok();
        home.docker(&["run", "-d", "--name", "stays", "--network", "used", &tools, "sleep", "1000000"]).ok();
        let (idle, used) = (subnet("idle"), subnet("used"));
        // A VPN that comes, with the subnets of all of them behind it.
        let there = idle.replace(".0.0/16", ".0.9");
        assert_ne!(there, idle);
        let page = serve_a_word("0.0.0.0");
        ip(&format!("address add {there}/16 dev lan"));
        for route in [&used, "172.30.0.0/16", "172.17.0.0/16"] {
            ip(&format!("route add {route} via {HERE}"));
        }
        let console = home.path().join("machine/console.log");
        let said = |what: &str| {
            eventually(&format!("the engine says {what}"), PATIENCE, || {
                std::fs::read_to_string(&console).ok().filter(|text| text.contains(what))
            });
        };
        said(&format!("the network used has the subnet {used} and the host has a route to"));
        said("the network fixed was made with the subnet 172.30.0.0/16");

        let read = run("idle", &format!("curl -sS -m 10 http://{there}:{page}/"));
        assert_eq!(read.ok(), WORD);
        assert_ne!(subnet("idle"), idle, "nobody was on it: it has moved");
        assert_eq!((subnet("used"), subnet("fixed")), (used.clone(), "172.30.0.0/16".to_owned()));
        assert_eq!(run("used", "ping -c 1 -W 5 stays").code, Some(0), "who is on it stays among its own");
        run("bridge", "true").ok();
        assert_ne!(subnet("bridge"), "172.17.0.0/16");
        // Not before the last one has left.
        home.docker(&["rm", "-f", "stays"]).ok();
        run("used", "true").ok();
        assert_ne!(subnet("used"), used);
        let fresh = home.docker(&["network", "create", "--subnet", &used, "fresh"]);
        assert_eq!(fresh.code, Some(0), "a subnet that is asked for is given: {fresh}");
    });
}

fn address(home: &Home, container: &str, network: &str) -> String {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    home.docker(&["inspect", container, "--format", &format]).ok().to_owned()
}

impl User<'_> {
    /// Starts a container that stays.
    fn stays(&self, name: &str, options: &[&str]) {
        self.asks(&[&["run", "-d", "--name", name], options, &[self.image, "sleep", "1000000"]].concat()).ok();
    }

    /// What a shell in the container says, and whether it succeeded.
    fn tries(&self, container: &str, script: &str) -> (bool, String) {
        let ran = self.asks(&["exec", container, "sh", "-c", script]);
        (ran.code == Some(0), ran.stdout.trim_end().to_owned())
    }

    fn says(&self, container: &str, script: &str) -> String {
        self.asks(&["exec", container, "sh", "-c", script]).ok().to_owned()
    }

    fn inspect_network(&self, name: &str) -> Value {
        let all: Value = serde_json::from_str(&self.ok(&format!("network inspect {name}"))).expect("JSON");
        all[0].clone()
    }

    fn makes_networks(&self) {
        let id = self.ok("network create --label shop=open shop");
        assert_eq!(id.len(), 64, "{id}");
        let taken = self.asks(&["network", "create", "shop"]);
        assert!(taken.fails(1).contains("network with name shop already exists"), "{taken}");
        let overlap = self.asks(&["network", "create", "--subnet", "172.17.0.0/16", "clash"]);
        assert!(overlap.fails(1).contains("Pool overlaps with other one on this address space"), "{overlap}");
        let builtin = self.asks(&["network", "rm", "bridge"]);
        assert!(builtin.fails(1).contains("bridge is a pre-defined network and cannot be removed"), "{builtin}");
        let missing = self.asks(&["run", "--rm", "--network", "nowhere", self.image, "true"]);
        assert!(missing.fails(125).contains("network nowhere not found"), "{missing}");

        assert_eq!(
            self.ok("network ls --filter label=shop=open --format {{.Name}}/{{.Driver}}/{{.Scope}}"),
            "shop/bridge/local"
        );
        let all = self.ok("network ls --format {{.Name}}");
        assert_eq!(all.lines().collect::<Vec<_>>(), ["bridge", "host", "none", "shop"]);
        assert_eq!(self.inspect_network("shop")["Id"], Value::from(id.as_str()));
        assert_eq!(self.inspect_network(&id[..12])["Labels"]["shop"], "open");
    }

    fn resolves_names(&self) {
        self.stays("web1", &["--network", "shop", "--network-alias", "web"]);
        self.stays("web2", &["--network", "shop", "--network-alias", "web"]);
        self.stays("client", &["--network", "shop"]);
        let (one, two) = (address(self.home, "web1", "shop"), address(self.home, "web2", "shop"));
        assert_eq!(self.says("client", "dig +short web1"), one);
        assert_eq!(self.says("client", "dig +short WEB2.shop"), two);
        assert_eq!(self.says("client", "dig +short +tcp web1"), one);
        assert_eq!(self.says("client", &format!("dig +short -x {one}")), "web1.shop.");
        assert_eq!(self.says("client", "dig +short web1 AAAA; dig web1 AAAA | grep -c NOERROR"), "1");
        // The system's own resolver, as programs use it.
        assert!(self.says("client", "getent hosts web1").starts_with(&one));
        let id = self.ok("inspect client --format {{.Id}}");
        assert_eq!(self.says("web1", &format!("dig +short {}", &id[..12])), address(self.home, "client", "shop"));

        // Each replica is first for some questions.
        let both = self.says("client", "for i in 1 2 3 4 5 6; do dig +short web | head -1; done | sort -u");
        let mut replicas = [one.clone(), two.clone()];
        replicas.sort();
        let mut found: Vec<_> = both.lines().collect();
        found.sort_unstable();
        assert_eq!(found, replicas);
        self.ok("stop -t 0 web2");
        assert_eq!(self.says("client", "dig +short web"), one, "one that is stopped has no address");
        self.ok("start web2");

        let (known, _) = self.tries("client", "dig +short nobody.invalid | grep .");
        assert!(!known);
        self.says("client", "ping -c 1 -W 5 web1");
    }

    fn keeps_networks_apart(&self) {
        self.ok("network create other");
        self.stays("stranger", &["--network", "other"]);
        self.stays("plain", &[]);
        let there = address(self.home, "web1", "shop");
        for outsider in ["stranger", "plain"] {
            assert!(!self.tries(outsider, "getent hosts web1").0, "{outsider} knows a name");
            assert!(!self.tries(outsider, &format!("ping -c 1 -W 2 {there}")).0, "{outsider} reaches {there}");
        }
        // The gateway of another network is a machine's address like any other.
        let gateway =
            self.inspect_network("shop")["IPAM"]["Config"][0]["Gateway"].as_str().unwrap_or_default().to_owned();
        assert!(!self.tries("stranger", &format!("nc -w 2 {gateway} 2375")).0);
    }

    fn moves_a_container_between_networks(&self) {
        self.asks(&["network", "connect", "--alias", "guest", "shop", "stranger"]).ok();
        assert!(self.says("stranger", "getent hosts web1").starts_with(&address(self.home, "web1", "shop")));
        assert_eq!(self.says("client", "dig +short guest"), address(self.home, "stranger", "shop"));
        self.says("client", "ping -c 1 -W 5 guest");
        assert_eq!(self.says("stranger", "ls /sys/class/net | grep -c eth"), "2");
        let active = self.asks(&["network", "rm", "shop"]);
        assert!(active.fails(1).contains("has active endpoints"), "{active}");
        self.ok("network disconnect shop stranger");
        assert!(!self.tries("stranger", "getent hosts web1").0);
        assert_eq!(self.says("client", "dig +short guest"), "");
        let again = self.asks(&["network", "disconnect", "shop", "stranger"]);
        assert!(again.fails(1).contains("is not connected to the network shop"), "{again}");
        self.ok("rm -f stranger plain");
    }

    fn gives_fixed_addresses_of_both_families(&self) {
        self.ok("network create --ipv6 --subnet 10.77.0.0/24 --gateway 10.77.0.254 --subnet fd77::/64 both");
        let place =
            ["--network", "both", "--ip", "10.77.0.9", "--ip6", "fd77::9", "--mac-address", "02:00:00:00:00:09"];
        self.stays("fixed", &place);
        let taken = self.asks(&["run", "--rm", "--network", "both", "--ip", "10.77.0.9", self.image, "true"]);
        assert!(taken.fails(125).contains("Address already in use"), "{taken}");
        self.stays("peer", &["--network", "both"]);
        assert_eq!(self.says("peer", "dig +short fixed A; dig +short fixed AAAA"), "10.77.0.9\nfd77::9");
        self.says("peer", "ping -6 -c 1 -W 5 fixed");
        assert_eq!(self.says("fixed", "cat /sys/class/net/eth0/address"), "02:00:00:00:00:09");
        assert!(self.says("fixed", "ip route").contains("default via 10.77.0.254"));
        self.ok("restart -t 0 fixed");
        assert_eq!(address(self.home, "fixed", "both"), "10.77.0.9");
        self.ok("rm -f fixed peer");
        self.ok("network rm both");
    }

    fn cannot_leave_an_internal_network(&self) {
        self.ok("network create --internal inner");
        self.stays("in1", &["--network", "inner"]);
        self.stays("in2", &["--network", "inner"]);
        self.says("in1", "ping -c 1 -W 5 in2");
        assert!(!self.tries("in1", "ip route | grep default").0);
        assert!(!self.tries("in1", "getent hosts host.docker.internal").0);
        let server = self.says("client", "getent hosts host.docker.internal | cut -d' ' -f1");
        assert!(!self.tries("in1", &format!("nc -w 2 {server} 80")).0, "{server}");
        self.ok("rm -f in1 in2");
    }

    fn cleans_up(&self) {
        self.ok("rm -f client web1 web2");
        let pruned = self.ok("network prune -f");
        let mut gone: Vec<_> = pruned.lines().skip(1).collect();
        gone.sort_unstable();
        assert_eq!((pruned.lines().next(), gone), (Some("Deleted Networks:"), vec!["inner", "other", "shop"]));
        assert_eq!(self.ok("network ls -q").lines().count(), 3);
    }
}
