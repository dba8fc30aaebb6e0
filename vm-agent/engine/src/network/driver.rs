//! Drivers and their options, under docker's names.

use super::{BRIDGE, NetworkRow};
use crate::{Error, Result};
use berth_network::{IpvlanFlag, IpvlanMode, MacvlanMode, NAME_MAX, NetworkKind, Parent, bridge_name};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, net::IpAddr};

const NAME: &str = "com.docker.network.bridge.name";
const ICC: &str = "com.docker.network.bridge.enable_icc";
const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
const MTU: &str = "com.docker.network.driver.mtu";
const PREFIX: &str = "com.docker.network.container_iface_prefix";
const IFNAME: &str = "com.docker.network.endpoint.ifname";
const SYSCTLS: &str = "com.docker.network.endpoint.sysctls";
/// The name of the default network's bridge.
const DEFAULT_BRIDGE: &str = "berth0";

/// Who makes a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Driver {
    Bridge,
    Macvlan,
    Ipvlan,
    Host,
    Null,
}

impl Driver {
    /// The driver that a request names.
    ///
    /// # Errors
    /// Docker's sentences.
    pub(crate) fn read(name: &str) -> Result<Self> {
        match name {
            "" | "bridge" => Ok(Self::Bridge),
            "macvlan" => Ok(Self::Macvlan),
            "ipvlan" => Ok(Self::Ipvlan),
            "host" | "null" => Err(Error::Forbidden(format!("only one instance of \"{name}\" network is allowed"))),
            "overlay" => Err(Error::Forbidden(
                "This node is not a swarm manager. Berth has no swarms: use a bridge network.".to_owned(),
            )),
            other => Err(Error::NotFound(format!("plugin {other:?} not found"))),
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bridge => "bridge",
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
            Self::Host => "host",
            Self::Null => "null",
        })
    }
}

/// How the kernel makes a network; `None` for one that it has anyway. With the size of its packets.
///
/// # Errors
/// Options that make no sense.
pub(crate) fn plan(row: &NetworkRow) -> Result<Option<(NetworkKind, Option<u32>)>> {
    let options = &row.options;
    let kind = match row.driver {
        Driver::Host | Driver::Null => return Ok(None),
        Driver::Bridge => {
            host_binding(options)?;
            let internal = |e: berth_network::Error| Error::Internal(e.to_string());
            let name = match options.get(NAME).filter(|name| !name.is_empty()) {
                Some(name) => interface_name(name)?.to_owned(),
                None if row.name == BRIDGE => DEFAULT_BRIDGE.to_owned(),
                None => bridge_name(&row.id).map_err(internal)?,
            };
            NetworkKind::Bridge { name, talk: switch(options, ICC)?, masquerade: switch(options, MASQUERADE)? }
        }
        Driver::Macvlan => {
            NetworkKind::Macvlan { parent: parent(row)?, mode: choose(options, "macvlan_mode", &MACVLAN_MODES)? }
        }
        Driver::Ipvlan => NetworkKind::Ipvlan {
            parent: parent(row)?,
            mode: choose(options, "ipvlan_mode", &IPVLAN_MODES)?,
            flag: choose(options, "ipvlan_flag", &IPVLAN_FLAGS)?,
        },
    };
    prefix(options)?;
    let mtu = options.get(MTU).map(|text| {
        let mtu = text.parse().ok().filter(|mtu| (68..=65_535).contains(mtu));
        mtu.ok_or_else(|| bad_option(MTU, text, "use a number of bytes from 68 to 65535"))
    });
    Ok(Some((kind, mtu.transpose()?)))
}

/// The address of the host that ports are published on when a container names none.
///
/// # Errors
/// An option that is no address.
pub(crate) fn host_binding(options: &BTreeMap<String, String>) -> Result<Option<IpAddr>> {
    let Some(text) = options.get(HOST_BINDING).filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| bad_option(HOST_BINDING, text, "use an IP address"))
}

