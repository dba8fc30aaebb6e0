//! `daemon.json`: what the user sets for every container, under docker's names. The host reads the file at each boot.

mod registries;

pub use registries::{Cidr, ClientCertificate, ProxySettings, RegistryCertificates};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::collections::BTreeMap;

/// The whole of `daemon.json`. What is absent is as the engine has it anyway; what a container asks for itself wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineSettings {
    /// Where the subnets of new networks come from, for each family that is named.
    pub default_address_pools: Vec<AddressPoolSetting>,
    /// `private` or `host`.
    pub default_cgroupns_mode: String,
    /// `private` or `shareable`.
    pub default_ipc_mode: String,
    /// Bytes, as a number or as text with a unit: `64m`.
    #[serde(deserialize_with = "bytes")]
    pub default_shm_size: Option<u64>,
    /// Limits of processes by name, such as `nofile`.
    pub default_ulimits: BTreeMap<String, UlimitSetting>,
    /// Registries that may be spoken to without TLS, or whose certificate nobody knows: `HOST[:PORT]`, or a CIDR of
    /// their addresses.
    pub insecure_registries: Vec<String>,
    /// Runs a small init as PID 1 of every container.
    pub init: bool,
    /// The log driver of a container that asks for none.
    pub log_driver: String,
    /// Its options.
    pub log_opts: BTreeMap<String, String>,
    /// No process gains privileges by executing a file.
    pub no_new_privileges: bool,
    /// How registries are reached.
    pub proxies: ProxySettings,
    /// Asked before docker.io, in order: `https://HOST[:PORT]/`.
    pub registry_mirrors: Vec<String>,
    /// `builtin`, `unconfined`, or a profile: its path in the file, its text once the host has read it.
    pub seccomp_profile: String,
    /// `default`: containers have users of their own, who are nobody on the machine.
    pub userns_remap: String,
}

/// One of [`EngineSettings::default_address_pools`]: a block that is cut into subnets of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressPoolSetting {
    /// The block.
    pub base: IpNet,
    /// Bits of the subnets' prefixes.
    pub size: u8,
}

/// One of [`EngineSettings::default_ulimits`]; -1 is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct UlimitSetting {
    /// Docker's files repeat it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the process begins with.
    pub soft: i64,
    /// What it may raise it to.
    pub hard: i64,
}

impl EngineSettings {
    /// The settings of a `daemon.json`. `open` gives the text of the profile that the file names.
    ///
    /// # Errors
    /// What is wrong, as one clause.
    pub fn read<E: std::fmt::Display>(
        json: &[u8],
        open: impl FnOnce(&str) -> Result<String, E>,
    ) -> Result<Self, String> {
        let mut settings: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        for (key, mode, known) in [
            ("default-cgroupns-mode", &settings.default_cgroupns_mode, ["private", "host"]),
            ("default-ipc-mode", &settings.default_ipc_mode, ["private", "shareable"]),
        ] {
            if !mode.is_empty() && !known.contains(&mode.as_str()) {
                return Err(format!("{key} cannot be {mode:?}: use {:?} or {:?}", known[0], known[1]));
            }
        }
        if !matches!(settings.userns_remap.as_str(), "" | "default") {
            let user = &settings.userns_remap;
            return Err(format!("userns-remap cannot be {user:?}: use \"default\"; the engine chooses the ids"));
        }
        for address in &mut settings.registry_mirrors {
            *address = registries::mirror(address)?;
        }
        for registry in &mut settings.insecure_registries {
            *registry = registries::insecure(registry)?;
        }
        settings.proxies.check()?;
        for AddressPoolSetting { base, size } in &settings.default_address_pools {
            if *size < base.prefix_len() || *size > base.max_prefix_len() - 2 || base.prefix_len() == 0 {
                let (least, most) = (base.prefix_len(), base.max_prefix_len() - 2);
                return Err(format!(
                    "the size of the default-address-pools {base} cannot be {size}: use {least} to {most}"
                ));
            }
        }
        if !matches!(settings.seccomp_profile.as_str(), "" | "builtin" | "unconfined") {
            let opened = open(&settings.seccomp_profile);
            settings.seccomp_profile = opened.map_err(|error| {
                format!("the seccomp-profile {:?} cannot be read: {error}", settings.seccomp_profile)
            })?;
        }
        Ok(settings)
    }
}

