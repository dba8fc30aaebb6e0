//! The proxies of this system, as its programs take them from their environment.

use berth_protocol::{settings::ProxySettings, uplink};

/// Fills in what `daemon.json` leaves open. One that is no address of a proxy is left out: others set it, for others.
pub(super) fn complete(settings: &mut ProxySettings, variable: impl Fn(&str) -> Option<String>) {
    for (setting, names) in [
        (&mut settings.http_proxy, ["HTTP_PROXY", "http_proxy"]),
        (&mut settings.https_proxy, ["HTTPS_PROXY", "https_proxy"]),
        (&mut settings.no_proxy, ["NO_PROXY", "no_proxy"]),
    ] {
        if !setting.is_empty() {
            continue;
        }
        let found = names.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()));
        let Some(value) = found.map(|value| value.trim().to_owned()) else { continue };
        let is_list = names[0] == "NO_PROXY";
        // Programs take a bare host and port as well.
        let value = if is_list || value.contains("://") { value } else { format!("http://{value}") };
        if is_list || value.starts_with("http://") || value.starts_with("https://") {
            *setting = value;
        } else {
            tracing::warn!(
                "{} is no HTTP proxy; registries are reached without it: set \"proxy\" in settings.json for all that goes out",
                names[0]
            );
        }
    }
}

/// Has the guest find a proxy that listens on the host's own loopback, where its own would be meant otherwise.
pub(super) fn seen_from_guest(settings: &mut ProxySettings) {
    for setting in [&mut settings.http_proxy, &mut settings.https_proxy] {
        if let Some(address) = on_loopback(setting) {
            *setting = address;
        }
    }
}

/// The address as the guest has to name it; `None` for one that is the same everywhere.
fn on_loopback(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let (login, place) = rest.rsplit_once('@').map_or(("", rest), |(login, place)| (login, place));
    let behind = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|own| place.strip_prefix(own))?;
    let at = if login.is_empty() { "" } else { "@" };
    let ends = behind.is_empty() || behind.starts_with([':', '/']);
    ends.then(|| format!("{scheme}://{login}{at}{}{behind}", uplink::HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_wins_and_the_environment_fills_in() {
        let mut settings = ProxySettings { http_proxy: "http://file:1".into(), ..ProxySettings::default() };
        complete(&mut settings, |name| match name {
            "HTTP_PROXY" => Some("http://environment:1".into()),
            "https_proxy" => Some(" proxy:3128 ".into()),
            "NO_PROXY" => Some(String::new()),
            "no_proxy" => Some("localhost,.example.com".into()),
            _ => None,
        });
        assert_eq!(
            (settings.http_proxy.as_str(), settings.https_proxy.as_str()),
            ("http://file:1", "http://proxy:3128")
        );
        assert_eq!(settings.no_proxy, "localhost,.example.com");
        seen_from_guest(&mut settings);
        assert_eq!(settings.http_proxy, "http://file:1");
        let mut other = ProxySettings::default();
        complete(&mut other, |name| (name == "HTTPS_PROXY").then(|| "socks5://p".into()));
        assert_eq!(other, ProxySettings::default());
    }

    #[test]
    fn a_proxy_on_the_hosts_loopback_is_named_as_the_guest_finds_it() {
        for (given, seen) in [
            ("http://localhost:3128", Some("http://198.19.87.2:3128")),
            ("http://user:p@ss@127.0.0.1:3128/", Some("http://user:p@ss@198.19.87.2:3128/")),
            ("https://[::1]", Some("https://198.19.87.2")),
            ("http://localhost.corp:3128", None),
            ("http://127.0.0.10:3128", None),
            ("http://proxy:3128", None),
        ] {
            assert_eq!(on_loopback(given).as_deref(), seen, "{given}");
        }
    }
}
