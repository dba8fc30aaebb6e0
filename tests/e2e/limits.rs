//! Limits, pausing, usage, health and lists as a user sees them, with `berth` and with the docker CLI, in one machine.

mod hogs;

use berth_tests::{Home, Registry, eventually};
use serde_json::Value;
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

/// What takes the emulated machine a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes twice as much memory each time.
const HOG: &str = "x=aaaaaaaa; while :; do x=$x$x; done";

/// A machine with busybox, and the ways to ask it.
struct Ground {
    home: Home,
    image: String,
    _registry: Registry,
}

impl Ground {
    fn up() -> Self {
        let (registry, home) = (Registry::start(), Home::up());
        let image = registry.image("busybox:latest");
        home.berth(&["pull", &image]).ok();
        Self { home, image, _registry: registry }
    }

    fn docker(&self, line: &str) -> String {
        self.home.docker(&line.split(' ').collect::<Vec<_>>()).ok().to_owned()
    }

    fn berth(&self, line: &str) -> String {
        self.home.berth(&line.split(' ').collect::<Vec<_>>()).ok().to_owned()
    }

    fn inspect(&self, name: &str) -> Value {
        let all: Value = serde_json::from_str(&self.docker(&format!("inspect {name}"))).expect("JSON");
        all[0].clone()
    }

    /// Starts a shell line in the background, with options of `docker run`.
    fn run(&self, name: &str, options: &[&str], script: &str) {
        let start = ["run", "-d", "--name", name];
        self.home.docker(&[&start, options, &[&self.image, "sh", "-c", script]].concat()).ok();
    }

    /// The engine answers at once, whatever containers do. Where the VM is emulated, a second is not much.
    fn answers(&self) -> Duration {
        let asked = Instant::now();
        let mut stream = UnixStream::connect(self.home.socket()).expect("the socket");
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: berth\r\n\r\n").expect("ask");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.ends_with("OK"), "{answer}");
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(3), "the engine took {took:?}");
        took
    }
}

#[test]
fn limits_are_set_changed_and_enforced() {
    let ground = Ground::up();
    limits_are_seen_inside_and_changed_alive(&ground);
    a_memory_hog_is_killed_and_told(&ground);
    a_fork_bomb_and_a_flood_end_at_their_limits(&ground);
    a_paused_container_stands_still(&ground);
    orphans_are_reaped(&ground);
}

fn limits_are_seen_inside_and_changed_alive(ground: &Ground) {
    let files = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max /sys/fs/cgroup/cpu.max \
                 /sys/fs/cgroup/cpu.weight /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.low";
    let options =
        ["-m", "64m", "--memory-reservation", "32m", "--cpus", "0.5", "--cpu-shares", "2048", "--pids-limit", "50"];
    let seen = format!("{files}; sleep 1; {files}");
    let first = ground.home.docker(&[&["run", "--rm"], &options[..], &[&ground.image, "sh", "-c", &seen]].concat());
    let lines: Vec<&str> = first.ok().lines().collect();
    assert_eq!(lines[..6], ["67108864", "67108864", "50000 100000", "174", "50", "33554432"], "{first}");

    ground.run("tuned", &options, &format!("while :; do {files}; echo; sleep 1; done"));
    assert_eq!(ground.docker("update --memory 48m --pids-limit 20 --restart on-failure:3 tuned"), "tuned");
    assert_eq!(ground.berth("update --cpus 0.25 --cpu-shares 1024 tuned"), "tuned");
    eventually("the limits changed while it runs", PATIENCE, || {
        let log = ground.docker("logs --tail 14 tuned");
        let lines: Vec<&str> = log.lines().collect();
        let all = ["50331648", "25000 100000", "100", "20"];
        all.iter().all(|wanted| lines.contains(wanted)).then_some(())
    });
    let host = &ground.inspect("tuned")["HostConfig"];
    assert_eq!((host["Memory"].as_i64(), host["MemorySwap"].as_i64()), (Some(48 << 20), Some(128 << 20)));
    assert_eq!((&host["RestartPolicy"]["Name"], host["PidsLimit"].as_i64()), (&"on-failure".into(), Some(20)));
    let refused = ground.home.docker(&["update", "--memory", "1m", "tuned"]);
    assert!(refused.fails(1).contains("Minimum memory limit allowed is 6MB"), "{refused}");

    let stats: Value = serde_json::from_str(&ground.docker("stats --no-stream --format json tuned")).expect("JSON");
    assert!(stats["MemUsage"].as_str().is_some_and(|usage| usage.ends_with("/ 48MiB")), "{stats}");
    let table = ground.berth("stats --no-stream tuned");
    assert!(table.contains("CPU %") && table.contains("/ 48MiB"), "{table}");
    let top = ground.docker("top tuned");
    assert!(top.starts_with("UID") && top.contains("sleep 1"), "{top}");
    let own = ground.berth("top tuned -o pid,comm");
    assert!(own.starts_with("PID") && own.contains("sh"), "{own}");
    ground.docker("rm -f tuned");

    // Debian's docker CLI (26.1.5) takes the option and sends none of it.
    let rates = ["run", "--rm", "--device-write-bps", "/dev/vda:1mb", &ground.image, "cat", "/sys/fs/cgroup/io.max"];
    let device = ground.home.berth(&rates);
    assert!(device.ok().contains("wbps=1048576"), "{device}");
    let none = ground.home.berth(&["run", "--rm", "--device-read-iops", "/dev/nope:1", &ground.image, "true"]);
    assert!(none.fails(125).contains("stat /dev/nope: no such file or directory"), "{none}");
    assert!(!ground.docker("ps -a").contains("nope"));
}

