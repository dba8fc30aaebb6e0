//! Whether what many clients saw of one container name could have happened one request after the other.

use std::collections::HashSet;
use std::time::Instant;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    Absent,
    Idle,
    Running,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Create,
    Start,
    Stop,
    Remove,
    Inspect,
}

/// A request and its answer, and when each was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) request: Request,
    pub(crate) status: u16,
    /// For [`Request::Inspect`] that found it: what it found.
    pub(crate) seen: Option<State>,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl Operation {
    /// Whether another such operation went on at the same time.
    fn is_beside(&self, among: &[Self], request: Request, status: u16) -> bool {
        let is_such = |other: &&Self| other.request == request && other.status == status;
        let mut others = among.iter().filter(is_such).filter(|other| !std::ptr::eq(self, *other));
        others.any(|other| self.to >= other.from && other.to >= self.from)
    }

    /// The state after this operation at one instant, if its answer can be given in `state`.
    fn applied(&self, state: State, among: &[Self]) -> Option<State> {
        use Request::{Create, Inspect, Remove, Start, Stop};
        use State::{Absent, Idle, Running};
        match (self.request, self.status, state) {
            (Create, 201, Absent) => Some(Idle),
            (Create, 409, Idle | Running) => Some(state),
            (Start, 204, Idle) => Some(Running),
            (Start, 304, Running) => Some(state),
            (Stop, 204, Running) => Some(Idle),
            (Stop, 304, Idle) => Some(state),
            // As in docker: who asks for an end that is under way waits for it and is told that it came.
            (Stop, 204, Idle) if self.is_beside(among, Stop, 204) => Some(state),
            // As in docker: a name is taken before its container is there.
            (Create, 409, Absent) if self.is_beside(among, Create, 201) => Some(state),
            (Remove, 204, Idle) => Some(Absent),
            (Remove, 409, Running) => Some(state),
            (Start | Stop | Remove | Inspect, 404, Absent) => Some(state),
            (Inspect, 200, _) if self.seen == Some(state) => Some(state),
            _ => None,
        }
    }
}

/// The states in which a history that began in one of `before` can have ended; none when there is no order of its
/// operations that explains it. An operation takes effect at one instant between its two times (Wing and Gong's search,
/// with what was tried remembered).
pub(crate) fn explain(history: &[Operation], before: State) -> Vec<State> {
    assert!(history.len() <= 128, "a set of operations is one number");
    let all = if history.len() == 128 { u128::MAX } else { (1 << history.len()) - 1 };
    let mut ends = HashSet::new();
    let mut tried = HashSet::new();
    let mut open = vec![(0_u128, before)];
    while let Some((done, state)) = open.pop() {
        if done == all {
            ends.insert(state);
            continue;
        }
        let left = |index: &usize| done & (1 << index) == 0;
        let first_end = (0..history.len()).filter(left).map(|index| history[index].to).min().expect("one is left");
        for index in (0..history.len()).filter(left).filter(|index| history[*index].from <= first_end) {
            if let Some(next) = history[index].applied(state, history)
                && tried.insert((done | (1 << index), next))
            {
                open.push((done | (1 << index), next));
            }
        }
    }
    let mut ends: Vec<_> = ends.into_iter().collect();
    ends.sort();
    ends
}

#[test]
fn a_history_is_explained_or_not() {
    let zero = Instant::now();
    let at = |millis| zero + std::time::Duration::from_millis(millis);
    let op = |request, status, from, to| Operation { request, status, seen: None, from: at(from), to: at(to) };
    use Request::{Create, Remove, Start};
    let one_wins = [op(Create, 201, 0, 5), op(Create, 409, 1, 4)];
    assert_eq!(explain(&one_wins, State::Absent), [State::Idle]);
    let both_win = [op(Create, 201, 0, 5), op(Create, 201, 1, 4)];
    assert_eq!(explain(&both_win, State::Absent), []);
    let lost = [op(Create, 201, 0, 1), op(Start, 404, 2, 3)];
    assert_eq!(explain(&lost, State::Absent), []);
    let overlap = [op(Create, 201, 0, 3), op(Start, 404, 2, 4), op(Remove, 204, 5, 6)];
    assert_eq!(explain(&overlap, State::Absent), [State::Absent]);
}
