//! Published ports: which the engine wants, where this host listens for them, and who is in the way.
//!
//! The engine's wish is what should be, the listeners are what is. A publish is strict: all or nothing. What a resync cannot
//! have waits, and is taken as soon as it can be had.

mod bind;
mod datagrams;
mod forward;
mod listener;
mod place;
mod published;
mod refusal;
mod sharing;

pub use refusal::{Holder, Refusal};
pub use sharing::{HostPort, NoHostPort, Sharing};

use crate::guest::Guest;
use berth_api::PublishedPort;
use berth_protocol::publish::{Moved, Publication, Transport};
use bind::{BindError, Bound};
use published::Published;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::watch;

/// How often what waits is tried again, and given addresses are looked for. The clock of the timer does not jump.
const LOOK: Duration = Duration::from_millis(300);

/// Tells who holds a port, where the system does.
pub type FindHolder = fn(Transport, SocketAddr) -> Option<Holder>;

/// Every published port of one Berth.
pub struct Ports {
    published: Mutex<Vec<Published>>,
    /// One change at a time: two must not both find a port free.
    turn: tokio::sync::Mutex<()>,
    sharing: Mutex<Sharing>,
    guest: watch::Sender<Option<Guest>>,
    /// Told after each change of what is published.
    changed: watch::Sender<()>,
    find_holder: FindHolder,
}

impl Ports {
    /// No ports yet.
    #[must_use]
    pub fn new(sharing: Sharing, find_holder: FindHolder) -> Arc<Self> {
        let ports = Arc::new(Self {
            published: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            sharing: Mutex::new(sharing),
            guest: watch::channel(None).0,
            changed: watch::channel(()).0,
            find_holder,
        });
        tokio::spawn(keep(Arc::downgrade(&ports), ports.changed.subscribe()));
        ports
    }

    /// Sets where accepted connections go; `None` closes every listener, since nobody is there any more.
    pub fn set_guest(&self, guest: Option<Guest>) {
        let gone = guest.is_none();
        self.guest.send_replace(guest);
        if gone {
            self.published().clear();
            self.changed.send_replace(());
        }
    }

    /// Listens for all of `wanted`, or for none. Gives the addresses of each, in order.
    ///
    /// # Errors
    /// The [`Refusal`] of the first that cannot be had; nothing was changed.
    pub async fn publish(&self, wanted: &[Publication]) -> Result<Vec<Vec<SocketAddr>>, Refusal> {
        let _turn = self.turn.lock().await;
        let mut fresh = Vec::new();
        let mut answer = Vec::with_capacity(wanted.len());
        for publication in wanted {
            if let Some(addresses) = self.served(publication) {
                answer.push(addresses);
                continue;
            }
            let (shared, bound) = self.bind(publication)?;
            answer.push(bound.iter().map(|bound| bound.address).collect());
            fresh.push((publication, shared, bound));
        }
        let fresh = fresh
            .into_iter()
            .map(|(wanted, shared, bound)| Published::start(wanted.clone(), shared, bound, &self.guest));
        self.published().extend(fresh);
        self.changed.send_replace(());
        Ok(answer)
    }

    /// Closes every listener of a container; its ports are free when it returns.
    pub async fn withdraw(&self, container: &str) {
        let _turn = self.turn.lock().await;
        self.close_unless(|published| published.wanted.container != container).await;
    }

    /// Makes the listeners those of `wanted`. One that cannot be had waits, so that the others work: its list of addresses
    /// is empty, or short.
    pub async fn resync(&self, wanted: &[Publication]) -> Vec<Vec<SocketAddr>> {
        let _turn = self.turn.lock().await;
        self.close_unless(|published| wanted.iter().any(|wanted| published.serves(wanted))).await;
        for publication in wanted {
            if self.served(publication).is_some() {
                continue;
            }
            let published = match self.bind(publication) {
                Ok((shared, bound)) => Published::start(publication.clone(), shared, bound, &self.guest),
                Err(refusal) => {
                    tracing::warn!(container = publication.name, %refusal, "a port is waited for");
                    self.wait_for(publication.clone())
                }
            };
            self.published().push(published);
        }
        self.changed.send_replace(());
        wanted.iter().map(|wanted| self.served(wanted).unwrap_or_default()).collect()
    }

    /// Opens ports to everyone around this host, or to this host alone, at once and without a word to their containers.
    ///
    /// # Errors
    /// The [`Refusal`] of a port that cannot be had there; everything is as it was.
    pub async fn share(&self, sharing: Sharing) -> Result<(), Refusal> {
        let _turn = self.turn.lock().await;
        let before = std::mem::replace(&mut *self.lock_sharing(), sharing);
        let moved = self.take_where(|published, ports| ports.shares(&published.wanted) != published.shared);
        let result = self.move_all(moved).await;
        if result.is_err() {
            *self.lock_sharing() = before;
            let moved = self.take_where(|published, ports| ports.shares(&published.wanted) != published.shared);
            // Who came in between is in the way from now on: such a port waits.
            if let Err(refusal) = self.move_all(moved).await {
                tracing::warn!(%refusal, "a port is waited for");
            }
        }
        self.changed.send_replace(());
        result
    }

