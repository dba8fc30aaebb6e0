//! PID 1 of the machine, and the processes that nobody else is left for.

use berth_tests::{Home, Registry, eventually};
use std::time::Duration;

/// How many in a short run; in full: `cargo xtask faults vm-orphans`.
const SHORT: u32 = 500;
/// As many at once as an emulated machine makes within the time of one command.
const AT_ONCE: u32 = 1_000;
/// Prints how many processes PID 1 has that wait at the pipe, and how many of all are zombies.
const LOOK: &str = "cat /proc/[0-9]*/stat 2>/dev/null | awk '$3 == \"Z\" { zombies++ } $2 == \"(sh)\" && $4 == 1 \
                    { orphans++ } END { print orphans + 0, zombies + 0 }'";

/// Processes are left behind in a container that shares the machine's, and what executed them ends: they are PID 1's.
/// All of one round end at once.
#[test]
fn orphans_of_the_machine_are_buried() {
    let all: u32 = std::env::var("BERTH_TEST_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(SHORT);
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    home.berth(&["run", "-d", "--name", "host", "--pid", "host", &image, "sleep", "1000000"]).ok();
    let shell = |script: &str| home.berth(&["exec", "host", "sh", "-c", script]).ok().to_owned();
    let look = || {
        let looked = shell(LOOK);
        let (orphans, zombies) = looked.split_once(' ').expect("two numbers");
        (orphans.parse::<u32>().expect("a number"), zombies.parse::<u32>().expect("a number"))
    };
    assert_eq!(look(), (0, 0));
    shell("mkfifo /pipe");
    let mut left = 0;
    while left < all {
        let now = AT_ONCE.min(all - left);
        shell(&format!("n=0; while [ $n -lt {now} ]; do : < /pipe & n=$((n+1)); done"));
        eventually("they are PID 1's", Duration::from_secs(120), || (look() == (now, 0)).then_some(()));
        shell(": > /pipe");
        eventually("PID 1 buries them", Duration::from_secs(120), || (look() == (0, 0)).then_some(()));
        left += now;
    }
    println!("{left} orphans, all of them seen as children of PID 1, and no zombie");
    // Whoever buries must not have taken a child that somebody waits for.
    home.berth(&["rm", "-f", "host"]).ok();
    home.berth(&["run", "--rm", &image, "sh", "-c", "exit 7"]).fails(7);
}
