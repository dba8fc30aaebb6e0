//! Connections to registries, shared by all pulls and pushes, and how far each host is trusted.

use super::{CONNECT_TIMEOUT, READ_TIMEOUT, failure, names::Names, origin, tls};
use crate::{ImageError, NetworkConfig, Reference, Result};
use berth_protocol::settings::{Cidr, ProxySettings};
use reqwest::{Method, NoProxy, Proxy, RequestBuilder, Response, Url, header::HOST};
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// How far a host is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// The user's own machine: plain HTTP will do, and no certificate is checked, as docker has it.
    Loopback,
    /// The same for who was named for it.
    Insecure,
    /// Its certificate must be right.
    Strict,
}

/// All connections.
pub(crate) struct Client {
    loopback: Pair,
    insecure: Pair,
    strict: Pair,
    /// By host and port, those with certificates of their own; the reason where those cannot be used.
    own: HashMap<String, std::result::Result<Pair, String>>,
    insecure_names: BTreeSet<String>,
    insecure_ranges: Vec<Cidr>,
    mirrors: Vec<Url>,
    names: Arc<Names>,
    host_address: Option<IpAddr>,
}

/// Clients of the same trust.
struct Pair {
    /// Waits [`READ_TIMEOUT`] for an answer.
    reading: reqwest::Client,
    /// Waits for as long as a body takes to be sent: see `upload`.
    sending: reqwest::Client,
}

impl Client {
    pub(crate) fn new(network: &NetworkConfig) -> Result<Self> {
        let names = Arc::new(Names::new(network)?);
        let proxies = proxies(&network.proxies, network.host_address)?;
        let pair = |tls: rustls::ClientConfig, proxies: &[Proxy]| {
            let build = |read_timeout| build(tls.clone(), &names, proxies, read_timeout);
            Ok::<_, ImageError>(Pair { reading: build(Some(READ_TIMEOUT))?, sending: build(None)? })
        };
        let roots = tls::roots(network)?;
        let (insecure_names, insecure_ranges) = insecure(&network.insecure);
        let own = network.certificates.iter().map(|(registry, certificates)| {
            let url = url_of("https", registry)?;
            let key = origin::host_and_port(&url);
            let loopback = origin::is_loopback(&url);
            let roots = (!loopback && !insecure_names.contains(&key)).then(|| roots.clone());
            let made = tls::own(certificates, roots)
                .and_then(|tls| pair(tls, if loopback { &[] } else { &proxies }).map_err(|e| e.to_string()));
            Ok((key, made))
        });
        Ok(Self {
            own: own.collect::<Result<_>>()?,
            strict: pair(tls::strict(roots)?, &proxies)?,
            insecure: pair(tls::trusting()?, &proxies)?,
            loopback: pair(tls::trusting()?, &[])?,
            insecure_names,
            insecure_ranges,
            mirrors: network.mirrors.iter().map(|mirror| mirror_url(mirror)).collect::<Result<_>>()?,
            names,
            host_address: network.host_address,
        })
    }

    /// The mirrors of the registry of `reference`, in order.
    pub(crate) fn mirrors(&self, reference: &Reference) -> &[Url] {
        if reference.domain() == origin::DOCKER_IO { &self.mirrors } else { &[] }
    }

    /// How far the host of a URL is trusted.
    pub(super) async fn trust(&self, url: &Url) -> Trust {
        if origin::is_loopback(url) {
            return Trust::Loopback;
        }
        if self.insecure_names.contains(&origin::host_and_port(url)) {
            return Trust::Insecure;
        }
        let Some(host) = url.host_str().filter(|_| !self.insecure_ranges.is_empty()) else { return Trust::Strict };
        let addresses = match origin::address(host) {
            Some(address) => vec![address],
            // A host without an address may be reached through a proxy, and is not in the range then.
            None => self.names.lookup(host).await.unwrap_or_default(),
        };
        let named = |address: &IpAddr| self.insecure_ranges.iter().any(|range| range.contains(*address));
        if addresses.iter().any(named) { Trust::Insecure } else { Trust::Strict }
    }

