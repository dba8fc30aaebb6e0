//! Interfaces, addresses and routes, over netlink.

use crate::{DefaultRoute, Error, IpvlanFlag, IpvlanMode, MacAddress, MacvlanMode};
use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::{
    Handle, LinkBridge, LinkBridgePort, LinkDummy, LinkIpVlan, LinkMacVlan, LinkMessageBuilder, LinkUnspec, LinkVeth,
    LinkVlan, RouteMessageBuilder,
    packet_route::{
        link::{
            InfoData, InfoKind, InfoVeth, IpVlanFlags, IpVlanMode, LinkAttribute, LinkInfo, LinkLayerType, LinkMessage,
            MacVlanMode,
        },
        route::{RouteMessage, RouteScope},
    },
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsRawFd, BorrowedFd},
};

const EEXIST: i32 = 17;
const ENODEV: i32 = 19;
const EOPNOTSUPP: i32 = 95;

/// The index of an interface; `None` when there is none of that name.
pub(crate) async fn index(handle: &Handle, name: &str) -> Result<Option<u32>, Error> {
    Ok(look(handle, name).await?.map(|link| link.header.index))
}

/// Whether an interface carries Ethernet frames.
pub(crate) async fn is_ethernet(handle: &Handle, name: &str) -> Result<bool, Error> {
    Ok(look(handle, name).await?.is_some_and(|link| link.header.link_layer_type == LinkLayerType::Ether))
}

async fn look(handle: &Handle, name: &str) -> Result<Option<LinkMessage>, Error> {
    match handle.link().get().match_name(name).execute().try_next().await {
        Ok(link) => Ok(link),
        Err(e) if is(&e, ENODEV) => Ok(None),
        Err(e) => Err(Error::netlink("look up an interface")(e)),
    }
}

/// Makes sure that a bridge is there. It is not up yet.
pub(crate) async fn ensure_bridge(
    handle: &Handle,
    name: &str,
    mac: MacAddress,
    mtu: Option<u32>,
) -> Result<u32, Error> {
    // A bridge without an address of its own takes that of its lowest port, and every port that comes or goes would
    // empty the neighbour tables of the others.
    let message = with_mtu(LinkBridge::new(name).address(mac.0.to_vec()), mtu).build();
    match handle.link().add(message).execute().await {
        Err(e) if !is(&e, EEXIST) => return Err(Error::netlink("make the bridge")(e)),
        _ => {}
    }
    let link = look(handle, name).await?.ok_or_else(|| Error::gone("find the bridge"))?;
    if is_bridge(&link) { Ok(link.header.index) } else { Err(Error::NotABridge(name.to_owned())) }
}

fn is_bridge(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Bridge)),
        _ => false,
    })
}

/// Makes sure that an interface that leads nowhere is there and up.
pub(crate) async fn ensure_dummy(handle: &Handle, name: &str) -> Result<u32, Error> {
    match handle.link().add(LinkDummy::new(name).up().build()).execute().await {
        Err(e) if is(&e, EOPNOTSUPP) => return Err(Error::NoModule("dummy")),
        Err(e) if !is(&e, EEXIST) => return Err(Error::netlink("make an interface that leads nowhere")(e)),
        _ => {}
    }
    index(handle, name).await?.ok_or_else(|| Error::gone("find an interface that leads nowhere"))
}

/// Makes a VLAN of an interface, up.
pub(crate) async fn add_vlan(handle: &Handle, name: &str, below: u32, id: u16) -> Result<u32, Error> {
    match handle.link().add(LinkVlan::new(name, below, id).up().build()).execute().await {
        Err(e) if is(&e, EOPNOTSUPP) => return Err(Error::NoModule("VLAN")),
        Err(e) if !is(&e, EEXIST) => return Err(Error::netlink("make a VLAN")(e)),
        _ => {}
    }
    index(handle, name).await?.ok_or_else(|| Error::gone("find a VLAN"))
}

/// Gives an interface an address; one that it has already is no error.
pub(crate) async fn add_address(handle: &Handle, index: u32, address: IpNet) -> Result<(), Error> {
    match handle.address().add(index, address.addr(), address.prefix_len()).execute().await {
        Err(e) if !is(&e, EEXIST) => Err(Error::netlink("set an address")(e)),
        _ => Ok(()),
    }
}

/// Brings an interface up.
pub(crate) async fn set_up(handle: &Handle, index: u32) -> Result<(), Error> {
    let message = LinkUnspec::new_with_index(index).up().build();
    handle.link().set(message).execute().await.map_err(Error::netlink("bring an interface up"))
}

/// The two ends of a pair.
pub(crate) struct Pair<'a> {
    /// The machine's end.
    pub(crate) outside: &'a str,
    /// The bridge it is on.
    pub(crate) bridge: u32,
    /// The container's end.
    pub(crate) inside: &'a str,
    /// Where that is.
    pub(crate) namespace: BorrowedFd<'a>,
    /// Its address.
    pub(crate) mac: MacAddress,
    /// Of both.
    pub(crate) mtu: Option<u32>,
}

