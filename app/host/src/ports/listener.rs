//! A bound socket and the task that serves it.

use super::{
    bind::{Bound, BoundSocket},
    datagrams::{self, Held},
    forward,
};
use crate::guest::Guest;
use std::{convert::Infallible, net::SocketAddr};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Serves its socket until it is dropped or closed. Streams that were accepted live on; datagrams do not.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    serving: JoinHandle<()>,
    /// Ends with the socket; of streams nobody holds the listener but who serves it.
    closed: oneshot::Receiver<Infallible>,
}

impl Listener {
    pub(super) fn start(bound: Bound, target: SocketAddr, guest: watch::Receiver<Option<Guest>>) -> Self {
        let (until_closed, closed) = oneshot::channel();
        let serving = match bound.socket {
            BoundSocket::Stream(listener) => tokio::spawn(forward::accept(listener, target, guest)),
            BoundSocket::Datagrams(socket) => {
                tokio::spawn(datagrams::serve(Held::new(socket, until_closed), target, guest))
            }
        };
        Self { address: bound.address, serving, closed }
    }

    /// Returns once the port is free.
    pub(super) async fn close(mut self) {
        self.serving.abort();
        // It was told to end: that is what it answers.
        drop((&mut self.serving).await);
        drop((&mut self.closed).await);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
