//! Networks that a user makes, with the docker CLI and with `berth`: names, isolation, a database and its client, and
//! what of it survives the engine and the machine.

use crate::user::User;
use berth_tests::{Home, Registry, eventually};
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