    /// Sends a request and gives its answer, whatever that is. No redirect is followed.
    pub(super) async fn send(
        &self,
        url: &Url,
        add: impl Fn(RequestBuilder) -> RequestBuilder,
        method: Method,
    ) -> Result<Response> {
        let pair = match (self.own.get(&origin::host_and_port(url)), self.trust(url).await) {
            (Some(Ok(pair)), _) => pair,
            (Some(Err(why)), _) => {
                let host = origin::host_and_port(url);
                return Err(ImageError::Malformed(format!("the certificates in certs.d/{host} cannot be used: {why}")));
            }
            (None, Trust::Loopback) => &self.loopback,
            (None, Trust::Insecure) => &self.insecure,
            (None, Trust::Strict) => &self.strict,
        };
        let http = if matches!(method, Method::PATCH | Method::PUT) { &pair.sending } else { &pair.reading };
        let (wire, host) = origin::on_the_wire(url, self.host_address);
        let mut request = add(http.request(method, wire));
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        request.send().await.map_err(|e| failure::transport(url, &e))
    }
}

/// The address at which a registry is asked first.
pub(super) fn url_of(scheme: &str, authority: &str) -> Result<Url> {
    let url = format!("{scheme}://{authority}/v2/").parse::<Url>();
    url.map_err(|e| ImageError::Malformed(format!("the registry {authority}: {e}")))
}

fn mirror_url(mirror: &str) -> Result<Url> {
    let url = mirror.parse::<Url>().and_then(|url| url.join("v2/"));
    url.map_err(|e| ImageError::Malformed(format!("the mirror {mirror:?}: {e}")))
}

fn insecure(registries: &[String]) -> (BTreeSet<String>, Vec<Cidr>) {
    let ranges = registries.iter().filter_map(|registry| Cidr::parse(registry)).collect();
    let names = registries.iter().filter(|registry| Cidr::parse(registry).is_none());
    // As a URL has it: without the port that is meant anyway.
    let name = |name: &String| url_of("https", name).map_or_else(|_| name.clone(), |url| origin::host_and_port(&url));
    (names.map(name).collect(), ranges)
}

fn proxies(settings: &ProxySettings, host_address: Option<IpAddr>) -> Result<Vec<Proxy>> {
    type Make = fn(Url) -> reqwest::Result<Proxy>;
    let mut proxies = Vec::new();
    for (key, address, make) in [
        ("http-proxy", &settings.http_proxy, Proxy::http as Make),
        ("https-proxy", &settings.https_proxy, Proxy::https as Make),
    ] {
        if address.is_empty() {
            continue;
        }
        // Its text may hold a password.
        let bad = || ImageError::Malformed(format!("{key} is no address of a proxy"));
        let url: Url = address.parse().map_err(|_| bad())?;
        let (url, _) = origin::on_the_wire(&url, host_address);
        let proxy = make(url).map_err(|_| bad())?;
        proxies.push(proxy.no_proxy(NoProxy::from_string(&settings.no_proxy)));
    }
    Ok(proxies)
}

fn build(
    tls: rustls::ClientConfig,
    names: &Arc<Names>,
    proxies: &[Proxy],
    read_timeout: Option<Duration>,
) -> Result<reqwest::Client> {
    // Without the environment's proxies: the host told which there are.
    let mut builder = reqwest::Client::builder().no_proxy();
    if let Some(timeout) = read_timeout {
        builder = builder.read_timeout(timeout);
    }
    for proxy in proxies {
        builder = builder.proxy(proxy.clone());
    }
    builder
        .tls_backend_preconfigured(tls)
        .dns_resolver(names.clone())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| ImageError::Internal(format!("HTTP client: {e}")))
}
