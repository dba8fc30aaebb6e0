//! The stream over which the guest's packets come. The host opens it, opens it again when it breaks, and has the gateway
//! serve it.

use super::{Guest, ended};
use berth_net::{Gateway, Settings, link::StreamLink};
use berth_protocol::port;
use std::time::Duration;

/// Its name in the log.
const WHAT: &str = "the stream of the guest's packets";
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the guest's packets until the machine is gone. Flows outlive a stream, and end with this.
pub async fn serve(guest: Guest, settings: Settings) {
    let mut gateway = Gateway::new(settings);
    while let Some(channel) = guest.open_again(port::UPLINK, WHAT, PAUSE).await {
        ended(WHAT, gateway.serve(StreamLink::new(channel)).await);
        tokio::time::sleep(PAUSE).await;
    }
}
