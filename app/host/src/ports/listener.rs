//! A bound socket and the task that serves it.

use super::{
    bind::{Bound, BoundSocket},
    datagrams, forward,
};
use crate::guest::Guest;
use std::net::SocketAddr;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Serves its socket until it is dropped or closed. Streams that were accepted live on; datagrams do not.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    serving: JoinHandle<()>,
    /// Its end ends the serving.
    open: oneshot::Sender<()>,
}

impl Listener {
    pub(super) fn start(bound: Bound, target: SocketAddr, guest: watch::Receiver<Option<Guest>>) -> Self {
        let (open, closed) = oneshot::channel();
        let serving = match bound.socket {
            BoundSocket::Stream(listener) => tokio::spawn(forward::serve(listener, target, guest, closed)),
            BoundSocket::Datagrams(socket) => tokio::spawn(datagrams::serve(socket, target, guest, closed)),
        };
        Self { address: bound.address, serving, open }
    }

    /// Returns once the port is free.
    pub(super) async fn close(self) {
        drop(self.open);
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the task of a port failed");
        }
    }
}
