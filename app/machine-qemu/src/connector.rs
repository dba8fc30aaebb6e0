//! Connections to the guest through our vsock device.

use async_trait::async_trait;
use berth_machine::{Channel, ConnectError, Connector};
use berth_vmm_virtio::vsock::{DialError, Dialer};
use tokio::time::{Instant, timeout_at};

pub(crate) struct VsockConnector(pub(crate) Dialer);

#[async_trait]
impl Connector for VsockConnector {
    async fn connect(&self, port: u32, deadline: Instant) -> Result<Box<dyn Channel>, ConnectError> {
        match timeout_at(deadline, self.0.dial(port)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(DialError::Refused)) => Err(ConnectError::Refused { port }),
            Ok(Err(DialError::Gone)) => Err(ConnectError::Gone),
            Err(_) => Err(ConnectError::TimedOut { port }),
        }
    }
}
