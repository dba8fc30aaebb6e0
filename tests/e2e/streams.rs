//! Talking to containers and reading what they said, with the docker CLI and with `berth`: the same cases, one machine.

use crate::user::User;
use berth_tests::{Home, Registry, Terminal, eventually, run_with};
use std::process::Command;
use std::time::Duration;

/// What takes the emulated machine a while.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn streams_and_logs_are_the_same_with_both_command_lines() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    home.berth(&["pull", &image]).ok();
    home.docker(&["run", "-d", "--name", "box", &image, "sleep", "1000"]).ok();
    for user in User::both(&home, &image) {
        user.works_in_a_container_by_a_terminal();
        user.executes_with_options();
        user.pipes_through_a_container();
        user.leaves_a_terminal_and_comes_back();
        user.reads_a_log();
        user.follows_a_log_over_its_files();
        user.chooses_how_a_log_is_kept();
    }
}

impl User<'_> {
    /// A container in the background, by its options and a shell line.
    fn starts(&self, name: &str, options: &[&str], script: &str) {
        let start = ["run", "-d", "--name", name];
        self.asks(&[&start, options, &[self.image, "sh", "-c", script]].concat()).ok();
    }

    fn removes(&self, names: &[&str]) {
        self.asks(&[&["rm", "-f"], names].concat()).ok();
    }

    fn terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(&self.command(arguments), 30, 100)
    }

    // What is typed is shown too: each answer is one that the shell has to work out.
    fn works_in_a_container_by_a_terminal(&self) {
        let mut terminal = self.terminal(&["exec", "-it", "box", "sh"]);
        let until =
            |size: &str| format!("until [ \"$(stty size)\" = '{size}' ]; do sleep 0.1; done; echo size$((6*7))\n");
        terminal.type_keys(&until("30 100"));
        terminal.shows("size42");
        terminal.resize(40, 120);
        terminal.type_keys(&until("40 120"));
        terminal.shows("size42");
        terminal.type_keys("echo asleep$((6*7)); sleep 1000\n");
        terminal.shows("asleep42");
        terminal.type_keys("\x03");
        terminal.type_keys("echo awake$((6*7))\n");
        terminal.shows("awake42");
        terminal.type_keys("exit 7\n");
        assert_eq!(terminal.exit_code(), Some(7));
    }

    fn executes_with_options(&self) {
        let options = ["exec", "-e", "WORD=said", "-u", "1000:100", "-w", "/tmp", "box"];
        let said = self.asks(&[&options[..], &["sh", "-c", "echo $WORD $(id -u):$(id -g) $PWD; exit 9"]].concat());
        assert_eq!((said.fails(9), said.stdout.trim()), ("", "said 1000:100 /tmp"), "{said}");
        let capabilities = self.asks(&["exec", "--privileged", "box", "grep", "CapEff", "/proc/self/status"]);
        assert_eq!(capabilities.ok(), "CapEff:\t000001ffffffffff");
        assert_eq!(self.asks(&["exec", "-d", "box", "sh", "-c", "rm -f /left; echo $((6*7)) > /left"]).ok(), "");
        eventually("what was left to itself has run", PATIENCE, || {
            (self.asks(&["exec", "box", "cat", "/left"]).stdout == "42\n").then_some(())
        });
    }

    fn pipes_through_a_container(&self) {
        let script = ["run", "-i", "--rm", self.image, "sh", "-c", "cat; echo end; echo aside >&2; exit 3"];
        let piped = run_with(&mut self.command(&script), b"one\ntwo\n");
        assert_eq!((piped.fails(3), piped.stdout.as_str()), ("aside", "one\ntwo\nend\n"), "{piped}");
        let much: Vec<u8> = (0..1 << 18).map(|number: u32| number.to_le_bytes()[number as usize % 4]).collect();
        let counted = run_with(&mut self.command(&["exec", "-i", "box", "md5sum"]), &much);
        let here = run_with(&mut Command::new("md5sum"), &much);
        assert_eq!(counted.ok(), here.ok());
        let silent = run_with(&mut self.command(&["run", "--rm", self.image, "cat"]), b"not for it\n");
        assert_eq!(silent.ok(), "", "without -i a container reads nothing");
    }

    fn leaves_a_terminal_and_comes_back(&self) {
        let mut terminal = self.terminal(&["run", "-it", "--name", "talk", self.image, "sh"]);
        terminal.type_keys("echo first$((6*7)); word=kept\n");
        terminal.shows("first42");
        terminal.type_keys("\x10\x11");
        assert_eq!(terminal.exit_code(), Some(0));
        assert_eq!(self.asks(&["inspect", "talk"]).ok().matches("\"Running\": true").count(), 1);
        let mut terminal = self.terminal(&["attach", "--detach-keys", "ctrl-x,q", "talk"]);
        terminal.type_keys("echo $word$((6*7))\n");
        terminal.shows("kept42");
        terminal.type_keys("\x18q");
        // Docker's own command calls leaving by keys of one's own choice a failure.
        assert!(matches!(terminal.exit_code(), Some(0 | 1)));
        let mut terminal = self.terminal(&["attach", "talk"]);
        terminal.type_keys("exit 5\n");
        assert_eq!(terminal.exit_code(), Some(5));
        self.removes(&["talk"]);
    }

    fn reads_a_log(&self) {
        let options = ["-l", "tier=front end", "-e", "SHIFT=1", "--log-opt", "labels=tier", "--log-opt", "env=SHIFT"];
        let script = "echo one; echo two >&2; sleep 1; echo three; echo four; sleep 0.3; echo five";
        self.starts("said", &options, script);
        let followed = self.asks(&["logs", "-f", "said"]);
        assert_eq!((followed.ok(), followed.stderr.as_str()), ("one\nthree\nfour\nfive", "two\n"), "{followed}");
        let log = |options: &[&str]| self.asks(&[&["logs"], options, &["said"]].concat()).ok().to_owned();
        assert_eq!(log(&[]), "one\nthree\nfour\nfive");
        assert_eq!(log(&["--tail", "2"]), "four\nfive");
        assert_eq!(log(&["-n", "0"]), "");
        assert_eq!(log(&["--details", "--tail", "1"]), "SHIFT=1,tier=front+end five");
        let stamped = log(&["-t"]);
        let times: Vec<&str> = stamped.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
        assert!(times.iter().all(|time| time.len() == 30 && time.ends_with('Z')), "{stamped}");
        assert!(stamped.ends_with(" five"), "{stamped}");
        assert_eq!(log(&["--since", times[3]]), "five");
        assert_eq!(log(&["--until", times[0]]), "one");
        assert_eq!(log(&["--since", times[1], "--until", times[2]]), "three\nfour");
        assert_eq!(log(&["--since", "1h"]), log(&[]));
        assert_eq!(log(&["--until", "1h"]), "");
        self.removes(&["said"]);
    }

    fn follows_a_log_over_its_files(&self) {
        let numbers = |from: u32, to: u32| (from..=to).map(|number| format!("{number}\n")).collect::<String>();
        let rotating = |files: &'static str| ["--log-opt", "max-size=1k", "--log-opt", files];
        // Slow enough to be read while it is written, and with room for all of it.
        let slowly = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; [ $((i%25)) = 0 ] && sleep 0.1; done";
        self.starts("turning", &rotating("max-file=50"), &format!("sleep 0.5; {slowly}"));
        let followed = self.asks(&["logs", "-f", "turning"]);
        assert_eq!(followed.stdout, numbers(1, 200), "{followed}");
        assert_eq!(self.asks(&["logs", "turning"]).stdout, numbers(1, 200));
        assert_eq!(self.asks(&["logs", "--tail", "60", "turning"]).stdout, numbers(141, 200));

        self.starts("turned", &rotating("max-file=3"), "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; done");
        self.asks(&["wait", "turned"]).ok();
        let kept = self.asks(&["logs", "turned"]);
        let first: u32 = kept.ok().lines().next().and_then(|line| line.parse().ok()).expect("a number");
        assert!((150..190).contains(&first), "three files of a kilobyte: {first}");
        assert_eq!(kept.stdout, numbers(first, 200));
        let tail = self.asks(&["logs", "--tail", "20", "turned"]);
        assert_eq!(tail.stdout, numbers(181, 200), "over two files");
        self.removes(&["turning", "turned"]);
    }

    fn chooses_how_a_log_is_kept(&self) {
        self.starts("silent", &["--log-driver", "none"], "echo lost");
        let refused = self.asks(&["logs", "silent"]);
        assert!(refused.fails(1).contains("configured logging driver does not support reading"), "{refused}");
        let seen = self.asks(&["run", "--rm", "--log-driver", "none", self.image, "echo", "seen"]);
        assert_eq!(seen.ok(), "seen");
        self.starts("local", &["--log-driver", "local", "--log-opt", "max-file=2"], "echo kept");
        self.asks(&["wait", "local"]).ok();
        assert_eq!(self.asks(&["logs", "local"]).ok(), "kept");
        let config = self.home.docker(&["inspect", "-f", "{{json .HostConfig.LogConfig}}{{.LogPath}}", "local"]);
        assert_eq!(config.ok(), r#"{"Type":"local","Config":{"max-file":"2"}}"#);
        for (options, why) in [
            (["--log-opt", "what=1"], "unknown log opt 'what' for json-file log driver"),
            (["--log-opt", "max-size=10q"], "invalid size: '10q'"),
            (["--log-driver", "syslog"], "logger: no log driver named 'syslog' is registered"),
        ] {
            let refused = self.asks(&[&["run", "--name", "wrong"], &options[..], &[self.image, "true"]].concat());
            assert!(refused.fails(125).contains(why), "{refused}");
        }
        let left = self.asks(&["ps", "-a", "--filter", "name=wrong", "--format", "{{.Names}}"]);
        assert_eq!(left.ok(), "", "nothing is half-made");
        assert_eq!(self.home.docker(&["info", "-f", "{{json .Plugins.Log}}"]).ok(), r#"["json-file","local"]"#);
        self.removes(&["silent", "local"]);
    }
}
