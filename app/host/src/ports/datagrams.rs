//! A published UDP port: each client has a flow, a stream of its own to the guest that carries its datagrams.
//!
//! Nothing is kept for a datagram that finds no room: it is lost, as on any network.

mod flow;

use crate::{
    guest::Guest,
    platform::{DatagramSocket, Received},
};
use flow::Flow;
use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, interval},
};

/// The largest datagram, bytes.
const LARGEST: usize = 64 << 10;
/// Flows of one port. One more takes the place of the one that has been silent longest.
const MOST_FLOWS: usize = 1024;
/// How often silent flows are looked for.
const SWEEP: Duration = Duration::from_secs(2);
/// After the system refused to receive.
const PAUSE: Duration = Duration::from_millis(10);

/// Between whom a flow is: a client, and the address of this host that it sends to where there are several.
type Between = (SocketAddr, Option<IpAddr>);

/// The socket of a port. Flows that were told to end hold it a moment longer than whoever told them: `closed` is how that
/// one learns that the port is free.
pub(super) struct Held {
    socket: DatagramSocket,
    /// Behind the socket, which is so closed first.
    _closed: oneshot::Sender<Infallible>,
}

impl Held {
    pub(super) fn new(socket: DatagramSocket, closed: oneshot::Sender<Infallible>) -> Self {
        Self { socket, _closed: closed }
    }
}

/// Serves until dropped; its flows end with it.
pub(super) async fn serve(held: Held, target: SocketAddr, guest: watch::Receiver<Option<Guest>>) {
    let held = Arc::new(held);
    let mut flows: HashMap<Between, Flow> = HashMap::new();
    let mut datagram = vec![0; LARGEST];
    let mut sweep = interval(SWEEP);
    loop {
        tokio::select! {
            received = held.socket.receive(&mut datagram) => match received {
                Ok(Received { length, from, at }) => {
                    let flow = flow_of(&mut flows, (from, at), || {
                        Flow::open(Arc::clone(&held), (from, at), target, guest.borrow().clone())
                    });
                    flow.send(&datagram[..length]);
                }
                // Some systems tell here that an earlier answer reached nobody; that client's trouble is no other's.
                Err(error) => {
                    tracing::debug!(%error, "a datagram was not received");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            now = sweep.tick() => flows.retain(|_, flow| !flow.is_over(now)),
        }
    }
}

/// The flow between two, opened unless there is one that lives.
fn flow_of(flows: &mut HashMap<Between, Flow>, between: Between, open: impl FnOnce() -> Flow) -> &mut Flow {
    let known = flows.get(&between).is_some_and(|flow| !flow.is_over(Instant::now()));
    if !known {
        flows.remove(&between);
        if flows.len() >= MOST_FLOWS {
            let silent = flows.iter().min_by_key(|(_, flow)| flow.last_used()).map(|(between, _)| *between);
            silent.and_then(|between| flows.remove(&between));
        }
    }
    flows.entry(between).or_insert_with(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_machine::{Channel, ConnectError, Connector};
    use berth_protocol::boot::Secret;

    /// A guest that never answers, so that flows stay as they are.
    struct Silent;

    #[async_trait::async_trait]
    impl Connector for Silent {
        async fn connect(&self, _: u32, _: Instant) -> Result<Box<dyn Channel>, ConnectError> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn one_client_more_takes_the_place_of_the_most_silent() {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let held = Arc::new(Held::new(DatagramSocket::new(socket).unwrap(), oneshot::channel().0));
        let client = |number: usize| {
            let address = [127, 1, u8::try_from(number / 256).unwrap(), u8::try_from(number % 256).unwrap()];
            (SocketAddr::from((address, 9)), None)
        };
        let target = "127.0.0.1:9".parse().unwrap();
        let guest = Guest::new(Arc::new(Silent), Secret::new([0; 32]));
        let flow = |between| Flow::open(Arc::clone(&held), between, target, Some(guest.clone()));
        let mut flows = HashMap::new();
        for number in 0..MOST_FLOWS {
            flow_of(&mut flows, client(number), || flow(client(number)));
        }
        flow_of(&mut flows, client(0), || unreachable!("it is known")).send(b"still here");
        flow_of(&mut flows, client(MOST_FLOWS), || flow(client(MOST_FLOWS)));
        assert_eq!(flows.len(), MOST_FLOWS);
        assert!(flows.contains_key(&client(0)) && flows.contains_key(&client(MOST_FLOWS)));
        assert!(!flows.contains_key(&client(1)), "the one silent longest");
    }
}
