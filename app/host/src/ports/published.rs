//! One publication and what became of it on this host.

use super::{
    bind::{self, BindError, Bound},
    listener::Listener,
    place::{Place, places},
    refusal::Refusal,
};
use crate::guest::Guest;
use berth_api::{PortHealth, PublishedPort};
use berth_protocol::publish::{Publication, Transport};
use std::net::SocketAddr;
use tokio::sync::watch;

/// A publication; its port is fixed once there is one.
pub(super) struct Published {
    pub(super) wanted: Publication,
    /// As the engine asked for it: any free port may have been one of its wishes.
    asked: Publication,
    /// Whether it is open to everyone around this host.
    pub(super) shared: bool,
    slots: Vec<Slot>,
}

/// One place of a publication.
struct Slot {
    place: Place,
    state: State,
}

enum State {
    Listening(Listener),
    /// Nothing is wrong: this host has no such address.
    Missing,
    Waiting(Refusal),
}

impl Published {
    /// Of sockets that are bound, each at a place of the publication.
    pub(super) fn start(
        asked: Publication,
        shared: bool,
        bound: Vec<Bound>,
        guest: &watch::Sender<Option<Guest>>,
    ) -> Self {
        let port = bound.first().map_or(asked.host_port, |bound| bound.address.port());
        let wanted = Publication { host_port: port, host_port_last: None, ..asked.clone() };
        let mut published = Self { slots: missing(&wanted, shared), wanted, asked, shared };
        for bound in bound {
            published.enter(bound, guest);
        }
        published
    }

    /// With nothing bound yet; [`Self::repair`] tries.
    pub(super) fn waiting(asked: Publication, shared: bool) -> Self {
        Self { slots: missing(&asked, shared), wanted: asked.clone(), asked, shared }
    }

    fn enter(&mut self, bound: Bound, guest: &watch::Sender<Option<Guest>>) {
        self.wanted.host_port = bound.address.port();
        self.wanted.host_port_last = None;
        let ip = bound.address.ip();
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.place.ip == ip) {
            slot.state = State::Listening(Listener::start(bound, self.wanted.target, guest.subscribe()));
        }
    }

    /// Whether `other` is this one. A free port that was picked is asked for by its number later on.
    pub(super) fn serves(&self, other: &Publication) -> bool {
        let same = |mine: &Publication| Publication { name: mine.name.clone(), ..other.clone() } == *mine;
        same(&self.wanted) || same(&self.asked)
    }

    /// Where it listens now.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners().map(|listener| listener.address).collect()
    }

    fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.slots.iter().filter_map(|slot| match &slot.state {
            State::Listening(listener) => Some(listener),
            _ => None,
        })
    }

    /// Tries what does not listen, and lets go of an address that this host has no longer. `refuse` says why a port cannot be
    /// had. Whether anything changed.
    pub(super) fn repair(
        &mut self,
        guest: &watch::Sender<Option<Guest>>,
        refuse: impl Fn(&Publication, &BindError) -> Refusal,
    ) -> bool {
        let mut changed = false;
        for at in 0..self.slots.len() {
            let Slot { place, state } = &self.slots[at];
            if let State::Listening(_) = state {
                // A socket outlives its address and would wait for it in silence.
                if !place.may_be_gone() || bind::is_present(place.ip) {
                    continue;
                }
            }
            let (place, address) = (*place, SocketAddr::new(place.ip, self.wanted.host_port));
            let state = match bind::bind(self.wanted.transport, address) {
                Ok(bound) => {
                    self.enter(bound, guest);
                    changed = true;
                    continue;
                }
                // Looking for the holder means looking at every process: once is enough.
                Err(error) if error.in_use() && self.slots[at].state.is_held() => continue,
                Err(error) if place.may_be_missing && error.is_absent() => State::Missing,
                Err(error) => State::Waiting(refuse(&self.wanted, &error)),
            };
            changed |= !state.says_the_same(&self.slots[at].state);
            self.slots[at].state = state;
        }
        changed
    }

    /// Whether its state may change without anyone asking.
    pub(super) fn needs_a_look(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot.state, State::Waiting(_)) || slot.place.may_be_gone())
    }

    /// Closes its listeners; returns once its port is free.
    pub(super) async fn close(self) {
        for slot in self.slots {
            if let State::Listening(listener) = slot.state {
                listener.close().await;
            }
        }
    }

    pub(super) fn row(&self) -> PublishedPort {
        let trouble = self.slots.iter().find_map(|slot| match &slot.state {
            State::Waiting(refusal) => Some(refusal),
            _ => None,
        });
        let mut host_ips: Vec<_> = self.listeners().map(|listener| listener.address.ip().to_string()).collect();
        host_ips.sort();
        let transport = self.wanted.transport;
        PublishedPort {
            container: self.wanted.container.clone(),
            name: self.wanted.name.clone(),
            url: match transport {
                Transport::Tcp => berth_api::container::url(&host_ips, self.wanted.host_port),
                Transport::Udp => String::new(),
            },
            host_ips,
            host_port: self.wanted.host_port,
            container_port: self.wanted.target.port(),
            protocol: transport.name().into(),
            health: trouble.map_or(PortHealth::Listening, Refusal::health),
            error: trouble.map(Refusal::reason),
            given_ip: self.wanted.host_ip.map(|ip| ip.to_string()),
            shared: self.is_open(),
        }
    }

    /// Whether others than this host can come.
    fn is_open(&self) -> bool {
        self.wanted.host_ip.map_or(self.shared, |ip| !ip.is_loopback())
    }
}

fn missing(wanted: &Publication, shared: bool) -> Vec<Slot> {
    let slot = |place| Slot { place, state: State::Missing };
    places(wanted.host_ip, shared).into_iter().map(slot).collect()
}

impl Place {
    /// Addresses of a network come and go; this host's own, and all of them, do not.
    fn may_be_gone(&self) -> bool {
        !self.ip.is_loopback() && !self.ip.is_unspecified()
    }
}

impl State {
    fn is_held(&self) -> bool {
        matches!(self, Self::Waiting(refusal) if refusal.health() == PortHealth::Held)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Missing, Self::Missing) => true,
            (Self::Waiting(one), Self::Waiting(other)) => one == other,
            _ => false,
        }
    }
}