fn a_memory_hog_is_killed_and_told(ground: &Ground) {
    let hog = ["run", "--name", "hog", "-m", "16m", "--memory-swap", "16m", &ground.image, "sh", "-c", HOG];
    assert_eq!(ground.home.docker(&hog).code, Some(137));
    let state = &ground.inspect("hog")["State"];
    assert_eq!((&state["OOMKilled"], state["ExitCode"].as_i64()), (&true.into(), Some(137)));
    // Docker's client cuts the moment down to the second: the next one includes what has just happened.
    let told = ground.docker("events --since 10m --until=-1s --filter container=hog --format {{.Action}}");
    let (oom, die) = (told.lines().position(|line| line == "oom"), told.lines().position(|line| line == "die"));
    assert!(oom.is_some() && oom < die, "{told}");
    eventually("berth tells it too", PATIENCE, || {
        ground
            .berth("events --since 10m --until 0s -f container=hog -f event=oom")
            .contains("container oom")
            .then_some(())
    });

    // A process of it that is not the first one: the container goes on, and says so.
    ground.run(
        "survivor",
        &["-m", "16m", "--memory-swap", "16m"],
        &format!("sh -c '{HOG}'; echo survived; sleep 1000"),
    );
    eventually("the first process goes on", PATIENCE, || {
        ground.docker("logs survivor").contains("survived").then_some(())
    });
    let state = &ground.inspect("survivor")["State"];
    assert_eq!((&state["OOMKilled"], &state["Running"]), (&true.into(), &true.into()));
    ground.docker("rm -f survivor hog");
}

fn a_fork_bomb_and_a_flood_end_at_their_limits(ground: &Ground) {
    ground.run("bomb", &["--pids-limit", "40", "-m", "64m"], "b() { b | b & }; while :; do b; sleep 0.1; done");
    let open = "mkdir /d; cd /d; i=0; while [ $i -lt 2000 ]; do : > $i; i=$((i+1)); done; tail -f * > /dev/null";
    ground.run("files", &[], open);
    ground.run("flood", &[], "yes");
    let slowest = (0..10).map(|_| {
        std::thread::sleep(Duration::from_millis(500));
        ground.answers()
    });
    println!("the engine's slowest answer beside the bombs: {:?}", slowest.max());
    let pids = ground.docker("stats --no-stream --format {{.PIDs}} bomb");
    assert!(pids.parse::<u32>().is_ok_and(|pids| pids <= 40), "{pids}");
    ground.docker("rm -f bomb files flood");
    assert_eq!(ground.docker("ps -q"), "");
}

fn a_paused_container_stands_still(ground: &Ground) {
    ground.run("counter", &[], "i=0; while :; do i=$((i+1)); echo $i; sleep 0.2; done");
    eventually("it counts", PATIENCE, || (ground.docker("logs counter").lines().count() > 2).then_some(()));
    assert_eq!(ground.docker("pause counter"), "counter");
    std::thread::sleep(Duration::from_secs(1));
    let before = ground.docker("logs --tail 1 counter");
    assert!(ground.docker("ps").contains("(Paused)"));
    assert_eq!(ground.berth("ps -f status=paused --format {{.Names}}"), "counter");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(ground.docker("logs --tail 1 counter"), before, "a frozen counter counts no further");
    let again = ground.home.berth(&["pause", "counter"]);
    assert!(again.fails(1).contains("is already paused"), "{again}");
    let removed = ground.home.docker(&["rm", "counter"]);
    assert!(removed.fails(1).contains("container is paused"), "{removed}");
    assert_eq!(ground.berth("unpause counter"), "counter");
    eventually("it counts on", PATIENCE, || (ground.docker("logs --tail 1 counter") != before).then_some(()));
    ground.docker("pause counter");
    ground.docker("stop -t 1 counter");
    assert_eq!(ground.inspect("counter")["State"]["Status"], "exited");
    ground.docker("rm counter");
}

