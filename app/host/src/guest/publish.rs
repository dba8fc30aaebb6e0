//! The stream over which the engine asks for published ports. The host opens it, opens it again when it breaks, and
//! answers what comes.

use super::Guest;
use crate::ports::Ports;
use berth_machine::{
    Channel, ConnectError,
    framing::{self, FramingError},
    handshake::OpenError,
};
use berth_protocol::{
    port,
    publish::{Ask, Outcome, Reply, Request},
};
use std::{sync::Arc, time::Duration};

/// How long the engine may take to listen; it is being restarted when it does not.
const LISTENING: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves the engine's wishes until the machine is gone.
pub async fn serve(guest: Guest, ports: Arc<Ports>) {
    loop {
        match guest.open_when_listening(port::PUBLISH, LISTENING).await {
            Ok(mut channel) => match answer(&mut channel, &ports).await {
                Ok(()) => tracing::info!("the engine closed the publish stream"),
                Err(error) => tracing::warn!(%error, "the publish stream broke"),
            },
            Err(OpenError::Connect(ConnectError::Gone)) => return,
            Err(error) => tracing::warn!(%error, "the publish stream does not open"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn answer(channel: &mut Box<dyn Channel>, ports: &Ports) -> Result<(), FramingError> {
    while let Some(Request { id, ask }) = framing::read(channel).await? {
        tracing::debug!(?ask, "the engine asks");
        let outcome = match ask {
            Ask::Publish(wanted) => match ports.publish(&wanted).await {
                Ok(addresses) => Outcome::Published(addresses),
                Err(refusal) => Outcome::Refused { why: refusal.to_string() },
            },
            Ask::Withdraw { container } => {
                ports.withdraw(&container);
                Outcome::Done
            }
            Ask::Resync(wanted) => Outcome::Published(ports.resync(&wanted).await),
        };
        framing::write(channel, &Reply { id, outcome }).await?;
    }
    Ok(())
}
