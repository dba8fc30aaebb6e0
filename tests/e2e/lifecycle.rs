//! The life of a container from `create` to `rm`, with the docker CLI and with `berth`: the same cases, one machine,
//! and what of it survives the machine's own end.

use crate::user::User;
use berth_tests::native::{Client, Pieces};
use berth_tests::{Home, Ran, Registry, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

/// What takes the emulated machine a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes the signals it gets to its log, and goes on.
const LISTENER: &str = "trap 'echo usr1' USR1; trap 'echo quit; exit 4' QUIT; echo ready; while :; do sleep 0.1; done";

#[test]
fn containers_live_and_die_the_same_with_both_command_lines() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    home.berth(&["pull", &image]).ok();
    for user in User::both(&home, &image) {
        user.creates_starts_and_starts_anew();
        user.sends_signals();
        user.stops_as_the_container_wishes();
        user.waits_for_ends();
        user.removes_what_is_left();
        user.starts_again_by_policy();
        user.reads_exit_codes();
        assert_eq!(user.ok("ps -aq"), "");
        assert_eq!(user.ok("volume ls -q"), "");
    }
    policies_outlive_the_machine(&home, &image);
}

impl User<'_> {
    /// `run`, `create` with options and a shell line.
    fn makes(&self, verb: &[&str], options: &[&str], script: &str) -> Ran {
        self.asks(&[verb, options, &[self.image, "sh", "-c", script]].concat())
    }

    fn inspect(&self, name: &str) -> Value {
        let all: Value = serde_json::from_str(&self.ok(&format!("inspect {name}"))).expect("JSON");
        all[0].clone()
    }

    fn state(&self, name: &str) -> Value {
        self.inspect(name)["State"].clone()
    }

    fn log_says(&self, name: &str, word: &str) {
        eventually(&format!("{name} says {word}"), PATIENCE, || {
            self.ok(&format!("logs {name}")).lines().any(|line| line == word).then_some(())
        });
    }

    fn creates_starts_and_starts_anew(&self) {
        let id = self.makes(&["create"], &["--name", "life"], LISTENER).ok().to_owned();
        assert_eq!(id.len(), 64, "{id}");
        let state = self.state("life");
        assert_eq!((&state["Status"], state["Pid"].as_i64()), (&"created".into(), Some(0)));
        assert!(self.ok("ps -a").contains("Created"));
        assert_eq!(self.ok("start life"), "life");
        assert_eq!(self.ok("start life"), "life", "one that runs is as wanted");
        let first = self.state("life");
        assert_eq!(first["Running"], true);
        assert_eq!(self.ok("restart -t 1 life"), "life");
        let second = self.state("life");
        assert_eq!(second["Running"], true);
        assert_ne!(first["Pid"], second["Pid"]);
        assert!(first["StartedAt"].as_str() < second["StartedAt"].as_str(), "{first} {second}");
        assert_eq!(self.ok("rename life newlife"), "");
        assert_eq!(self.inspect(&id[..12])["Name"], "/newlife");
        let clash = self.asks(&["rename", "newlife", "newlife"]);
        assert!(clash.fails(1).contains("Renaming a container with the same name as its current name"), "{clash}");
        let stopped = self.ok("stop -t 1 newlife");
        assert_eq!(stopped, "newlife");
        assert_eq!(self.ok("stop newlife"), "newlife", "one that has ended is as wanted");
        assert_eq!(self.ok("restart newlife"), "newlife", "a restart starts what does not run");
        assert_eq!(self.state("newlife")["Running"], true);
        self.ok("rm -f newlife");
    }

    fn sends_signals(&self) {
        self.makes(&["run", "-d"], &["--name", "ears"], LISTENER).ok();
        self.log_says("ears", "ready");
        for signal in ["USR1", "SIGUSR1", "10"] {
            let before = self.ok("logs ears").matches("usr1").count();
            assert_eq!(self.ok(&format!("kill -s {signal} ears")), "ears");
            eventually("it heard the signal", PATIENCE, || {
                (self.ok("logs ears").matches("usr1").count() > before).then_some(())
            });
        }
        let nonsense = self.asks(&["kill", "-s", "NONSENSE", "ears"]);
        assert!(nonsense.fails(1).contains("invalid signal: NONSENSE"), "{nonsense}");
        assert_eq!(self.ok("kill --signal QUIT ears"), "ears");
        assert_eq!(self.ok("wait ears"), "4");
        let dead = self.asks(&["kill", "ears"]);
        assert!(dead.fails(1).contains("is not running"), "{dead}");
        self.ok("rm ears");
    }

    fn stops_as_the_container_wishes(&self) {
        self.makes(&["run", "-d"], &["--name", "wish", "--stop-signal", "QUIT"], LISTENER).ok();
        self.log_says("wish", "ready");
        self.ok("stop wish");
        assert_eq!(self.state("wish")["ExitCode"], 4, "the signal of its choice ended it");
        self.ok("start wish");
        eventually("it is ready again", PATIENCE, || {
            (self.ok("logs wish").matches("ready").count() == 2).then_some(())
        });
        self.ok("stop --signal USR1 -t 1 wish");
        assert_eq!(self.state("wish")["ExitCode"], 137, "it outlived the signal, and not the time");
        assert!(self.ok("logs wish").contains("usr1"));
        self.ok("rm wish");

        let deaf = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
        self.makes(&["run", "-d"], &["--name", "deaf", "--stop-timeout", "1"], deaf).ok();
        self.log_says("deaf", "ready");
        let asked = Instant::now();
        self.ok("stop deaf");
        assert!(asked.elapsed() >= Duration::from_secs(1), "it had its time");
        assert!(asked.elapsed() < Duration::from_secs(9), "and not the usual ten seconds");
        self.ok("rm deaf");
    }

    fn waits_for_ends(&self) {
        for (name, code) in [("one", 0), ("two", 7)] {
            self.makes(&["run", "-d"], &["--name", name], &format!("sleep 1; exit {code}")).ok();
        }
        assert_eq!(self.ok("wait one two"), "0\n7");
        assert_eq!(self.ok("wait two"), "7", "one that has ended is not waited for");
        let nobody = self.asks(&["wait", "nobody"]);
        assert!(nobody.fails(1).contains("No such container: nobody"), "{nobody}");
        // What no command line asks for by itself: the next end, and the end of everything.
        let wait = |path: &str| Client::to(&self.home.socket()).follow("POST", path);
        let code = |answer: Pieces| {
            let answer: Vec<u8> = answer.flat_map(|piece| piece.expect("an answer")).collect();
            serde_json::from_slice::<Value>(&answer).expect("JSON")["StatusCode"].clone()
        };
        let next = wait("/containers/two/wait?condition=next-exit");
        self.ok("start two");
        assert_eq!(code(next), 7);
        let removed = wait("/containers/one/wait?condition=removed");
        self.ok("rm one two");
        assert_eq!(code(removed), 0);
    }

    fn removes_what_is_left(&self) {
        let options = ["--name", "left", "-v", "/anonymous", "-v", "kept:/named"];
        self.makes(&["run", "-d"], &options, "sleep 1000").ok();
        let refused = self.asks(&["rm", "left"]);
        assert!(refused.fails(1).contains("container is running: stop the container before removing"), "{refused}");
        assert_eq!(self.ok("volume ls -q").lines().count(), 2);
        assert_eq!(self.ok("rm -f left"), "left");
        assert_eq!(self.ok("volume ls -q").lines().count(), 2, "volumes stay unless they are asked for");
        self.makes(&["run", "-d"], &options, "sleep 1000").ok();
        assert_eq!(self.ok("rm -fv left"), "left");
        let anonymous: Vec<String> = self.ok("volume ls -q").lines().map(str::to_owned).collect();
        assert_eq!(anonymous.len(), 2, "its own is gone, and the first one's stays: {anonymous:?}");
        for volume in anonymous {
            self.ok(&format!("volume rm {volume}"));
        }
        self.makes(&["run", "--rm"], &["--name", "gone", "-v", "/anonymous"], "exit 3").fails(3);
        self.makes(&["run", "-d", "--rm"], &["--name", "gone", "-v", "/anonymous"], "sleep 0.2").ok();
        eventually("it is gone with its volume", PATIENCE, || {
            (self.ok("ps -aq").is_empty() && self.ok("volume ls -q").is_empty()).then_some(())
        });
        let twice = self.asks(&["rm", "gone"]);
        assert!(twice.fails(1).contains("No such container: gone"), "{twice}");
        assert_eq!(self.asks(&["rm", "-f", "gone"]).code, Some(0));
    }

    fn starts_again_by_policy(&self) {
        self.makes(&["run", "-d"], &["--name", "tries", "--restart", "on-failure:2"], "echo tried; exit 5").ok();
        eventually("it gives up after two more tries", PATIENCE, || {
            let tries = self.inspect("tries");
            let over = tries["State"]["Status"] == "exited" && tries["RestartCount"] == 2;
            over.then_some(())
        });
        assert_eq!(self.ok("logs tries"), "tried\ntried\ntried");
        self.makes(&["run", "-d"], &["--name", "done", "--restart", "on-failure"], "exit 0").ok();
        assert_eq!(self.ok("wait done"), "0");
        assert_eq!(self.inspect("done")["RestartCount"], 0, "what succeeds is not tried again");
        self.makes(&["run", "-d"], &["--name", "ever", "--restart", "unless-stopped"], "sleep 0.5").ok();
        eventually("it comes back", PATIENCE, || {
            (self.inspect("ever")["RestartCount"].as_i64() > Some(0)).then_some(())
        });
        self.ok("stop ever");
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(self.state("ever")["Status"], "exited", "stopped by hand, it stays so");
        let both = self.makes(&["run", "--rm"], &["--restart", "always"], "true");
        assert!(both.fails(125).to_lowercase().contains("conflicting options: "), "{both}");
        self.ok("rm tries done ever");
    }

    fn reads_exit_codes(&self) {
        for (code, arguments) in [
            (0, &["run", "--rm", self.image, "true"][..]),
            (9, &["run", "--rm", self.image, "sh", "-c", "exit 9"]),
            // Nobody in a pid namespace can kill its first process: that is the init here.
            (137, &["run", "--rm", "--init", self.image, "sh", "-c", "kill -9 $$; sleep 10"]),
            (143, &["run", "--rm", "--init", self.image, "sh", "-c", "kill -15 $$; sleep 10"]),
            (127, &["run", "--rm", self.image, "no-such-program"]),
            (126, &["run", "--rm", self.image, "/etc"]),
            (125, &["run", "--rm", "--no-such-option", self.image]),
            (125, &["run", "--rm", "--memory", "1k", self.image, "true"]),
        ] {
            let ran = self.asks(arguments);
            assert_eq!(ran.code, Some(code), "{ran}");
            assert_eq!(ran.stderr.is_empty(), !(125..=127).contains(&code), "{ran}");
        }
        self.makes(&["run", "-d"], &["--name", "host"], "sleep 1000").ok();
        for (code, program) in [(127, "no-such-program"), (126, "/etc")] {
            let ran = self.asks(&["exec", "host", program]);
            assert_eq!(ran.code, Some(code), "{ran}");
        }
        self.ok("rm -f host");
    }
}

fn policies_outlive_the_machine(home: &Home, image: &str) {
    let ok = |line: &str| home.docker(&line.split(' ').collect::<Vec<_>>()).ok().to_owned();
    for (name, policy) in [("always", "always"), ("unless", "unless-stopped"), ("failing", "on-failure"), ("no", "no")]
    {
        for stopped in ["", "-stopped"] {
            ok(&format!("run -d --name {name}{stopped} --restart {policy} {image} sleep 1000"));
        }
        ok(&format!("stop -t 0 {name}-stopped"));
    }
    home.berth(&["down"]).ok();
    home.berth(&["up"]).ok();
    eventually("those come back that should", PATIENCE, || {
        let mut names: Vec<String> = ok("ps --format {{.Names}}").lines().map(str::to_owned).collect();
        names.sort();
        // As with docker's daemon: but for `unless-stopped`, whether it was stopped by hand plays no part.
        (names == ["always", "always-stopped", "failing", "failing-stopped", "unless"]).then_some(())
    });
    for name in ["no", "no-stopped", "unless-stopped"] {
        let all: Value = serde_json::from_str(&ok(&format!("inspect {name}"))).expect("JSON");
        assert_eq!(all[0]["State"]["Status"], "exited", "{name}");
    }
}
