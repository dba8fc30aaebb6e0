//! `boot.json`: what one boot of the guest is told. The host appends it to the initramfs as a small cpio archive;
//! PID 1 reads it once and unlinks it, so that nothing secret is on the kernel command line or left on a filesystem.

use crate::{
    settings::{EngineSettings, RegistryCertificates},
    uplink,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

/// Where the file stands in the initramfs.
pub const PATH: &str = "/boot.json";

/// The whole of `boot.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootConfig {
    /// The key of every handshake of this boot.
    pub secret: Secret,
    /// Host wall clock at the start of the VM, nanoseconds since the Unix epoch.
    pub clock_unix_nanos: u64,
    /// The guest's host name.
    pub hostname: String,
    /// How the guest reaches the outside.
    pub uplink: Uplink,
    /// Certificate authorities of the host in PEM form, trusted besides the ones in the image.
    #[serde(default)]
    pub ca_roots_pem: Vec<String>,
    /// What the user keeps for single registries, by host and port as in an image's name.
    #[serde(default)]
    pub registry_certificates: BTreeMap<String, RegistryCertificates>,
    /// What the user sets for every container.
    #[serde(default)]
    pub engine: EngineSettings,
    /// Subnets that the host has routes to, such as a VPN's: the engine gives none of them to a network.
    #[serde(default)]
    pub host_routes: Vec<IpNet>,
}

/// How frames leave the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Uplink {
    /// A network device with a fixed address. No DHCP: the host chose the numbers.
    Device(DeviceUplink),
    /// A device of the guest's own, whose packets travel over [`crate::port::UPLINK`]; the numbers are those of
    /// [`uplink`].
    Frames,
}

impl Uplink {
    /// Its numbers.
    #[must_use]
    pub fn numbers(&self) -> DeviceUplink {
        match self {
            Self::Device(device) => device.clone(),
            Self::Frames => DeviceUplink {
                interface: uplink::INTERFACE.into(),
                address: uplink::GUEST.into(),
                prefix: uplink::PREFIX,
                gateway: uplink::GATEWAY.into(),
                dns: vec![uplink::GATEWAY.into()],
                host: uplink::HOST.into(),
            },
        }
    }
}

/// The numbers of an [`Uplink`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceUplink {
    /// Interface name in the guest, such as `eth0`.
    pub interface: String,
    /// The guest's address.
    pub address: IpAddr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
    /// Default route.
    pub gateway: IpAddr,
    /// Resolvers, in order.
    pub dns: Vec<IpAddr>,
    /// The address under which the host's own loopback services answer.
    pub host: IpAddr,
}

/// 32 random bytes, new for each boot. Printed nowhere: its `Debug` shows no byte.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(#[serde(with = "hex::serde")] [u8; 32]);

impl Secret {
    /// A secret from bytes of the caller's random source.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key bytes, for the handshake.
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_file_survives_the_round_trip_and_hides_its_secret_from_debug() {
        let boot = BootConfig {
            secret: Secret::new([0xa5; 32]),
            clock_unix_nanos: 1_800_000_000_000_000_000,
            hostname: "berth".into(),
            uplink: Uplink::Device(DeviceUplink {
                interface: "eth0".into(),
                address: [10, 0, 2, 15].into(),
                prefix: 24,
                gateway: [10, 0, 2, 2].into(),
                dns: vec![[10, 0, 2, 3].into()],
                host: [10, 0, 2, 2].into(),
            }),
            ca_roots_pem: vec![],
            registry_certificates: BTreeMap::new(),
            engine: EngineSettings { init: true, ..EngineSettings::default() },
            host_routes: vec!["10.8.0.0/16".parse().expect("a subnet"), "fd00:8::/32".parse().expect("a subnet")],
        };
        let json = serde_json::to_string(&boot).expect("serialises");
        assert_eq!(serde_json::from_str::<BootConfig>(&json).expect("parses"), boot);
        assert!(!format!("{boot:?}").to_lowercase().contains("a5a5"));
    }
}
