//! A host without sockets.

use crate::seam::{PortPublisher, PublishError};
use async_trait::async_trait;
use berth_protocol::publish::Publication;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Mutex,
};

/// The first port that is given when any will do.
const FIRST_FREE: u16 = 49153;

#[derive(Default)]
pub struct FakePorts {
    published: Mutex<Vec<Publication>>,
}

impl FakePorts {
    /// What is published, as container and host port.
    pub fn published(&self) -> Vec<(String, u16)> {
        self.published.lock().unwrap().iter().map(|p| (p.container.clone(), p.host_port)).collect()
    }

    /// Where what is published leads.
    pub fn targets(&self) -> Vec<SocketAddr> {
        self.published.lock().unwrap().iter().map(|publication| publication.target).collect()
    }

    /// The engine died: another asks anew.
    pub fn forget(&self) {
        self.published.lock().unwrap().clear();
    }
}

#[async_trait]
impl PortPublisher for FakePorts {
    async fn publish(&self, mut publications: Vec<Publication>) -> Result<Vec<Vec<SocketAddr>>, PublishError> {
        let mut published = self.published.lock().unwrap();
        let mut addresses = Vec::new();
        for publication in &mut publications {
            if publication.host_port == 0 {
                let highest = published.iter().map(|p| p.host_port).filter(|port| *port >= FIRST_FREE).max();
                publication.host_port = highest.map_or(FIRST_FREE, |port| port + 1);
            } else if published.iter().any(|p| p.host_port == publication.host_port) {
                let port = publication.host_port;
                return Err(PublishError::Refused(format!(
                    "Bind for 127.0.0.1:{port} failed: port is already allocated"
                )));
            }
            let ip = publication.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            addresses.push(vec![SocketAddr::new(ip, publication.host_port)]);
        }
        published.extend(publications);
        Ok(addresses)
    }

    async fn withdraw(&self, container: &str) {
        self.published.lock().unwrap().retain(|publication| publication.container != container);
    }

    fn adopt(&self, publications: Vec<Publication>) {
        self.published.lock().unwrap().extend(publications);
    }
}