/// A number, or text with a unit of 1024s as docker's command line takes it.
fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a size is a number of bytes, or text such as \"64m\"")]
    enum Size {
        None,
        Bytes(u64),
        Text(String),
    }
    let text = match Size::deserialize(from)? {
        Size::None => return Ok(None),
        Size::Bytes(bytes) => return Ok(Some(bytes)),
        Size::Text(text) => text.to_lowercase(),
    };
    let number = text.trim_end_matches('b').trim_end_matches('i');
    let (digits, power) = match number.find(['k', 'm', 'g', 't']) {
        Some(at) if at + 1 == number.len() => (&number[..at], "kmgt".find(&number[at..]).map_or(0, |power| power + 1)),
        _ => (number, 0),
    };
    let size =
        digits.trim().parse::<u64>().ok().and_then(|size| size.checked_mul(1024_u64.pow(u32::try_from(power).ok()?)));
    size.map(Some).ok_or_else(|| D::Error::custom(format!("invalid size: '{text}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<EngineSettings, String> {
        EngineSettings::read(
            json.as_bytes(),
            |path| if path == "/p.json" { Ok("{}".to_owned()) } else { Err("no such file") },
        )
    }

    #[test]
    fn dockers_file_is_understood_and_survives_the_way_to_the_guest() {
        let settings = read(
            r#"{"log-driver": "local", "log-opts": {"max-size": "1m"}, "default-shm-size": "128M", "init": true,
                "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 1024}},
                "no-new-privileges": true, "seccomp-profile": "/p.json", "default-ipc-mode": "shareable",
                "default-cgroupns-mode": "host", "userns-remap": "default", "registry-mirrors": ["https://m"],
                "insecure-registries": ["http://r:5000", "10.0.0.0/8"], "proxies": {"http-proxy": "http://p:1"},
                "default-address-pools": [{"base": "172.30.0.0/16", "size": 24}]}"#,
        )
        .unwrap();
        assert_eq!((settings.default_shm_size, settings.init), (Some(128 << 20), true));
        assert_eq!(settings.userns_remap, "default");
        assert_eq!(
            (settings.registry_mirrors[0].as_str(), settings.proxies.http_proxy.as_str()),
            ("https://m/", "http://p:1")
        );
        assert_eq!(settings.insecure_registries, ["r:5000", "10.0.0.0/8"]);
        let pool = settings.default_address_pools[0];
        assert_eq!((pool.base.to_string().as_str(), pool.size), ("172.30.0.0/16", 24));
        assert_eq!((settings.default_ulimits["nofile"].hard, settings.seccomp_profile.as_str()), (64_000, "{}"));
        let wire = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<EngineSettings>(&wire).unwrap(), settings);
        assert_eq!(read("{}").unwrap(), EngineSettings::default());
    }

    #[test]
    fn sizes_are_dockers() {
        for (text, size) in [("64", 64), ("\"64\"", 64), ("\"64b\"", 64), ("\"1 KiB\"", 1024), ("\"2g\"", 2 << 30)] {
            let settings = read(&format!("{{\"default-shm-size\": {text}}}")).unwrap();
            assert_eq!(settings.default_shm_size, Some(size), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_in_one_clause() {
        for (json, expected) in [
            ("{\"log-drivre\": \"local\"}", "unknown field `log-drivre`, expected one of"),
            ("{\"init\": 1}", "invalid type: integer `1`, expected a boolean"),
            ("{\"default-shm-size\": \"much\"}", "invalid size: 'much'"),
            ("{\"default-shm-size\": \"1mk\"}", "invalid size: '1mk'"),
            ("{\"default-shm-size\": -1}", "a size is a number of bytes, or text"),
            (
                "{\"default-ipc-mode\": \"host\"}",
                "default-ipc-mode cannot be \"host\": use \"private\" or \"shareable\"",
            ),
            ("{\"userns-remap\": \"me:us\"}", "userns-remap cannot be \"me:us\": use \"default\""),
            ("{\"default-address-pools\": [{\"base\": \"10.0.0.0/8\", \"size\": 4}]}", "use 8 to 30"),
            ("{\"default-address-pools\": [{\"base\": \"10.0.0.0\", \"size\": 24}]}", "invalid IP address syntax"),
            ("{\"registry-mirrors\": [\"m\"]}", "invalid mirror: unsupported scheme"),
            ("{\"insecure-registries\": [\"a b\"]}", "insecure registry a b is not valid"),
            ("{\"proxies\": {\"http-proxy\": \"p\"}}", "http-proxy is no address of a proxy"),
            ("{\"proxies\": {\"ftp-proxy\": \"p\"}}", "unknown field `ftp-proxy`"),
            ("{\"seccomp-profile\": \"/none\"}", "the seccomp-profile \"/none\" cannot be read: no such file"),
        ] {
            let said = read(json).unwrap_err();
            assert!(said.contains(expected), "{json}: {said}");
        }
    }
}
