//! A published UDP port: each client has a flow, a stream of its own to the guest that carries its datagrams.
//!
//! Nothing is kept for a datagram that finds no room: it is lost, as on any network.

mod flow;

use crate::guest::Guest;
use flow::Flow;
use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::UdpSocket,
    sync::watch,
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

/// Serves until dropped; its flows end with it.
pub(super) async fn serve(socket: UdpSocket, target: SocketAddr, guest: watch::Receiver<Option<Guest>>) {
    let socket = Arc::new(socket);
    let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut datagram = vec![0; LARGEST];
    let mut sweep = interval(SWEEP);
    loop {
        tokio::select! {
            received = socket.recv_from(&mut datagram) => match received {
                Ok((length, client)) => {
                    let flow = flow_of(&mut flows, client, || {
                        Flow::open(Arc::clone(&socket), client, target, guest.borrow().clone())
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

/// The flow of a client, opened unless there is one that lives.
fn flow_of(flows: &mut HashMap<SocketAddr, Flow>, client: SocketAddr, open: impl FnOnce() -> Flow) -> &mut Flow {
    let known = flows.get(&client).is_some_and(|flow| !flow.is_over(Instant::now()));
    if !known {
        flows.remove(&client);
        if flows.len() >= MOST_FLOWS {
            let silent = flows.iter().min_by_key(|(_, flow)| flow.last_used()).map(|(client, _)| *client);
            silent.and_then(|client| flows.remove(&client));
        }
    }
    flows.entry(client).or_insert_with(open)
}
