//! A bound socket and the task that serves it.

use super::{
    bind::{Bound, BoundSocket},
    datagrams, forward,
};
use crate::guest::Guest;
use std::net::SocketAddr;
use tokio::{sync::watch, task::JoinHandle};

/// Serves its socket until it is dropped or closed. Streams that were accepted live on; datagrams do not.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Listener {
    pub(super) fn start(bound: Bound, target: SocketAddr, guest: watch::Receiver<Option<Guest>>) -> Self {
        let serving = match bound.socket {
            BoundSocket::Stream(listener) => tokio::spawn(forward::accept(listener, target, guest)),
            BoundSocket::Datagrams(socket) => tokio::spawn(datagrams::serve(socket, target, guest)),
        };
        Self { address: bound.address, serving }
    }

    /// Returns once the port is free.
    pub(super) async fn close(mut self) {
        self.serving.abort();
        // It was told to end: that is what it answers.
        drop((&mut self.serving).await);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