/// Makes a pair of interfaces: one on the bridge and up, the other in the namespace, in one request, so that no name
/// clashes in between.
pub(crate) async fn add_pair(handle: &Handle, pair: Pair<'_>) -> Result<(), Error> {
    let peer = LinkUnspec::new_with_name(pair.inside).address(pair.mac.0.to_vec());
    let peer = with_mtu(peer.setns_by_fd(pair.namespace.as_raw_fd()), pair.mtu).build();
    let veth = LinkVeth::new(pair.outside, pair.inside).set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
    let message = with_mtu(veth.controller(pair.bridge).up(), pair.mtu).build();
    handle.link().add(message).execute().await.map_err(Error::netlink("make a pair of interfaces"))
}

/// Lets a bridge carry nothing from this port to others that are so.
pub(crate) async fn isolate(handle: &Handle, port: &str) -> Result<(), Error> {
    let index = index(handle, port).await?.ok_or_else(|| Error::gone("find a port of the bridge"))?;
    let message = LinkBridgePort::new(index).isolated(true).build();
    handle.link().set_port(message).execute().await.map_err(Error::netlink("isolate a port of the bridge"))
}

/// Makes a macvlan interface in a namespace.
pub(crate) async fn add_macvlan(
    handle: &Handle,
    (name, parent): (&str, u32),
    mode: MacvlanMode,
    mac: MacAddress,
    (namespace, mtu): (BorrowedFd<'_>, Option<u32>),
) -> Result<(), Error> {
    let mode = match mode {
        MacvlanMode::Bridge => MacVlanMode::Bridge,
        MacvlanMode::Private => MacVlanMode::Private,
        MacvlanMode::Vepa => MacVlanMode::Vepa,
        MacvlanMode::Passthru => MacVlanMode::Passthrough,
    };
    let link = LinkMacVlan::new(name, parent, mode).address(mac.0.to_vec());
    let message = with_mtu(link.setns_by_fd(namespace.as_raw_fd()), mtu).build();
    handle.link().add(message).execute().await.map_err(|e| missing("macvlan", "make a macvlan interface", e))
}

/// Makes an ipvlan interface in a namespace.
pub(crate) async fn add_ipvlan(
    handle: &Handle,
    (name, parent): (&str, u32),
    mode: IpvlanMode,
    flag: IpvlanFlag,
    (namespace, mtu): (BorrowedFd<'_>, Option<u32>),
) -> Result<(), Error> {
    let mode = match mode {
        IpvlanMode::L2 => IpVlanMode::L2,
        IpvlanMode::L3 => IpVlanMode::L3,
        IpvlanMode::L3s => IpVlanMode::L3S,
    };
    let flag = match flag {
        IpvlanFlag::Bridge => IpVlanFlags::empty(),
        IpvlanFlag::Private => IpVlanFlags::Private,
        IpvlanFlag::Vepa => IpVlanFlags::Vepa,
    };
    let link = LinkIpVlan::new(name, parent, mode).flag(flag);
    let message = with_mtu(link.setns_by_fd(namespace.as_raw_fd()), mtu).build();
    handle.link().add(message).execute().await.map_err(|e| missing("ipvlan", "make an ipvlan interface", e))
}

/// Gives an interface its addresses and brings it up.
pub(crate) async fn configure(handle: &Handle, name: &str, addresses: &[IpNet]) -> Result<(), Error> {
    let index = index(handle, name).await?.ok_or_else(|| Error::gone("find the container's interface"))?;
    for address in addresses {
        add_address(handle, index, *address).await?;
    }
    set_up(handle, index).await
}

/// Makes a default route be the one of its family.
pub(crate) async fn set_default_route(handle: &Handle, route: &DefaultRoute, v6: bool) -> Result<(), Error> {
    let index = index(handle, &route.interface).await?.ok_or_else(|| Error::gone("find the container's interface"))?;
    let message: RouteMessage = match (route.gateway, v6) {
        (Some(IpAddr::V4(gateway)), _) => via::<Ipv4Addr>(index).gateway(gateway).build(),
        (Some(IpAddr::V6(gateway)), _) => via::<Ipv6Addr>(index).gateway(gateway).build(),
        (None, false) => via::<Ipv4Addr>(index).scope(RouteScope::Link).build(),
        (None, true) => via::<Ipv6Addr>(index).build(),
    };
    handle.route().add(message).replace().execute().await.map_err(Error::netlink("set the default route"))
}

fn via<F>(index: u32) -> RouteMessageBuilder<F>
where
    RouteMessageBuilder<F>: Default,
{
    RouteMessageBuilder::<F>::default().output_interface(index)
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

fn with_mtu<T>(link: LinkMessageBuilder<T>, mtu: Option<u32>) -> LinkMessageBuilder<T> {
    match mtu {
        Some(mtu) => link.mtu(mtu),
        None => link,
    }
}

fn missing(module: &'static str, doing: &'static str, error: rtnetlink::Error) -> Error {
    if is(&error, EOPNOTSUPP) { Error::NoModule(module) } else { Error::netlink(doing)(error) }
}

fn is(error: &rtnetlink::Error, errno: i32) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(message) if message.raw_code() == -errno)
}
