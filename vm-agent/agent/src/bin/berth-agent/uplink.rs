//! The way out: loopback up, and the address and route the host chose for the network device.

mod netlink;

use berth_protocol::boot::{DeviceUplink, Uplink};
use berth_protocol::uplink;
use netlink::Netlink;
use nix::net::if_::if_nametoindex;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long the kernel may take to show the device.
const APPEAR: Duration = Duration::from_secs(5);

/// Why there is no way out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UplinkError {
    /// The device never appeared.
    #[error("the machine has no network device {0}; its definition is damaged, run: berth down, berth up")]
    Absent(String),
    /// The numbers do not fit each other.
    #[error("the uplink's address {address}/{prefix} and gateway {gateway} do not fit each other")]
    Numbers { address: IpAddr, prefix: u8, gateway: IpAddr },
    /// The kernel refuses.
    #[error("the kernel refuses to {what}")]
    Refused { what: String, source: std::io::Error },
}

/// Brings the loopback device and the uplink up.
pub(crate) fn bring_up(uplink: &Uplink) -> Result<(), UplinkError> {
    let refused = |what: &str| {
        let what = what.to_owned();
        move |source| UplinkError::Refused { what, source }
    };
    let mut netlink = Netlink::open().map_err(refused("open a netlink socket"))?;
    let loopback = if_nametoindex("lo").map_err(|_| UplinkError::Absent("lo".into()))?;
    netlink.set_up(loopback).map_err(refused("bring lo up"))?;
    match uplink {
        Uplink::Frames => frames(&mut netlink),
        Uplink::Device(device) => {
            check(device)?;
            let index = wait_for(&device.interface)?;
            netlink.set_up(index).map_err(refused(&format!("bring {} up", device.interface)))?;
            netlink.add_address(index, device.address, device.prefix).map_err(refused(&format!(
                "give {} the address {}/{}",
                device.interface, device.address, device.prefix
            )))?;
            netlink
                .add_default_route(index, device.gateway)
                .map_err(refused(&format!("route through {}", device.gateway)))
        }
    }
}

/// Makes the device whose packets `berth-uplink` carries.
fn frames(netlink: &mut Netlink) -> Result<(), UplinkError> {
    let refused = |what: &'static str| move |source| UplinkError::Refused { what: what.into(), source };
    // Held until all is set: without a program behind it the device is one whose cable is out.
    let _plugged_in = berth_uplink::make(uplink::INTERFACE).map_err(refused("make the uplink"))?;
    let index = if_nametoindex(uplink::INTERFACE).map_err(|_| UplinkError::Absent(uplink::INTERFACE.into()))?;
    netlink.set_mtu(index, uplink::MTU.into()).map_err(refused("set the size of the uplink's packets"))?;
    netlink.set_up(index).map_err(refused("bring the uplink up"))?;
    for (address, prefix, gateway) in [
        (uplink::GUEST.into(), uplink::PREFIX, uplink::GATEWAY.into()),
        (uplink::GUEST_V6.into(), uplink::PREFIX_V6, uplink::GATEWAY_V6.into()),
    ] {
        netlink.add_address(index, address, prefix).map_err(refused("give the uplink its address"))?;
        netlink.add_default_route(index, gateway).map_err(refused("route through the uplink"))?;
    }
    Ok(())
}

fn check(device: &DeviceUplink) -> Result<(), UplinkError> {
    let longest = if device.address.is_ipv4() { 32 } else { 128 };
    if device.prefix <= longest && device.address.is_ipv4() == device.gateway.is_ipv4() {
        return Ok(());
    }
    Err(UplinkError::Numbers { address: device.address, prefix: device.prefix, gateway: device.gateway })
}

fn wait_for(name: &str) -> Result<u32, UplinkError> {
    let deadline = Instant::now() + APPEAR;
    loop {
        match if_nametoindex(name) {
            Ok(index) => return Ok(index),
            Err(_) if Instant::now() >= deadline => return Err(UplinkError::Absent(name.into())),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(address: [u8; 4], prefix: u8, gateway: IpAddr) -> DeviceUplink {
        DeviceUplink { interface: "eth0".into(), address: address.into(), prefix, gateway, dns: vec![], host: gateway }
    }

    #[test]
    fn numbers_of_two_families_or_beyond_the_address_are_refused() {
        assert!(check(&device([10, 0, 2, 15], 24, [10, 0, 2, 2].into())).is_ok());
        assert!(check(&device([10, 0, 2, 15], 33, [10, 0, 2, 2].into())).is_err());
        assert!(check(&device([10, 0, 2, 15], 24, std::net::Ipv6Addr::LOCALHOST.into())).is_err());
    }
}
