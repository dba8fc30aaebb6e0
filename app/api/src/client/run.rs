//! Running a container from an image, and what is to be known before.

use super::Client;
use crate::{container::RemoveOptions, error::Error, port::PortUse, run::RunRequest};
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener, UdpSocket},
};

impl Client {
    /// Creates a container, pulling its image when it is missing, and starts it; gives its id. Nothing is left of one
    /// that does not start.
    ///
    /// # Errors
    /// Those of pulling, creating and starting.
    pub async fn run(
        &self,
        request: &RunRequest,
        on_progress: impl FnMut(crate::PullProgress),
    ) -> Result<String, Error> {
        let id = self.create_pulling(request, on_progress).await?.id;
        if let Err(error) = self.start_container(&id).await {
            self.remove_container(&id, RemoveOptions { force: true, volumes: true }).await?;
            return Err(error);
        }
        Ok(id)
    }

    /// Who has a port of this computer now. What happens between this and a start decides the start.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn port_use(&self, port: u16, udp: bool) -> Result<PortUse, Error> {
        let protocol = if udp { "udp" } else { "tcp" };
        let published = self.ports().await?;
        let ours = published.into_iter().find(|one| one.host_port == port && one.protocol == protocol);
        if let Some(ours) = ours {
            return Ok(PortUse::Container { name: ours.name });
        }
        let address = (Ipv4Addr::LOCALHOST, port);
        let tried = if udp { UdpSocket::bind(address).map(drop) } else { TcpListener::bind(address).map(drop) };
        Ok(match tried {
            Ok(()) => PortUse::Free,
            // berthd may have what this program may not.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => PortUse::Free,
            Err(_) => PortUse::Program,
        })
    }
}
