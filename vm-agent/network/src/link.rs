//! Interfaces, addresses and routes, over netlink.

use crate::{Endpoint, Error, MacAddress};
use futures_util::TryStreamExt;
use rtnetlink::{
    Handle, LinkBridge, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::link::{InfoData, InfoVeth, LinkAttribute},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsRawFd, BorrowedFd},
};

const EEXIST: i32 = 17;
const ENODEV: i32 = 19;

/// The name of a container's own interface.
pub(crate) const INSIDE: &str = "eth0";

/// The index of an interface; `None` when there is none of that name.
pub(crate) async fn index(handle: &Handle, name: &str) -> Result<Option<u32>, Error> {
    match handle.link().get().match_name(name).execute().try_next().await {
        Ok(link) => Ok(link.map(|link| link.header.index)),
        Err(e) if is(&e, ENODEV) => Ok(None),
        Err(e) => Err(Error::netlink("look up an interface")(e)),
    }
}

/// Makes sure that the bridge is there, up, and has its address.
pub(crate) async fn ensure_bridge(
    handle: &Handle,
    name: &str,
    mac: MacAddress,
    gateway: Ipv4Addr,
    prefix: u8,
) -> Result<u32, Error> {
    // A bridge without an address of its own takes that of its lowest port, and every port that comes or goes would
    // empty the neighbour tables of the others.
    let message = LinkBridge::new(name).address(mac.0.to_vec()).build();
    match handle.link().add(message).execute().await {
        Err(e) if !is(&e, EEXIST) => return Err(Error::netlink("make the bridge")(e)),
        _ => {}
    }
    let index = index(handle, name)
        .await?
        .ok_or(Error::Netlink { doing: "find the bridge", why: "it is gone again".to_owned() })?;
    set_up(handle, index).await?;
    add_address(handle, index, gateway, prefix).await?;
    Ok(index)
}

/// Gives an interface an address; one that it has already is no error.
pub(crate) async fn add_address(handle: &Handle, index: u32, address: Ipv4Addr, prefix: u8) -> Result<(), Error> {
    match handle.address().add(index, IpAddr::V4(address), prefix).execute().await {
        Err(e) if !is(&e, EEXIST) => Err(Error::netlink("set an address")(e)),
        _ => Ok(()),
    }
}

/// Brings an interface up.
pub(crate) async fn set_up(handle: &Handle, index: u32) -> Result<(), Error> {
    let message = LinkUnspec::new_with_index(index).up().build();
    handle.link().set(message).execute().await.map_err(Error::netlink("bring an interface up"))
}

/// Makes a pair of interfaces: `outside` on the bridge and up, and [`INSIDE`] in the namespace, in one request, so
/// that no name clashes in between.
pub(crate) async fn add_pair(
    handle: &Handle,
    outside: &str,
    bridge: u32,
    namespace: BorrowedFd<'_>,
    mac: MacAddress,
) -> Result<(), Error> {
    let peer = LinkUnspec::new_with_name(INSIDE).address(mac.0.to_vec()).setns_by_fd(namespace.as_raw_fd()).build();
    let message = LinkVeth::new(outside, INSIDE)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
        .controller(bridge)
        .up()
        .build();
    handle.link().add(message).execute().await.map_err(Error::netlink("make a pair of interfaces"))
}

/// Inside a container's namespace: address, link and default route.
pub(crate) async fn configure_inside(handle: &Handle, endpoint: &Endpoint) -> Result<(), Error> {
    let index = index(handle, INSIDE)
        .await?
        .ok_or(Error::Netlink { doing: "find the container's interface", why: "it is gone".to_owned() })?;
    add_address(handle, index, endpoint.address, endpoint.prefix).await?;
    set_up(handle, index).await?;
    let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(endpoint.gateway).output_interface(index).build();
    handle.route().add(route).execute().await.map_err(Error::netlink("set the default route"))
}

/// Removes an interface; one that is gone is no error.
pub(crate) async fn remove(handle: &Handle, name: &str) -> Result<(), Error> {
    let Some(index) = index(handle, name).await? else { return Ok(()) };
    match handle.link().del(index).execute().await {
        Err(e) if !is(&e, ENODEV) => Err(Error::netlink("remove an interface")(e)),
        _ => Ok(()),
    }
}

/// The names of all interfaces.
pub(crate) async fn names(handle: &Handle) -> Result<Vec<String>, Error> {
    let links: Vec<_> = handle.link().get().execute().try_collect().await.map_err(Error::netlink("list interfaces"))?;
    Ok(links
        .into_iter()
        .filter_map(|link| {
            link.attributes.into_iter().find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name),
                _ => None,
            })
        })
        .collect())
}

fn is(error: &rtnetlink::Error, errno: i32) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(message) if message.raw_code() == -errno)
}
