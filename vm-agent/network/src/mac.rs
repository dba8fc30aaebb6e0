//! Ethernet addresses.

use crate::Error;
use std::{fmt, net::Ipv4Addr, str::FromStr};

/// An Ethernet address, written `02:42:ac:11:00:02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The address that follows from an IPv4 address. An IPv4 address that moves to another container keeps its
    /// Ethernet address, so no neighbour table is stale.
    #[must_use]
    pub const fn of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x02, 0x42, a, b, c, d])
    }

    /// The address of what has no IPv4 address: from an id in hex digits.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        let byte = |n: usize| id.get(2 * n..2 * n + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| byte(n).unwrap_or_default());
        Self([0x02, 0x42, a, b, c, d])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadMac(text.to_owned());
        let mut parts = text.split([':', '-']);
        let mut bytes = [0; 6];
        for byte in &mut bytes {
            let digits = parts.next().filter(|digits| digits.len() == 2).ok_or_else(bad)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        }
        // One of a group, or none at all, is no interface's.
        let usable = parts.next().is_none() && bytes[0] & 1 == 0 && bytes != [0; 6];
        if usable { Ok(Self(bytes)) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ethernet_address_is_dockers_for_the_ip() {
        assert_eq!(MacAddress::of(Ipv4Addr::new(172, 17, 0, 2)).to_string(), "02:42:ac:11:00:02");
        assert_eq!(MacAddress::of_id("deadbeef0000").to_string(), "02:42:de:ad:be:ef");
    }

    #[test]
    fn only_an_interfaces_address_is_one() {
        assert_eq!("92-D0-C6-0A-29-33".parse::<MacAddress>().unwrap().to_string(), "92:d0:c6:0a:29:33");
        for bad in ["", "02:42", "02:42:ac:11:00:02:03", "0:42:ac:11:00:02", "xx:42:ac:11:00:02", "01:00:5e:00:00:01"] {
            assert_eq!(
                bad.parse::<MacAddress>().unwrap_err().to_string(),
                format!("address {bad}: invalid MAC address")
            );
        }
    }
}
