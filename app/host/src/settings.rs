//! `settings.json`: what the user may change about the machine and its ports.

use crate::{
    daemon::DaemonError,
    ports::{HostPort, Sharing},
};
use berth_api::BerthHome;
use berth_net::proxy::Proxy;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

/// The size of the data disk as the guest sees it; the file is sparse, so this is a limit and not a cost.
const DISK_BYTES: u64 = 64 << 30;
const MEMORY_MIB: u32 = 2048;
const MAX_DEFAULT_CPUS: usize = 8;

/// Size of the machine, and who may reach published ports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Virtual processors.
    pub cpus: u32,
    /// Memory, MiB.
    pub memory_mib: u32,
    /// Size of the data disk, bytes. It only ever grows.
    pub disk_bytes: u64,
    /// Ports that are published without an address are open to everyone in the network, and not to this computer only.
    pub share_ports: bool,
    /// What holds for single ports instead, by `8080/tcp`.
    pub shared_ports: BTreeMap<HostPort, bool>,
    /// The proxy of connections from the guest: none when empty, `http://` or `socks5://` with host and port, or `system`
    /// for what `ALL_PROXY` and `NO_PROXY` say.
    pub proxy: String,
    /// Addresses, networks and names that are reached without it, separated by commas.
    pub no_proxy: String,
}

impl Default for Settings {
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get().min(MAX_DEFAULT_CPUS));
        Self {
            cpus: u32::try_from(cpus).unwrap_or(1),
            memory_mib: MEMORY_MIB,
            disk_bytes: DISK_BYTES,
            share_ports: false,
            shared_ports: BTreeMap::new(),
            proxy: String::new(),
            no_proxy: String::new(),
        }
    }
}

/// What stands for the proxy of this system.
const SYSTEM: &str = "system";

impl Settings {
    /// The gateway's part of it.
    ///
    /// # Errors
    /// [`DaemonError::Settings`] for a proxy that is none: without it connections would take another way than they should.
    pub fn gateway(
        &self,
        home: &BerthHome,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<berth_net::Settings, DaemonError> {
        let of_system = |names: [&str; 2]| names.into_iter().find_map(&variable).unwrap_or_default();
        let (address, except) = if self.proxy == SYSTEM {
            // What another program may understand is no reason to go without a way out.
            let except = of_system(["NO_PROXY", "no_proxy"]);
            let understood = except.split(',').map(str::trim).filter(|text| Proxy::exception(text).is_ok());
            (of_system(["ALL_PROXY", "all_proxy"]), understood.collect::<Vec<_>>().join(","))
        } else {
            (self.proxy.clone(), self.no_proxy.clone())
        };
        let proxy = (!address.is_empty()).then(|| Proxy::new(&address, &except)).transpose();
        Ok(berth_net::Settings { proxy: proxy.map_err(|why| wrong(home, why))? })
    }

    /// The settings of `home`, or the defaults.
    ///
    /// # Errors
    /// [`DaemonError::Settings`] when the file is malformed: guessing could shrink someone's machine.
    pub fn load(home: &BerthHome) -> Result<Self, DaemonError> {
        match fs::read(file(home)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(home, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(home, error)),
        }
    }

    /// Who may reach published ports.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        Sharing { all: self.share_ports, ports: self.shared_ports.clone() }
    }
}

/// Writes who may reach published ports into the settings of `home`, and leaves the rest of them as it is. After a power
/// cut the file is the old one or the new one.
///
/// # Errors
/// [`DaemonError::Settings`] when it cannot be written, or is malformed by now.
pub fn keep_sharing(home: &BerthHome, sharing: &Sharing) -> Result<(), DaemonError> {
    let mut settings: Map<String, Value> = match fs::read(file(home)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(home, error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(wrong(home, error)),
    };
    let ports = sharing.ports.iter().map(|(port, on)| (port.to_string(), Value::from(*on))).collect();
    settings.insert("share_ports".into(), sharing.all.into());
    settings.insert("shared_ports".into(), Value::Object(ports));
    let text = serde_json::to_string_pretty(&settings).map_err(|error| wrong(home, error))?;
    let fresh = home.root().join("settings.json.new");
    let write = || {
        let mut file = fs::File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, self::file(home))
    };
    write().map_err(|error| wrong(home, error))
}

fn file(home: &BerthHome) -> PathBuf {
    home.root().join("settings.json")
}

fn wrong(home: &BerthHome, why: impl ToString) -> DaemonError {
    DaemonError::Settings { path: file(home), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_have_defaults_and_unknown_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = BerthHome::at(folder.path());
        assert_eq!(Settings::load(&home).unwrap(), Settings::default());
        std::fs::write(folder.path().join("settings.json"), r#"{"memory_mib": 512}"#).unwrap();
        assert_eq!(Settings::load(&home).unwrap().memory_mib, 512);
        std::fs::write(folder.path().join("settings.json"), r#"{"memory": 512}"#).unwrap();
        assert!(Settings::load(&home).unwrap_err().to_string().contains("memory"));
    }

    #[test]
    fn the_way_out_is_direct_the_users_proxy_or_the_systems() {
        let home = BerthHome::at("/nowhere");
        let system = |name: &str| match name {
            "ALL_PROXY" => Some("socks5://proxy:1080".to_owned()),
            "no_proxy" => Some("localhost,.corp,10.0.0.0/8,10.1.2.3:8080,<local>".to_owned()),
            _ => None,
        };
        let proxy = |text: &str| {
            let settings = Settings { proxy: text.into(), ..Settings::default() };
            settings.gateway(&home, system).map(|gateway| gateway.proxy.is_some())
        };
        assert!(!proxy("").unwrap());
        assert!(proxy("system").unwrap());
        assert!(proxy("http://user:secret@proxy:3128").unwrap());
        let said = proxy("proxy:3128").unwrap_err().to_string();
        assert!(said.contains("settings.json") && said.contains("socks5://HOST:PORT"), "{said}");
    }

    #[test]
    fn a_word_on_sharing_is_kept_beside_what_the_user_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let home = BerthHome::at(folder.path());
        std::fs::write(folder.path().join("settings.json"), r#"{"memory_mib": 512}"#).unwrap();
        let sharing = Sharing::default().with(Some("8080".parse().unwrap()), true);
        keep_sharing(&home, &sharing).unwrap();
        let settings = Settings::load(&home).unwrap();
        assert_eq!((settings.memory_mib, settings.sharing()), (512, sharing));
        std::fs::write(folder.path().join("settings.json"), "{").unwrap();
        assert!(keep_sharing(&home, &Sharing::default()).is_err());
        assert_eq!(std::fs::read(folder.path().join("settings.json")).unwrap(), b"{", "what the user wrote stays");
    }
}
