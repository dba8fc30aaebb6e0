//! The three files that the engine writes for a container and mounts in its `/etc`.

use crate::{
    Error, Result,
    container::{Definition, HostConfig},
};
use berth_network::dns;
use std::{
    fmt::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Docker's word for "the machine's address", in `--add-host`.
const HOST_GATEWAY: &str = "host-gateway";
const STANDARD_HOSTS: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EtcFiles {
    pub(crate) hosts: PathBuf,
    pub(crate) hostname: PathBuf,
    pub(crate) resolv_conf: PathBuf,
}

/// What is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EtcTexts {
    pub(crate) hosts: String,
    pub(crate) hostname: String,
    pub(crate) resolv_conf: String,
}

impl EtcFiles {
    /// The files of a container whose directory this is.
    pub(crate) fn of(container_dir: &Path) -> Self {
        Self {
            hosts: container_dir.join("hosts"),
            hostname: container_dir.join("hostname"),
            resolv_conf: container_dir.join("resolv.conf"),
        }
    }

    /// With where each is mounted.
    pub(super) fn targets(&self) -> [(&'static str, &Path); 3] {
        [("/etc/resolv.conf", &self.resolv_conf), ("/etc/hostname", &self.hostname), ("/etc/hosts", &self.hosts)]
    }
}

impl EtcTexts {
    /// For a container with this host name and these addresses, which calls others by the names of `links`; `host` is the
    /// address of the user's own machine.
    pub(crate) fn of(
        definition: &Definition,
        hostname: &str,
        addresses: &[IpAddr],
        links: &[(IpAddr, String)],
        resolv_conf: String,
        host: IpAddr,
    ) -> Result<Self> {
        let (config, asked) = (&definition.config, &definition.host);
        let mut hosts = STANDARD_HOSTS.to_owned();
        for entry in &asked.extra_hosts {
            let (name, address) = extra_host(entry)?;
            let address = address.unwrap_or(host);
            writeln!(hosts, "{address}\t{name}").map_err(|_| out_of_memory())?;
        }
        for (address, names) in links {
            writeln!(hosts, "{address}\t{names}").map_err(|_| out_of_memory())?;
        }
        for address in addresses {
            let names = if config.domainname.is_empty() {
                hostname.to_owned()
            } else {
                format!("{hostname}.{} {hostname}", config.domainname)
            };
            writeln!(hosts, "{address}\t{names}").map_err(|_| out_of_memory())?;
        }
        Ok(Self { hosts, hostname: format!("{hostname}\n"), resolv_conf })
    }
}

/// `/etc/resolv.conf` on a machine with these resolvers. `own` says that the container has a name server of its own,
/// which knows the others.
pub(crate) fn resolv_conf(asked: &HostConfig, machine: &[IpAddr], own: bool) -> String {
    let servers = match own {
        true => &[dns::ADDRESS.into()],
        false if asked.dns.is_empty() => machine,
        false => asked.dns.as_slice(),
    };
    let mut lines: Vec<String> = servers.iter().map(|server| format!("nameserver {server}")).collect();
    if !asked.dns_search.is_empty() {
        lines.push(format!("search {}", asked.dns_search.join(" ")));
    }
    let mut options = asked.dns_options.clone();
    if own && !options.iter().any(|option| option.starts_with("ndots:")) {
        // Docker's: the name of a container has no dot, and is asked for as it is.
        options.push("ndots:0".to_owned());
    }
    if !options.is_empty() {
        lines.push(format!("options {}", options.join(" ")));
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// `name:address`, or `name=address`; `None` stands for the user's own machine.
fn extra_host(entry: &str) -> Result<(&str, Option<IpAddr>)> {
    let bad = || Error::InvalidParameter(format!("bad format for add-host: {entry:?}"));
    let (name, address) = entry.split_once(['=', ':']).ok_or_else(bad)?;
    if !is_one_word(name) {
        return Err(bad());
    }
    if address == HOST_GATEWAY {
        return Ok((name, None));
    }
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    let address = bare.parse();
    address
        .map(|address| (name, Some(address)))
        .map_err(|_| Error::InvalidParameter(format!("invalid IP address in add-host: {bare:?}")))
}

/// Refuses what would put lines of its own into the files.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    for entry in &host.extra_hosts {
        extra_host(entry)?;
    }
    for word in host.dns_search.iter().chain(&host.dns_options) {
        if !is_one_word(word) {
            return Err(Error::InvalidParameter(format!("invalid DNS setting: {word:?}")));
        }
    }
    Ok(())
}

fn is_one_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn out_of_memory() -> Error {
    Error::Internal("no memory for the files of a container".to_owned())
}
