//! The stream over which the guest's packets come. The host opens it, opens it again when it breaks, and has the gateway
//! serve it.

use super::Guest;
use berth_machine::{ConnectError, handshake::OpenError};
use berth_net::{Gateway, Settings, link::StreamLink};
use berth_protocol::port;
use std::time::Duration;

/// How long the guest may take to listen; its end is being restarted when it does not.
const LISTENING: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the guest's packets until the machine is gone. Flows outlive a stream, and end with this.
pub async fn serve(guest: Guest, settings: Settings) {
    let mut gateway = Gateway::new(settings);
    loop {
        match guest.open_when_listening(port::UPLINK, LISTENING).await {
            Ok(channel) => match gateway.serve(StreamLink::new(channel)).await {
                Ok(()) => tracing::info!("the guest closed the stream of its packets"),
                Err(error) => tracing::warn!(%error, "the stream of the guest's packets broke"),
            },
            Err(OpenError::Connect(ConnectError::Gone)) => return,
            Err(error) => tracing::warn!(%error, "the stream of the guest's packets does not open"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
