//! Requests to PID 1 of the guest.

use super::Guest;
use berth_machine::{
    framing::{self, FramingError},
    handshake::OpenError,
};
use berth_protocol::{
    control::{Reply, Report, Request},
    port,
};
use std::time::Duration;

/// How long PID 1 may take to answer, once it listens.
const ANSWER: Duration = Duration::from_secs(10);

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No stream.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The stream broke.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// Nothing came.
    #[error("the agent in the guest did not answer in time")]
    TimedOut,
    /// It understood and failed.
    #[error("the agent in the guest failed: {0}")]
    Failed(String),
    /// It hung up, or answered something else.
    #[error("the agent in the guest gave no answer to that request")]
    NoAnswer,
}

impl Guest {
    /// How the boot went, as PID 1 saw it.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn report(&self) -> Result<Report, ControlError> {
        match self.ask(&Request::Report).await? {
            Reply::Report(report) => Ok(report),
            _ => Err(ControlError::NoAnswer),
        }
    }

    /// Sets the guest's clock; gives by how much it was moved, nanoseconds, positive when it was behind.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn set_clock(&self, unix_nanos: impl Fn() -> u64 + Send) -> Result<i64, ControlError> {
        let mut channel = self.open(port::CONTROL, ANSWER).await?;
        // Read as late as possible: what connecting took must not become the clock's error.
        let request = Request::SetClock { unix_nanos: unix_nanos() };
        match exchange(&mut channel, &request).await? {
            Reply::Clock { moved_nanos } => Ok(moved_nanos),
            _ => Err(ControlError::NoAnswer),
        }
    }

    /// Begins the orderly end of the guest.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn shut_down(&self, grace: Duration) -> Result<(), ControlError> {
        let grace_seconds = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX);
        match self.ask(&Request::Shutdown { grace_seconds }).await? {
            Reply::ShuttingDown => Ok(()),
            _ => Err(ControlError::NoAnswer),
        }
    }

    async fn ask(&self, request: &Request) -> Result<Reply, ControlError> {
        let mut channel = self.open(port::CONTROL, ANSWER).await?;
        exchange(&mut channel, request).await
    }
}

async fn exchange(channel: &mut Box<dyn berth_machine::Channel>, request: &Request) -> Result<Reply, ControlError> {
    let answer = async {
        framing::write(channel, request).await?;
        framing::read(channel).await
    };
    match tokio::time::timeout(ANSWER, answer).await.map_err(|_| ControlError::TimedOut)?? {
        Some(Reply::Failed { why }) => Err(ControlError::Failed(why)),
        Some(reply) => Ok(reply),
        None => Err(ControlError::NoAnswer),
    }
}