/// The short count of the faults row "PID 1".
fn orphans_are_reaped(ground: &Ground) {
    let orphans = "i=0; while [ $i -lt 300 ]; do (sh -c 'true &' &); i=$((i+1)); done; sleep 3; \
                   grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    // In a pid namespace of its own the shell inherits them; in the machine's, the container's monitor does.
    for options in [&["run", "--rm"][..], &["run", "--rm", "--pid", "host"]] {
        let ran = ground.home.docker(&[options, &[&ground.image, "sh", "-c", orphans]].concat());
        assert_eq!(ran.ok(), "0", "zombies: {ran}");
    }
    ground.run("deaf", &[], "trap '' TERM; while :; do sleep 0.1; done");
    let asked = Instant::now();
    ground.docker("stop -t 2 deaf");
    assert!(asked.elapsed() >= Duration::from_secs(2), "it had its time");
    assert_eq!(ground.inspect("deaf")["State"]["ExitCode"].as_i64(), Some(137));
    ground.run("polite", &[], "trap 'exit 3' TERM; while :; do sleep 0.1; done");
    std::thread::sleep(Duration::from_secs(1));
    ground.docker("stop polite");
    assert_eq!(ground.inspect("polite")["State"]["ExitCode"].as_i64(), Some(3));
    ground.docker("rm deaf polite");
}

#[test]
fn containers_are_watched_listed_and_pruned() {
    let ground = Ground::up();
    health_is_told(&ground);
    lists_are_filtered_and_pruned(&ground);
}

fn health_is_told(ground: &Ground) {
    let check = ["--health-cmd", "test -e /well", "--health-interval", "1s", "--health-retries", "2"];
    ground.run("sick", &check, "sleep 20; touch /well; sleep 1000");
    assert!(ground.docker("ps").contains("(health: starting)"));
    eventually("it is unhealthy", PATIENCE, || ground.docker("ps").contains("(unhealthy)").then_some(()));
    assert_eq!(ground.berth("ps -f health=unhealthy --format {{.Names}}"), "sick");
    eventually("it gets well", PATIENCE, || ground.docker("ps").contains("(healthy)").then_some(()));
    let health = &ground.inspect("sick")["State"]["Health"];
    assert_eq!((&health["Status"], health["FailingStreak"].as_i64()), (&"healthy".into(), Some(0)));
    assert!(health["Log"].as_array().is_some_and(|log| (1..=5).contains(&log.len())), "{health}");
    let told = ground.docker("events --since 10m --until=-1s --filter event=health_status --format {{.Action}}");
    assert_eq!(told.lines().collect::<Vec<_>>(), ["health_status: unhealthy", "health_status: healthy"]);
    ground.docker("rm -f sick");
}

fn lists_are_filtered_and_pruned(ground: &Ground) {
    ground.run("failed", &["--label", "tier=front"], "echo 0123456789 > /written; exit 3");
    ground.run("again", &["--restart", "always"], "exit 1");
    ground.run("server-1", &[], "sleep 1000");
    eventually("it ended", PATIENCE, || ground.docker("ps -a").contains("Exited (3)").then_some(()));
    eventually("the policy waits longer and longer", PATIENCE, || {
        ground.docker("ps -a").contains("Restarting (1)").then_some(())
    });
    let names = |line: &str| {
        let (docker, berth) = (ground.docker(line), ground.berth(line));
        assert_eq!(docker, berth, "{line}");
        docker
    };
    assert_eq!(names("ps -a -f exited=3 --format {{.Names}}"), "failed");
    assert_eq!(names("ps -a -f label=tier=front --format {{.Names}}"), "failed");
    assert_eq!(names("ps -f name=^server-[0-9]$ --format {{.Names}}"), "server-1");
    assert_eq!(names("ps -n 1 --format {{.Names}}"), "server-1");
    assert_eq!(names("ps -a -f before=again --format {{.Names}}"), "failed");
    assert_eq!(names("ps -a -s -f name=failed --format {{.Size}}").split(' ').next(), Some("11B"));
    assert!(ground.docker("info --format {{.ContainersStopped}}") != "0");
    assert!(ground.berth("info").contains("Cgroup Version: 2"));
    assert_eq!(ground.docker("rename server-1 renamed"), "");
    assert_eq!(ground.berth("rename renamed server-2"), "");
    ground.docker("update --restart no again");
    ground.docker("stop again");
    let pruned = ground.docker("container prune -f --filter label=tier");
    assert!(pruned.contains("Deleted Containers:") && pruned.contains("Total reclaimed space: 11B"), "{pruned}");
    assert!(ground.berth("container prune -f").contains("Deleted Containers:"));
    assert_eq!(names("ps -a --format {{.Names}}"), "server-2");
    let ended = ground.docker("kill server-2");
    assert_eq!(ended, "server-2");
    assert_eq!(ground.docker("wait server-2"), "137");
    ground.docker("rm server-2");
}
