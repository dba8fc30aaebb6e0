//! The real [`PortPublisher`]: a stream that the host opened, on which the engine says what should be published.
//!
//! The wish outlives the stream: each new one begins with everything that should be there.

use crate::seam::{PortPublisher, PublishError};
use async_trait::async_trait;
use berth_network::IpNet;
use berth_protocol::{
    frame,
    publish::{Answer, Ask, Moved, Outcome, Publication, Request},
};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};

/// How long a start waits for the host, a host that has yet to connect included.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(10);
/// How long an end waits for the host to close its listeners.
const WITHDRAW_DEADLINE: Duration = Duration::from_secs(2);

/// What the host says without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostNews {
    /// Where it listens now: nowhere, when another has the port.
    Moved(Vec<Moved>),
    /// The subnets that it has routes to.
    Routes(Vec<IpNet>),
}

/// A request with where its answer goes.
type Order = (Ask, oneshot::Sender<Outcome>);
/// The queue of one stream.
type Orders = mpsc::UnboundedSender<Order>;

/// What should be published, and the stream to the host while there is one.
#[derive(Clone)]
pub struct PortLink {
    shared: Arc<Shared>,
}

struct Shared {
    /// What should be published, with the ports that the host gave.
    wanted: Mutex<Vec<Publication>>,
    /// The present stream's queue.
    link: watch::Sender<Option<Orders>>,
}

impl Default for PortLink {
    fn default() -> Self {
        Self { shared: Arc::new(Shared { wanted: Mutex::default(), link: watch::Sender::new(None) }) }
    }
}

impl PortLink {
    /// Serves one stream until it breaks. A stream that comes later takes over at once. `told` hears what the host says:
    /// where it listens once for each publication there was, and whenever that changes.
    ///
    /// # Errors
    /// When the stream broke or the host said something that makes no sense.
    pub async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin,
        told: impl Fn(HostNews) + Clone + Send + 'static,
    ) -> io::Result<()> {
        let (orders, queue) = mpsc::unbounded_channel();
        let (resynced, outcome) = oneshot::channel();
        // Under the lock, so that no publication falls between the list and the queue.
        let asked = {
            let wanted = self.wanted();
            // The receiver is held below: this cannot fail.
            drop(orders.send((Ask::Resync(wanted.clone()), resynced)));
            self.shared.link.send_replace(Some(orders.clone()));
            wanted.clone()
        };
        let taken_up = told.clone();
        tokio::spawn(async move {
            match outcome.await {
                Ok(Outcome::Published(addresses)) if addresses.len() == asked.len() => {
                    let all = asked.into_iter().zip(addresses);
                    let moved = all.map(|(publication, addresses)| Moved { publication, addresses }).collect();
                    taken_up(HostNews::Moved(moved));
                }
                Ok(Outcome::Refused { why }) => tracing::warn!("the host took up no published port: {why}"),
                _ => {}
            }
        });
        let result = converse(stream, queue, told).await;
        self.shared.link.send_if_modified(|link| {
            let mine = link.as_ref().is_some_and(|current| current.same_channel(&orders));
            if mine {
                *link = None;
            }
            mine
        });
        result
    }

    fn wanted(&self) -> MutexGuard<'_, Vec<Publication>> {
        self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what should be published. A stream that came since the answer on `orders` was told without it.
    fn want(&self, publications: Vec<Publication>, orders: &Orders) {
        let mut wanted = self.wanted();
        wanted.extend(publications);
        if let Some(link) = self.shared.link.borrow().as_ref().filter(|link| !link.same_channel(orders)) {
            // One that is gone again was told nothing, and its successor is told everything.
            drop(link.send((Ask::Resync(wanted.clone()), oneshot::channel().0)));
        }
    }

    /// Asks the host once one is there. A stream that breaks before its answer counts as no host.
    async fn ask(&self, ask: Ask, deadline: Instant) -> Result<(Outcome, Orders), PublishError> {
        let mut link = self.shared.link.subscribe();
        let orders = timeout_at(deadline, link.wait_for(Option::is_some))
            .await
            .map_err(|_| PublishError::NoHost)?
            .ok()
            .and_then(|link| link.clone())
            .ok_or(PublishError::NoHost)?;
        let (answer, answered) = oneshot::channel();
        orders.send((ask, answer)).map_err(|_| PublishError::NoHost)?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(outcome)) => Ok((outcome, orders)),
            Ok(Err(_)) => Err(PublishError::NoHost),
            Err(_) => Err(PublishError::TimedOut(PUBLISH_DEADLINE.as_secs())),
        }
    }
}