/// The beginning of the names of a network's interfaces in containers.
pub(crate) fn prefix(options: &BTreeMap<String, String>) -> Result<&str> {
    match options.get(PREFIX).filter(|prefix| !prefix.is_empty()) {
        // A number follows.
        Some(prefix) if prefix.len() <= NAME_MAX - 3 => interface_name(prefix),
        Some(prefix) => Err(bad_option(PREFIX, prefix, "use at most 12 characters")),
        None => Ok("eth"),
    }
}

/// The name that an endpoint asks for its interface.
///
/// # Errors
/// One that the kernel would not take.
pub(crate) fn asked_name(options: &BTreeMap<String, String>) -> Result<Option<&str>> {
    options.get(IFNAME).map(|name| interface_name(name)).transpose()
}

/// The kernel's settings that an endpoint asks for its interface, `net.ipv4.conf.IFNAME.log_martians=1`, as files below
/// `/proc/sys/net` with their values.
///
/// # Errors
/// One that is not the interface's own.
pub(crate) fn asked_sysctls(options: &BTreeMap<String, String>, interface: &str) -> Result<Vec<(String, String)>> {
    let asked = options.get(SYSCTLS).map(String::as_str).unwrap_or_default();
    let read = |text: &str| {
        let (key, value) = text.split_once('=')?;
        let parts: Vec<&str> = key.trim().split('.').collect();
        let ["net", family @ ("ipv4" | "ipv6"), kind @ ("conf" | "neigh"), "IFNAME", name] = parts[..] else {
            return None;
        };
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        plain.then(|| (format!("{family}/{kind}/{interface}/{name}"), value.trim().to_owned()))
    };
    let wrong = |text| bad_option(SYSCTLS, text, "use net.ipv4.conf.IFNAME.NAME=VALUE, with commas between several");
    asked.split(',').filter(|text| !text.is_empty()).map(|text| read(text).ok_or_else(|| wrong(text))).collect()
}

