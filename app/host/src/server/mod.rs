//! The one local socket: each connection's first request path decides whether berthd answers it or the guest does.

mod api;
mod console;
mod engine;
mod head;
mod ports;

use crate::{daemon::DaemonError, machine::Machine, platform, ports::Ports, rewind::Rewind};
use berth_api::BerthHome;
use head::Route;
use hyper_util::rt::TokioIo;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
};
use tower::ServiceExt;

/// How long open answers may take to go out when berthd ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// After the system refused to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// What answers on the socket.
#[derive(Clone)]
pub struct Server {
    /// Whose socket it is.
    pub home: BerthHome,
    /// The machine it shows and whose guest it reaches.
    pub machine: Arc<Machine>,
    /// The published ports it lists.
    pub ports: Arc<Ports>,
    /// Set to end berthd.
    pub end: watch::Sender<bool>,
}

/// A server that listens.
pub struct Serving {
    close: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub fn serve(self) -> Result<Serving, DaemonError> {
        let socket = self.home.socket();
        berth_api::local::check(&socket)?;
        let listener =
            platform::Listener::bind(&socket).map_err(DaemonError::io(format!("listen on {}", socket.display())))?;
        let (close, closed) = oneshot::channel();
        let task = tokio::spawn(self.accept(listener, closed));
        Ok(Serving { close, task })
    }

    async fn accept(self, mut listener: platform::Listener, mut closed: oneshot::Receiver<()>) {
        let router = api::router(self.clone());
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(connection) => {
                        connections.spawn(serve_connection(connection, Arc::clone(&self.machine), router.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection's task failed");
                    }
                }
                _ = &mut closed => break,
            }
        }
        drop(listener);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_ANSWERS, all).await.is_err() {
            tracing::debug!("open connections are cut");
        }
    }
}

impl Serving {
    /// Listens no more, lets the last answers go out, cuts the rest.
    pub async fn close(self) {
        drop(self.close);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the server's task failed");
        }
    }
}

async fn serve_connection<S>(mut stream: S, machine: Arc<Machine>, router: axum::Router)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (route, head) = match head::read(&mut stream).await {
        Ok(Some(read)) => read,
        Ok(None) => return,
        Err(error) => return tracing::debug!(%error, "a connection broke before its first request"),
    };
    match route {
        Route::Host => {
            let service = hyper::service::service_fn(move |request| router.clone().oneshot(request));
            let io = TokioIo::new(Rewind::new(head, stream));
            if let Err(error) =
                hyper::server::conn::http1::Builder::new().half_close(true).serve_connection(io, service).await
            {
                tracing::debug!(%error, "a connection of a client ended");
            }
        }
        Route::Engine => {
            if let Err(error) = engine::carry(stream, head, &machine).await {
                tracing::debug!(%error, "a connection to the engine ended");
            }
        }
    }
}
