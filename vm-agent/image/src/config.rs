//! What the store is told when it is opened.

use berth_protocol::settings::{ProxySettings, RegistryCertificates};
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

/// Where the store lives and how it reaches registries.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Directory that holds `image.db`, `blobs/`, `layers/` and `tmp/`; created when missing. One filesystem, able to
    /// hold trusted extended attributes and device nodes.
    pub root: PathBuf,
    /// How registries are reached.
    pub network: NetworkConfig,
}

/// How registries are reached from where the engine runs.
#[derive(Clone, Debug, Default)]
pub struct NetworkConfig {
    /// The address under which the loopback of the user's machine answers. A registry called `localhost`,
    /// `127.x.x.x` or `[::1]` is dialled there; `None` dials the own loopback.
    pub host_address: Option<IpAddr>,
    /// Resolvers for registry names, in order. Without any, only literal addresses and `localhost` can be reached.
    pub dns: Vec<IpAddr>,
    /// A PEM bundle of trusted certificate authorities, such as `/etc/ssl/certs/ca-certificates.crt`.
    pub ca_bundle: Option<PathBuf>,
    /// More trusted authorities, in PEM form.
    pub ca_roots_pem: Vec<String>,
    /// Asked before docker.io itself, in order, and without its credentials: `https://HOST[:PORT]/`.
    pub mirrors: Vec<String>,
    /// Registries whose certificate is not checked and that may speak plain HTTP: host and port as in an image's name,
    /// or a CIDR of their addresses. The loopback is so without being named.
    pub insecure: Vec<String>,
    /// Authorities and client certificates of single registries, by host and port as in an image's name.
    pub certificates: BTreeMap<String, RegistryCertificates>,
    /// What other hosts than the user's own are reached through.
    pub proxies: ProxySettings,
}

/// What a registry is told about who asks. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and password, or a name and access token.
    Basic {
        /// The account.
        username: String,
        /// The secret.
        password: String,
    },
    /// An OAuth2 refresh token, as docker calls it "identity token".
    IdentityToken(String),
    /// A bearer token that is sent as it is.
    RegistryToken(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(..)",
            Self::IdentityToken(_) => "IdentityToken(..)",
            Self::RegistryToken(_) => "RegistryToken(..)",
        })
    }
}
