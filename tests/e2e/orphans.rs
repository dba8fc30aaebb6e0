//! PID 1 of the machine, and the processes that nobody else is left for.

use berth_tests::{Home, Registry, eventually};
use std::time::Duration;

/// As many at once as the machine's memory takes with ease.
const AT_ONCE: u32 = 500;
/// Prints how many processes PID 1 has, and how many of all are zombies.
const LOOK: &str = "cat /proc/[0-9]*/stat 2>/dev/null | awk '$3 == \"Z\" { zombies++ } $2 == \"(sleep)\" && $4 == 1 \
                    { orphans++ } END { print orphans + 0, zombies + 0 }'";

/// Processes are forked twice in a container that shares the machine's, and what executed them ends: they are PID 1's.
#[test]
fn orphans_of_the_machine_are_buried() {
    let all: u32 = std::env::var("BERTH_TEST_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(AT_ONCE);
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    home.berth(&["run", "-d", "--name", "host", "--pid", "host", &image, "sleep", "1000000"]).ok();
    let look = || {
        let looked = home.berth(&["exec", "host", "sh", "-c", LOOK]);
        let (orphans, zombies) = looked.ok().split_once(' ').expect("two numbers");
        (orphans.parse::<u32>().expect("a number"), zombies.parse::<u32>().expect("a number"))
    };
    assert_eq!(look(), (0, 0));
    let (mut forked, mut seen) = (0, 0);
    while forked < all {
        let now = AT_ONCE.min(all - forked);
        let forks = format!("n=0; while [ $n -lt {now} ]; do (sleep 5 &); n=$((n+1)); done");
        home.berth(&["exec", "host", "sh", "-c", &forks]).ok();
        forked += now;
        seen += look().0;
        eventually("PID 1 buries them", Duration::from_secs(120), || (look() == (0, 0)).then_some(()));
    }
    println!("{forked} orphans, {seen} of them seen as children of PID 1, and no zombie");
    assert!(seen > 0, "no orphan was PID 1's: nothing was tested");
    // Whoever buries must not have taken a child that somebody waits for.
    home.berth(&["rm", "-f", "host"]).ok();
    home.berth(&["run", "--rm", &image, "sh", "-c", "exit 7"]).fails(7);
}
