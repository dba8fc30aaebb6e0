//! Many clients work on few names at once; what they saw must be explained by one request after the other.

use crate::count;
use crate::history::{Operation, Request, State, explain};
use crate::odds::Odds;
use berth_tests::native::{Answer, Client, Engine, Ground, Traces, container};
use std::sync::Barrier;
use std::time::Instant;

const CLIENTS: usize = 32;
const NAMES: [&str; 6] = ["na", "nb", "nc", "nd", "ne", "nf"];
/// Operations of each client between two looks at all that was seen.
const PACE: usize = 6;

#[test]
fn requests_at_once_are_as_one_after_the_other() {
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut odds = Odds::new();
    let per_round = u32::try_from(CLIENTS * PACE).expect("a small number");
    let rounds = (count(4 * per_round)).div_ceil(per_round);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| (engine.client(), odds.split())).collect();
    let mut states = NAMES.map(|_| State::Absent);
    for round in 1..=rounds {
        let barrier = Barrier::new(CLIENTS);
        let seen: Vec<(usize, Operation)> = std::thread::scope(|scope| {
            let running: Vec<_> = clients
                .iter_mut()
                .map(|(client, odds)| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        (0..PACE).filter_map(|_| one(client, odds)).collect::<Vec<_>>()
                    })
                })
                .collect();
            running.into_iter().flat_map(|client| client.join().expect("a client")).collect()
        });
        for (index, state) in states.iter_mut().enumerate() {
            let history: Vec<_> = seen.iter().filter(|(name, _)| *name == index).map(|(_, op)| *op).collect();
            let ends = explain(&history, *state);
            let (_, now) = look(&mut clients[0].0, NAMES[index]);
            let ordered = || {
                let mut ordered = history.clone();
                ordered.sort_by_key(|op| op.from);
                let zero = ordered[0].from;
                let line = |op: &Operation| {
                    format!("{:?}-{:?} {:?} {} {:?}\n", op.from - zero, op.to - zero, op.request, op.status, op.seen)
                };
                ordered.iter().map(line).collect::<String>()
            };
            assert!(
                ends.contains(&now),
                "round {round}, {}: {state:?} to {now:?}, not one of {ends:?}:\n{}",
                NAMES[index],
                ordered()
            );
            *state = now;
        }
        if round % 100 == 0 {
            println!("{} operations", round * per_round);
        }
    }
    for name in NAMES {
        clients[0].0.request("DELETE", &format!("/containers/{name}?force=1"), None);
    }
    assert_eq!(ground.traces(), Traces::default());
}

/// One random operation; `None` when its answer says that a removal was under way, which is no state of its own here.
fn one(client: &mut Client, odds: &mut Odds) -> Option<(usize, Operation)> {
    use Request::{Create, Inspect, Remove, Start, Stop};
    let index = usize::try_from(odds.below(NAMES.len() as u64)).expect("an index");
    let name = NAMES[index];
    let request = *odds.pick(&[Create, Create, Start, Start, Stop, Remove, Inspect]);
    let from = Instant::now();
    let (answer, seen) = match request {
        Create => {
            let body = container(&["sleep", "100000"], "none");
            (client.request("POST", &format!("/containers/create?name={name}"), Some(&body)), None)
        }
        Start => (client.request("POST", &format!("/containers/{name}/start"), None), None),
        Stop => (client.request("POST", &format!("/containers/{name}/stop?t=0"), None), None),
        Remove => (client.request("DELETE", &format!("/containers/{name}"), None), None),
        Inspect => {
            let (answer, state) = look(client, name);
            (answer, Some(state))
        }
    };
    let to = Instant::now();
    let status = answer.status;
    assert!(status < 500, "{request:?} {name}: {status} {}", answer.text());
    let text = answer.text();
    let removing = status >= 400 && (text.contains("already in progress") || text.contains("marked for removal"));
    (!removing).then_some((index, Operation { request, status, seen, from, to }))
}

fn look(client: &mut Client, name: &str) -> (Answer, State) {
    let answer = client.request("GET", &format!("/containers/{name}/json"), None);
    let state = match answer.status {
        404 => State::Absent,
        _ if answer.ok()["State"]["Running"] == true => State::Running,
        _ => State::Idle,
    };
    (answer, state)
}
