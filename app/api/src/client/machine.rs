//! The machine half of the client: `/berth/v1`.

use super::{Client, http};
use crate::{
    daemon,
    error::{Error, chain},
    machine::{MachineState, MachineStatus},
    port::{PublishedPort, SharePorts},
    problem::{Code, Problem},
};
use ::http::Method;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::BodyDataStream;
use std::pin::pin;
use tokio_util::{
    codec::{FramedRead, LinesCodec},
    io::StreamReader,
};

/// The longest line of the event stream, bytes.
const MAX_LINE: usize = 1 << 20;

impl Client {
    /// The machine's state. Without a berthd that is [`MachineState::Stopped`], not an error.
    ///
    /// # Errors
    /// When the socket answers nonsense or belongs to another user.
    pub async fn status(&self) -> Result<MachineStatus, Error> {
        match http::json(&self.home, Method::GET, "/berth/v1/machine").await {
            Err(Error::Unreachable { source, .. }) if source.kind() != std::io::ErrorKind::PermissionDenied => {
                Ok(MachineStatus::stopped(&self.home))
            }
            answer => answer,
        }
    }

    /// Asks a running berthd to start the machine; answers at once with the new state.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn start(&self) -> Result<MachineStatus, Error> {
        http::json(&self.home, Method::POST, "/berth/v1/machine/start").await
    }

    /// Stops the machine in order; answers when it is stopped.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn stop(&self) -> Result<MachineStatus, Error> {
        http::json(&self.home, Method::POST, "/berth/v1/machine/stop").await
    }

    /// Stops the machine, ends berthd and waits until it is gone. Without a berthd there is nothing to do.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn shutdown(&self) -> Result<(), Error> {
        match http::send(&self.home, Method::POST, "/berth/v1/shutdown").await {
            Ok(answer) => http::body(answer).await.map(drop)?,
            Err(Error::Unreachable { source, .. }) if source.kind() != std::io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
        daemon::wait_until_gone(&self.home).await
    }

    /// Starts berthd when none answers, starts the machine when it does not run, and waits until it does.
    /// `on_change` sees every state on the way, so that steps can be shown.
    ///
    /// # Errors
    /// The problem of the failing step.
    pub async fn ensure_running(&self, mut on_change: impl FnMut(&MachineStatus)) -> Result<MachineStatus, Error> {
        daemon::start(&self.home).await?;
        let first = self.start().await?;
        on_change(&first);
        if first.state == MachineState::Running {
            return Ok(first);
        }
        let mut events = pin!(self.events().await?);
        while let Some(status) = events.next().await {
            let status = status?;
            on_change(&status);
            match status.state {
                MachineState::Running => return Ok(status),
                MachineState::Failed => {
                    let unknown = || Problem::new(Code::MachineFailed, "the Berth machine failed and left no reason");
                    return Err(status.error.unwrap_or_else(unknown).into());
                }
                MachineState::Stopped => {
                    let message = "the Berth machine was stopped while it started";
                    return Err(Problem::new(Code::MachineStopped, message).into());
                }
                MachineState::Starting | MachineState::Stopping => {}
            }
        }
        Err(Error::Broken("berthd ended".into()))
    }

    /// The machine's state now and after every change, until berthd ends.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn events(&self) -> Result<impl Stream<Item = Result<MachineStatus, Error>> + use<>, Error> {
        self.lines("/berth/v1/events").await
    }

    /// What the guest wrote on its console since its start; with `follow`, also what it writes from now on.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn console(&self, follow: bool) -> Result<impl Stream<Item = Result<Bytes, Error>> + use<>, Error> {
        let path = format!("/berth/v1/console?follow={}", u8::from(follow));
        let response = http::send(&self.home, Method::GET, &path).await?;
        Ok(http::pieces(response))
    }

    /// The published ports and how they are.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn ports(&self) -> Result<Vec<PublishedPort>, Error> {
        http::json(&self.home, Method::GET, "/berth/v1/ports").await
    }

    /// The published ports now and after every change, until berthd ends.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn port_events(&self) -> Result<impl Stream<Item = Result<Vec<PublishedPort>, Error>> + use<>, Error> {
        self.lines("/berth/v1/ports/events").await
    }

    /// Opens ports to everyone in the network, or to this computer only, at once and for good; the ports after that.
    ///
    /// # Errors
    /// A port that cannot be had there, and those of every request; nothing was changed.
    pub async fn share_ports(&self, wish: &SharePorts) -> Result<Vec<PublishedPort>, Error> {
        http::post(&self.home, "/berth/v1/ports/share", wish).await
    }

    /// A stream with a value in JSON on each line.
    async fn lines<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<T, Error>> + use<T>, Error> {
        let response = http::send(&self.home, Method::GET, path).await?;
        let bytes = BodyDataStream::new(response.into_body()).map_err(std::io::Error::other);
        let lines = FramedRead::new(StreamReader::new(bytes), LinesCodec::new_with_max_length(MAX_LINE));
        Ok(lines.map(|line| {
            let line = line.map_err(|error| Error::Broken(chain(&error)))?;
            serde_json::from_str(&line).map_err(|error| Error::Broken(error.to_string()))
        }))
    }
}