#[async_trait]
impl PortPublisher for PortLink {
    async fn publish(&self, publications: Vec<Publication>) -> Result<Vec<Vec<SocketAddr>>, PublishError> {
        let Some(container) = publications.first().map(|p| p.container.clone()) else { return Ok(vec![]) };
        let mut guard = Withdrawal { link: self, container: Some(container) };
        let (outcome, orders) = self.ask(Ask::Publish(publications.clone()), Instant::now() + PUBLISH_DEADLINE).await?;
        match outcome {
            Outcome::Published(addresses) if addresses.len() == publications.len() => {
                guard.container = None;
                self.want(fix_ports(publications, &addresses), &orders);
                Ok(addresses)
            }
            Outcome::Refused { why } => {
                guard.container = None;
                Err(PublishError::Refused(why))
            }
            Outcome::Published(_) | Outcome::Done => {
                Err(PublishError::Refused("the host did not say where it listens; update Berth".to_owned()))
            }
        }
    }

    async fn withdraw(&self, container: &str) {
        let had = {
            let mut wanted = self.wanted();
            let before = wanted.len();
            wanted.retain(|publication| publication.container != container);
            wanted.len() != before
        };
        if !had || self.shared.link.borrow().is_none() {
            return;
        }
        let ask = Ask::Withdraw { container: container.to_owned() };
        if let Err(e) = self.ask(ask, Instant::now() + WITHDRAW_DEADLINE).await {
            tracing::warn!("the ports of {container} are withdrawn when the host is back: {e}");
        }
    }

    fn adopt(&self, publications: Vec<Publication>) {
        self.wanted().extend(publications);
    }
}

/// A publish whose answer was not awaited to the end may still have happened: it is taken back.
struct Withdrawal<'a> {
    link: &'a PortLink,
    container: Option<String>,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        if let (Some(container), Some(orders)) = (self.container.take(), &*self.link.shared.link.borrow()) {
            // A stream that is gone has nothing to take back, and nobody waits for the answer.
            drop(orders.send((Ask::Withdraw { container }, oneshot::channel().0)));
        }
    }
}

/// The same publications with the ports that the host chose, so that a later host is asked for the same ones.
pub(crate) fn fix_ports(publications: Vec<Publication>, addresses: &[Vec<SocketAddr>]) -> Vec<Publication> {
    publications
        .into_iter()
        .zip(addresses)
        .map(|(publication, addresses)| Publication {
            host_port: addresses.first().map_or(publication.host_port, SocketAddr::port),
            host_port_last: publication.host_port_last.filter(|_| addresses.is_empty()),
            ..publication
        })
        .collect()
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    mut queue: mpsc::UnboundedReceiver<Order>,
    told: impl Fn(HostNews),
) -> io::Result<()> {
    let (mut from_host, mut to_host) = tokio::io::split(stream);
    let waiting: Mutex<HashMap<u64, oneshot::Sender<Outcome>>> = Mutex::default();
    let waiting = || waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let speak = async {
        let mut id = 0;
        while let Some((ask, answer)) = queue.recv().await {
            id += 1;
            waiting().insert(id, answer);
            to_host.write_all(&frame::encode(&Request { id, ask }).map_err(io::Error::other)?).await?;
            to_host.flush().await?;
        }
        Ok(())
    };
    let listen = async {
        loop {
            match read_answer(&mut from_host).await? {
                Answer::Reply(reply) => {
                    if let Some(answer) = waiting().remove(&reply.id) {
                        // Nobody waits any more when the deadline passed.
                        drop(answer.send(reply.outcome));
                    }
                }
                Answer::Moved(moved) => told(HostNews::Moved(moved)),
                Answer::Routes(routes) => told(HostNews::Routes(routes)),
            }
        }
    };
    tokio::select! {
        result = speak => result,
        result = listen => result,
    }
}

async fn read_answer(from_host: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut prefix = [0; frame::PREFIX_LEN];
    from_host.read_exact(&mut prefix).await?;
    let mut body = vec![0; frame::body_len(prefix).map_err(io::Error::other)?];
    from_host.read_exact(&mut body).await?;
    frame::decode(&body).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
