//! Tells events to whoever listens, and keeps the last ones.

use super::{Event, EventKind, EventOptions, filter::fits};
use crate::Timestamp;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast::{self, error::RecvError};

/// Docker keeps as many for `since`.
const KEPT: usize = 256;
/// A listener that is further behind loses the oldest.
const BACKLOG: usize = 4096;

pub(crate) struct Broker {
    kept: Mutex<VecDeque<Event>>,
    live: broadcast::Sender<Event>,
}

impl Default for Broker {
    fn default() -> Self {
        Self { kept: Mutex::default(), live: broadcast::Sender::new(BACKLOG) }
    }
}

impl Broker {
    /// Tells an event.
    pub(crate) fn tell(
        &self,
        at: Timestamp,
        kind: EventKind,
        action: &str,
        actor: &str,
        attributes: BTreeMap<String, String>,
    ) {
        let event = Event { kind, action: action.to_owned(), actor: actor.to_owned(), attributes, at };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // It fails when nobody listens.
        drop(self.live.send(event));
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.live.receiver_count()
    }

    /// Events from now on, with kept ones first when the options ask for the past.
    pub(crate) fn listen(&self, options: EventOptions, now: Timestamp) -> BoxStream<'static, Event> {
        let EventOptions { since, until, filters } = options;
        // Both under the lock: no event is told twice and none is missed.
        let (past, live) = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = since.is_some() || until.is_some();
            let in_time = |event: &&Event| since.is_none_or(|s| event.at >= s) && until.is_none_or(|u| event.at <= u);
            let past: Vec<Event> = if wanted { kept.iter().filter(in_time).cloned().collect() } else { Vec::new() };
            (past, self.live.subscribe())
        };
        let past = stream::iter(past);
        let live = stream::unfold(live, |mut live| async move {
            loop {
                match live.recv().await {
                    Ok(event) => return Some((event, live)),
                    Err(RecvError::Lagged(lost)) => tracing::warn!("a listener was too slow for {lost} events"),
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        let all = match until {
            None => past.chain(live).boxed(),
            Some(until) => {
                let left = Duration::from_nanos(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0));
                past.chain(live.take_until(tokio::time::sleep(left))).boxed()
            }
        };
        all.filter(move |event| std::future::ready(fits(&filters, event))).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(broker: &Broker, at: i64, action: &str) {
        broker.tell(Timestamp(at), EventKind::Container, action, "abc", BTreeMap::new());
    }

    #[tokio::test]
    async fn a_listener_gets_the_past_it_asks_for_and_then_what_comes() {
        let broker = Broker::default();
        for (at, action) in [(1, "create"), (2, "start"), (3, "die")] {
            tell(&broker, at, action);
        }
        let options = EventOptions { since: Some(Timestamp(2)), ..EventOptions::default() };
        let mut all = broker.listen(options, Timestamp(4));
        let mut fresh = broker.listen(EventOptions::default(), Timestamp(4));
        tell(&broker, 5, "destroy");
        assert_eq!(fresh.next().await.unwrap().action, "destroy");
        let mut actions = Vec::new();
        for _ in 0..3 {
            actions.push(all.next().await.unwrap().action);
        }
        assert_eq!(actions, ["start", "die", "destroy"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_its_until() {
        let broker = Broker::default();
        tell(&broker, 1, "create");
        let options = EventOptions { until: Some(Timestamp(1_000_000_000)), ..EventOptions::default() };
        let events: Vec<_> = broker.listen(options, Timestamp(2)).collect().await;
        assert_eq!(events.len(), 1);
    }

    #[tokio::test]
    async fn only_the_last_ones_are_kept() {
        let broker = Broker::default();
        for at in 0..300 {
            tell(&broker, at, "start");
        }
        let options =
            EventOptions { since: Some(Timestamp(0)), until: Some(Timestamp(400)), ..EventOptions::default() };
        let events: Vec<_> = broker.listen(options, Timestamp(1000)).collect().await;
        assert_eq!((events.len(), events[0].at), (256, Timestamp(44)));
    }
}