/// Docker's options of the default network, with what it has anyway.
pub(crate) fn default_options() -> BTreeMap<String, String> {
    [
        ("com.docker.network.bridge.default_bridge", "true"),
        (ICC, "true"),
        (MASQUERADE, "true"),
        (NAME, DEFAULT_BRIDGE),
        (MTU, "1500"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

const MACVLAN_MODES: [(&str, MacvlanMode); 4] = [
    ("bridge", MacvlanMode::Bridge),
    ("private", MacvlanMode::Private),
    ("vepa", MacvlanMode::Vepa),
    ("passthru", MacvlanMode::Passthru),
];
const IPVLAN_MODES: [(&str, IpvlanMode); 3] =
    [("l2", IpvlanMode::L2), ("l3", IpvlanMode::L3), ("l3s", IpvlanMode::L3s)];
const IPVLAN_FLAGS: [(&str, IpvlanFlag); 3] =
    [("bridge", IpvlanFlag::Bridge), ("private", IpvlanFlag::Private), ("vepa", IpvlanFlag::Vepa)];

/// Docker's sentences, for the first of a list too, which is the driver's default.
fn choose<T: Copy>(options: &BTreeMap<String, String>, key: &str, modes: &[(&str, T)]) -> Result<T> {
    let asked = options.get(key).map(String::as_str).unwrap_or_default();
    let (default, first) = modes[0];
    if asked.is_empty() {
        return Ok(first);
    }
    let (driver, what) = key.split_once('_').unwrap_or((key, "mode"));
    let found = modes.iter().find(|(name, _)| *name == asked).map(|(_, mode)| *mode);
    found.ok_or_else(|| {
        Error::InvalidParameter(format!(
            "requested {driver} {what} '{asked}' is not valid, '{default}' {what} is the {driver} driver default"
        ))
    })
}

fn parent(row: &NetworkRow) -> Result<Parent> {
    match row.options.get("parent").filter(|name| !name.is_empty()) {
        None => Ok(Parent::Own),
        Some(name) if name == "lo" => {
            Err(Error::InvalidParameter(format!("loopback interface is not a valid {} parent link", row.driver)))
        }
        Some(name) => interface_name(name).map(|name| Parent::Named(name.to_owned())),
    }
}

/// Docker's switches are Go's booleans; absent is on.
fn switch(options: &BTreeMap<String, String>, key: &str) -> Result<bool> {
    match options.get(key).map(String::as_str) {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(text) => Err(Error::InvalidParameter(format!(
            "failed to parse {key} value: {text:?} (strconv.ParseBool: parsing {text:?}: invalid syntax)"
        ))),
    }
}

fn interface_name(name: &str) -> Result<&str> {
    let plain = name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'"' && b != b'\\');
    if plain && !name.is_empty() && name.len() <= NAME_MAX && name != "." && name != ".." {
        Ok(name)
    } else {
        Err(Error::InvalidParameter(format!(
            "{name:?} cannot name an interface: use at most {NAME_MAX} letters, digits, dots and dashes"
        )))
    }
}

fn bad_option(key: &str, text: &str, instead: &str) -> Error {
    Error::InvalidParameter(format!("invalid value for {key}: {text:?}: {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn planned(driver: Driver, options: &[(&str, &str)]) -> Result<Option<(NetworkKind, Option<u32>)>> {
        plan(&NetworkRow {
            id: "ab".repeat(32),
            name: "mine".into(),
            created: Timestamp(0),
            driver,
            subnets: vec![],
            internal: false,
            attachable: false,
            ipam_options: BTreeMap::new(),
            options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            labels: BTreeMap::new(),
        })
    }

    #[test]
    fn options_are_dockers() {
        let bridge = |name: &str, talk, masquerade| NetworkKind::Bridge { name: name.into(), talk, masquerade };
        assert_eq!(planned(Driver::Bridge, &[]).unwrap(), Some((bridge("br-abababababab", true, true), None)));
        let options = [(NAME, "lan0"), (ICC, "false"), (MASQUERADE, "0"), (MTU, "1400"), (PREFIX, "net")];
        assert_eq!(planned(Driver::Bridge, &options).unwrap(), Some((bridge("lan0", false, false), Some(1400))));
        let kind = planned(Driver::Macvlan, &[("parent", "eth0.7"), ("macvlan_mode", "vepa")]).unwrap().unwrap().0;
        assert_eq!(kind, NetworkKind::Macvlan { parent: Parent::Named("eth0.7".into()), mode: MacvlanMode::Vepa });
        assert_eq!(planned(Driver::Null, &[]).unwrap(), None);
    }

    #[test]
    fn options_that_make_no_sense_are_told() {
        for (driver, option, expected) in [
            (Driver::Bridge, (ICC, "si"), "failed to parse com.docker.network.bridge.enable_icc value: \"si\""),
            (Driver::Bridge, (MTU, "9"), "invalid value for com.docker.network.driver.mtu: \"9\""),
            (Driver::Bridge, (NAME, "a/../b"), "cannot name an interface"),
            (Driver::Bridge, (NAME, "sixteen-letters-"), "cannot name an interface"),
            (Driver::Bridge, (NAME, "x\" accept"), "cannot name an interface"),
            (Driver::Bridge, (HOST_BINDING, "here"), "use an IP address"),
            (Driver::Macvlan, ("macvlan_mode", "x"), "requested macvlan mode 'x' is not valid, 'bridge' mode is the"),
            (Driver::Ipvlan, ("parent", "lo"), "loopback interface is not a valid ipvlan parent link"),
        ] {
            let said = planned(driver, &[option]).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        let sysctls = |text: &str| asked_sysctls(&BTreeMap::from([(SYSCTLS.to_owned(), text.to_owned())]), "eth1");
        assert_eq!(
            sysctls("net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.IFNAME.ucast_solicit=2").unwrap()[1],
            ("ipv6/neigh/eth1/ucast_solicit".to_owned(), "2".to_owned())
        );
        for bad in ["x", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.forwarding=1", "net.ipv4.conf.IFNAME.a/b=1"] {
            assert!(sysctls(bad).unwrap_err().to_string().contains("use net.ipv4.conf.IFNAME.NAME=VALUE"), "{bad}");
        }
        assert_eq!(Driver::read("weave").unwrap_err().to_string(), "plugin \"weave\" not found");
    }
}
