//! Published ports: which the engine wants, where this host listens for them, and who is in the way.

mod bind;
mod forward;
mod refusal;

pub use refusal::{Holder, Refusal};

use crate::guest::Guest;
use berth_api::PublishedPort;
use berth_protocol::publish::Publication;
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Tells who holds a port, where the system does.
pub type FindHolder = fn(SocketAddr) -> Option<Holder>;

/// Every published port of one Berth.
pub struct Ports {
    listening: Mutex<Vec<Listening>>,
    /// One publish at a time: two must not both find a port free.
    turn: tokio::sync::Mutex<()>,
    guest: watch::Sender<Option<Guest>>,
    find_holder: FindHolder,
}

/// One publication and its listeners. Dropping it closes them; streams that were accepted live on.
struct Listening {
    wanted: Publication,
    addresses: Vec<SocketAddr>,
    accepting: Vec<JoinHandle<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.iter().for_each(JoinHandle::abort);
    }
}

impl Ports {
    /// No ports yet.
    #[must_use]
    pub fn new(find_holder: FindHolder) -> Arc<Self> {
        Arc::new(Self {
            listening: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            guest: watch::channel(None).0,
            find_holder,
        })
    }

    /// Sets where accepted connections go; `None` closes every listener, since nobody is there any more.
    pub fn set_guest(&self, guest: Option<Guest>) {
        let gone = guest.is_none();
        self.guest.send_replace(guest);
        if gone {
            self.lock().clear();
        }
    }

    /// Listens for all of `wanted`, or for none. Gives the addresses of each, in order.
    ///
    /// # Errors
    /// The [`Refusal`] of the first that cannot be had; nothing was changed.
    pub async fn publish(&self, wanted: &[Publication]) -> Result<Vec<Vec<SocketAddr>>, Refusal> {
        let _turn = self.turn.lock().await;
        self.open_all(wanted).await
    }

    /// Closes every listener of a container.
    pub fn withdraw(&self, container: &str) {
        self.lock().retain(|listening| listening.wanted.container != container);
    }

    /// Makes the listeners those of `wanted`. One that cannot be had is left out, so that the others work: its list
    /// of addresses is empty.
    pub async fn resync(&self, wanted: &[Publication]) -> Vec<Vec<SocketAddr>> {
        let _turn = self.turn.lock().await;
        self.lock().retain(|listening| wanted.iter().any(|wanted| listening.serves(wanted)));
        let mut all = Vec::with_capacity(wanted.len());
        for publication in wanted {
            let opened = self.open_all(std::slice::from_ref(publication)).await.map(|mut one| one.remove(0));
            all.push(opened.unwrap_or_else(|refusal| {
                tracing::warn!(container = publication.name, %refusal, "a port stays unpublished");
                vec![]
            }));
        }
        all
    }

    /// What is published now, by port.
    #[must_use]
    pub fn list(&self) -> Vec<PublishedPort> {
        let mut all: Vec<_> = self.lock().iter().filter_map(Listening::row).collect();
        all.sort_by(|a, b| (a.host_port, &a.host_ips).cmp(&(b.host_port, &b.host_ips)));
        all
    }

    async fn open_all(&self, wanted: &[Publication]) -> Result<Vec<Vec<SocketAddr>>, Refusal> {
        let mut opened: Vec<(Publication, Vec<TcpListener>)> = Vec::new();
        let mut answer = Vec::with_capacity(wanted.len());
        for publication in wanted {
            if let Some(addresses) = self.served(publication) {
                answer.push(addresses);
                continue;
            }
            let listeners = bind::bind(publication.host_ip, publication.host_port)
                .map_err(|failed| self.refuse(publication, &failed))?;
            answer.push(listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect());
            opened.push((publication.clone(), listeners));
        }
        let fresh = opened.into_iter().map(|(wanted, listeners)| {
            let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
            let target = wanted.target;
            let accept = |listener| tokio::spawn(forward::accept(listener, target, self.guest.subscribe()));
            Listening { wanted, addresses, accepting: listeners.into_iter().map(accept).collect() }
        });
        self.lock().extend(fresh);
        Ok(answer)
    }

    /// The addresses of a publication that is already served.
    fn served(&self, wanted: &Publication) -> Option<Vec<SocketAddr>> {
        self.lock().iter().find(|listening| listening.serves(wanted)).map(|listening| listening.addresses.clone())
    }

    fn refuse(&self, wanted: &Publication, failed: &bind::BindError) -> Refusal {
        let ours = self
            .lock()
            .iter()
            .any(|listening| listening.addresses.iter().any(|address| refusal::overlap(*address, failed.address)));
        let in_use = failed.source.kind() == std::io::ErrorKind::AddrInUse;
        let holder = || (self.find_holder)(failed.address).filter(|_| in_use);
        Refusal::new(failed.address, wanted.host_ip, in_use && ours, &failed.source, holder)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Listening>> {
        // Nothing panics while it is held; if something did, the list is still whole.
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening {
    /// Whether `wanted` is this one. A free port that was picked is asked for by its number later on.
    fn serves(&self, wanted: &Publication) -> bool {
        let port = self.addresses.first().map(SocketAddr::port);
        let same_port = wanted.host_port == self.wanted.host_port || Some(wanted.host_port) == port;
        let same = Publication { host_port: self.wanted.host_port, name: self.wanted.name.clone(), ..wanted.clone() };
        same_port && same == self.wanted
    }

    fn row(&self) -> Option<PublishedPort> {
        let host_port = self.addresses.first()?.port();
        let ips: BTreeSet<String> = self.addresses.iter().map(|address| address.ip().to_string()).collect();
        let host_ips: Vec<_> = ips.into_iter().collect();
        Some(PublishedPort {
            container: self.wanted.container.clone(),
            name: self.wanted.name.clone(),
            url: berth_api::container::url(&host_ips, host_port),
            host_ips,
            host_port,
            container_port: self.wanted.target.port(),
            protocol: "tcp".into(),
        })
    }
}

#[cfg(test)]
mod tests;