    /// What the user said of sharing.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        self.lock_sharing().clone()
    }

    /// What is published now, by port.
    #[must_use]
    pub fn list(&self) -> Vec<PublishedPort> {
        let mut all: Vec<_> = self.published().iter().map(Published::row).collect();
        let key = |row: &PublishedPort| (row.host_port, row.protocol.clone(), row.host_ips.clone());
        all.sort_by_key(key);
        all
    }

    /// Where each publication listens, as the engine is told.
    pub(crate) fn whereabouts(&self) -> Vec<Moved> {
        let moved =
            |published: &Published| Moved { publication: published.wanted.clone(), addresses: published.addresses() };
        self.published().iter().map(moved).collect()
    }

    /// Told after each change.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Closes what listens elsewhere than it should and opens it there. One that cannot be had waits at its new place.
    async fn move_all(&self, moved: Vec<Published>) -> Result<(), Refusal> {
        let mut result = Ok(());
        for published in moved {
            let wanted = published.wanted.clone();
            // An any-address and a single one exclude each other, so there is no way but one after the other.
            published.close().await;
            let again = match self.bind(&wanted) {
                Ok((shared, bound)) => Published::start(wanted, shared, bound, &self.guest),
                Err(refusal) => {
                    result = Err(refusal);
                    self.wait_for(wanted)
                }
            };
            self.published().push(again);
        }
        result
    }

    /// A publication that has what it can have of its places, and waits for the others.
    fn wait_for(&self, wanted: Publication) -> Published {
        let shared = self.shares(&wanted);
        let mut waiting = Published::waiting(wanted, shared);
        waiting.repair(&self.guest, |wanted, failed| self.refuse(wanted, failed));
        waiting
    }

    /// Sockets for a publication, and whether they are for everyone.
    fn bind(&self, wanted: &Publication) -> Result<(bool, Vec<Bound>), Refusal> {
        let (first, last) = (wanted.host_port, wanted.host_port_last.unwrap_or(wanted.host_port));
        for port in first..=last {
            let mut shared = self.shares(&Publication { host_port: port, ..wanted.clone() });
            let attempt = |port, shared| bind::bind_all(wanted.transport, &place::places(wanted.host_ip, shared), port);
            let mut bound = attempt(port, shared);
            // Something may have been said of the number that was picked.
            if let (0, Ok(picked)) = (port, &bound) {
                let picked = picked.first().map_or(0, |bound| bound.address.port());
                let said = self.shares(&Publication { host_port: picked, ..wanted.clone() });
                if said != shared {
                    drop(bound);
                    (shared, bound) = (said, attempt(picked, said));
                }
            }
            match bound {
                Ok(bound) => return Ok((shared, bound)),
                Err(failed) if first < last && failed.in_use() => {}
                Err(failed) => return Err(self.refuse(wanted, &failed)),
            }
        }
        let ip = wanted.host_ip.unwrap_or(IpAddr::from([127, 0, 0, 1]));
        Err(Refusal::AllAllocated { first: SocketAddr::new(ip, first), last })
    }

    fn refuse(&self, wanted: &Publication, failed: &BindError) -> Refusal {
        self.refuse_beside(&self.listening(), wanted, failed)
    }

    fn refuse_beside(&self, ours: &[(Transport, SocketAddr)], wanted: &Publication, failed: &BindError) -> Refusal {
        let ours = ours
            .iter()
            .any(|(transport, address)| *transport == wanted.transport && refusal::overlap(*address, failed.address));
        Refusal::new(wanted, failed, ours, || (self.find_holder)(wanted.transport, failed.address))
    }

    /// All addresses of this Berth.
    fn listening(&self) -> Vec<(Transport, SocketAddr)> {
        let of = |published: &Published| {
            let transport = published.wanted.transport;
            published.addresses().into_iter().map(move |address| (transport, address)).collect::<Vec<_>>()
        };
        self.published().iter().flat_map(of).collect()
    }

    /// The addresses of a publication that is already there.
    fn served(&self, wanted: &Publication) -> Option<Vec<SocketAddr>> {
        self.published().iter().find(|published| published.serves(wanted)).map(Published::addresses)
    }

    /// Tries what waits and looks whether addresses are still there.
    async fn repair(&self) {
        let _turn = self.turn.lock().await;
        let listening = self.listening();
        let refuse = |wanted: &Publication, failed: &BindError| self.refuse_beside(&listening, wanted, failed);
        let mut changed = false;
        for published in self.published().iter_mut().filter(|published| published.needs_a_look()) {
            changed |= published.repair(&self.guest, refuse);
        }
        if changed {
            self.changed.send_replace(());
        }
    }

    fn needs_a_look(&self) -> bool {
        self.published().iter().any(Published::needs_a_look)
    }

    async fn close_unless(&self, keep: impl Fn(&Published) -> bool) {
        let closed = self.take_where(|published, _| !keep(published));
        for published in closed {
            published.close().await;
        }
        self.changed.send_replace(());
    }

    fn take_where(&self, taken: impl Fn(&Published, &Self) -> bool) -> Vec<Published> {
        self.published().extract_if(.., |published| taken(published, self)).collect()
    }

    fn shares(&self, wanted: &Publication) -> bool {
        self.lock_sharing().of(wanted)
    }

    fn published(&self) -> MutexGuard<'_, Vec<Published>> {
        // Nothing panics while it is held; if something did, the list is still whole.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_sharing(&self) -> MutexGuard<'_, Sharing> {
        self.sharing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Repairs for as long as there are ports, and rests while there is nothing that could change by itself.
async fn keep(ports: Weak<Ports>, mut changed: watch::Receiver<()>) {
    loop {
        let Some(here) = ports.upgrade() else { return };
        let needs_a_look = here.needs_a_look();
        drop(here);
        if needs_a_look {
            tokio::time::sleep(LOOK).await;
        } else if changed.changed().await.is_err() {
            return;
        }
        let Some(here) = ports.upgrade() else { return };
        here.repair().await;
    }
}

#[cfg(test)]
mod tests;
