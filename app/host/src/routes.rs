//! The subnets that this host has routes to, such as a VPN's: the engine gives none of them to a network of containers, so
//! that containers reach what is there.

use ipnet::IpNet;
use route_manager::{AsyncRouteListener, RouteManager};
use std::{io, time::Duration};
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

/// After a change: one that takes a VPN up changes many routes.
const SETTLED: Duration = Duration::from_millis(500);
/// Between two looks where the system tells of no change.
const WITHOUT_NEWS: Duration = Duration::from_secs(30);

/// The subnets now; none where the system does not tell them.
#[must_use]
pub(crate) fn read() -> Vec<IpNet> {
    let listed = RouteManager::new().and_then(|mut routes| routes.list());
    match listed {
        Ok(routes) => subnets(routes.iter().filter_map(|route| IpNet::new(route.destination(), route.prefix()).ok())),
        Err(error) => {
            tracing::warn!(%error, "the routes of this host cannot be read: networks of containers may collide with them");
            vec![]
        }
    }
}

/// Keeps `found` up to date until nobody looks any more.
pub(crate) async fn watch(found: watch::Sender<Vec<IpNet>>) {
    loop {
        if let Err(error) = follow(&found).await {
            tracing::debug!(%error, "no news of this host's routes");
        }
        sleep(WITHOUT_NEWS).await;
        refresh(&found).await;
    }
}

async fn follow(found: &watch::Sender<Vec<IpNet>>) -> io::Result<()> {
    let mut listener = AsyncRouteListener::new()?;
    loop {
        listener.listen().await?;
        sleep(SETTLED).await;
        refresh(found).await;
    }
}

async fn refresh(found: &watch::Sender<Vec<IpNet>>) {
    let Ok(now) = spawn_blocking(read).await else { return };
    found.send_if_modified(|before| {
        let changed = *before != now;
        if changed {
            tracing::info!(routes = ?now, "the routes of this host changed");
            *before = now;
        }
        changed
    });
}

/// Those that a network of containers could collide with, each once: not the way to everything else, in one or two
/// halves, nor what never leaves this host or its links.
fn subnets(routes: impl Iterator<Item = IpNet>) -> Vec<IpNet> {
    let stays = |net: &IpNet| match net {
        IpNet::V4(net) => {
            let address = net.addr();
            address.is_loopback() || address.is_link_local() || address.is_multicast() || address.is_broadcast()
        }
        IpNet::V6(net) => {
            let address = net.addr();
            address.is_loopback() || address.is_unicast_link_local() || address.is_multicast()
        }
    };
    let nets: Vec<IpNet> = routes.map(|net| net.trunc()).filter(|net| net.prefix_len() > 1 && !stays(net)).collect();
    IpNet::aggregate(&nets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_leads_everywhere_or_nowhere_is_left_out_and_the_rest_is_told_once() {
        let routes = nets(&[
            "0.0.0.0/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "::/0",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "224.0.0.0/4",
            "fe80::/64",
            "ff00::/8",
            "::1/128",
            "10.8.0.0/16",
            "10.8.3.7/32",
            "10.8.255.255/32",
            "172.20.0.0/15",
            "fd00:8::/48",
        ]);
        assert_eq!(subnets(routes.into_iter()), nets(&["10.8.0.0/16", "172.20.0.0/15", "fd00:8::/48"]));
    }

    #[test]
    fn this_hosts_routes_can_be_read() {
        let routes = read();
        assert!(routes.iter().all(|net| net.prefix_len() > 1), "{routes:?}");
    }
}
