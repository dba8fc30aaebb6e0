//! The datagrams between one client and the container.

use super::{Between, Held};
use crate::guest::Guest;
use berth_machine::Channel;
use berth_protocol::{
    datagram::{self, Datagrams},
    forward,
    publish::Transport,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
    time::Instant,
};

use super::super::forward::{ForwardError, open};

/// How long the guest may take to open a flow.
const CONNECT: Duration = Duration::from_secs(5);
/// What may wait on its way to the guest, bytes; Linux gives a UDP socket about as much.
const WAITING: usize = 256 << 10;
/// Linux's own patience (`nf_conntrack_udp_timeout`, `nf_conntrack_udp_timeout_stream`): with a flow that has not been
/// answered, or was over at once, and with one that goes back and forth.
const SILENCE: Duration = Duration::from_secs(30);
const SILENCE_IN_TALK: Duration = Duration::from_secs(120);
/// A flow that lasts longer than this and is answered is a talk.
const TALK: Duration = Duration::from_secs(2);
/// What is read from the guest at once, bytes.
const CHUNK: usize = 64 << 10;

/// A flow. Dropping it ends it, in the guest too.
pub(super) struct Flow {
    shared: Arc<Shared>,
    carrying: JoinHandle<()>,
}

struct Shared {
    /// Framed datagrams for the guest.
    waiting: Mutex<Vec<u8>>,
    more: Notify,
    age: Mutex<Age>,
}

struct Age {
    opened: Instant,
    used: Instant,
    answered: bool,
}

impl Flow {
    pub(super) fn open(held: Arc<Held>, between: Between, target: SocketAddr, guest: Option<Guest>) -> Self {
        let now = Instant::now();
        let age = Mutex::new(Age { opened: now, used: now, answered: false });
        let shared = Arc::new(Shared { waiting: Mutex::default(), more: Notify::new(), age });
        let carrying = tokio::spawn(carry(Arc::clone(&shared), held, between, target, guest));
        Self { shared, carrying }
    }

    /// Sends a datagram of the client on its way.
    pub(super) fn send(&self, payload: &[u8]) {
        self.shared.age().used = Instant::now();
        let mut waiting = self.shared.waiting();
        if waiting.len() + datagram::PREFIX_LEN + payload.len() <= WAITING {
            datagram::push(&mut waiting, payload);
            self.shared.more.notify_one();
        }
    }

    pub(super) fn last_used(&self) -> Instant {
        self.shared.age().used
    }

    /// Whether it was silent for too long, or broke.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.carrying.is_finished() || self.shared.age().is_over(now)
    }
}

impl Age {
    fn is_over(&self, now: Instant) -> bool {
        let talk = self.answered && self.used.saturating_duration_since(self.opened) > TALK;
        let patience = if talk { SILENCE_IN_TALK } else { SILENCE };
        now.saturating_duration_since(self.used) > patience
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn age(&self) -> MutexGuard<'_, Age> {
        self.age.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits, once something does.
    async fn take(&self) -> Vec<u8> {
        loop {
            let taken = std::mem::take(&mut *self.waiting());
            if !taken.is_empty() {
                return taken;
            }
            self.more.notified().await;
        }
    }
}

async fn carry(shared: Arc<Shared>, held: Arc<Held>, between: Between, target: SocketAddr, guest: Option<Guest>) {
    let carried = async {
        let opened = tokio::time::timeout(CONNECT, open(guest, Transport::Udp, target)).await;
        let inside = opened.map_err(|_| ForwardError::TimedOut)??;
        both_ways(&shared, &held, between, inside).await
    };
    if let Err(error) = carried.await {
        tracing::debug!(%error, client = %between.0, %target, "a flow ended");
    }
}

/// Each way by itself: one that waits for the guest must not keep the other from emptying it.
async fn both_ways(
    shared: &Shared,
    held: &Held,
    (client, at): Between,
    inside: Box<dyn Channel>,
) -> Result<(), ForwardError> {
    let (mut from, mut to) = tokio::io::split(inside);
    let inwards = async {
        loop {
            let told = async {
                to.write_all(&shared.take().await).await?;
                to.flush().await
            };
            if let Err(error) = told.await {
                return ForwardError::Io(error);
            }
        }
    };
    let outwards = async {
        forward::read_status(from.read_u8().await?)?;
        let mut datagrams = Datagrams::default();
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            if (&mut from).take(CHUNK as u64).read_buf(&mut chunk).await? == 0 {
                return Ok(());
            }
            datagrams.feed(&chunk);
            while let Some(payload) = datagrams.pop() {
                {
                    let mut age = shared.age();
                    (age.used, age.answered) = (Instant::now(), true);
                }
                // A client that is gone, or a datagram that its way does not carry, is no trouble of the flow.
                if let Err(error) = held.socket.send(payload, client, at).await {
                    tracing::debug!(%error, %client, "a datagram was not sent");
                }
            }
        }
    };
    tokio::select! {
        broken = inwards => Err(broken),
        ended = outwards => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_forgotten_sooner_than_a_talk() {
        let opened = Instant::now();
        let age = |used, answered| Age { opened, used: opened + Duration::from_secs(used), answered };
        let over = |age: Age, silent| age.is_over(age.used + Duration::from_secs(silent));
        assert!(!over(age(0, false), 29) && over(age(0, false), 31));
        assert!(over(age(60, false), 31), "nobody answers");
        assert!(over(age(1, true), 31), "asked and answered");
        assert!(!over(age(60, true), 119) && over(age(60, true), 121));
    }
}
