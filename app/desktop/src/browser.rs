//! The only way out of the window: a page of a container, in the user's browser.

use berth_api::{Client, Code, Problem, PublishedPort};
use tauri::{AppHandle, Url, async_runtime};
use tauri_plugin_opener::OpenerExt as _;

/// Opens `url` when it is a page on this machine.
pub(crate) async fn open(app: &AppHandle, client: &Client, url: &str) -> Result<(), Problem> {
    let url = match on_loopback(url) {
        Some(url) => url,
        None => published(url, &client.ports().await?).ok_or_else(|| refusal(url))?,
    };
    let app = app.clone();
    let opened = async_runtime::spawn_blocking(move || app.opener().open_url(url, None::<&str>)).await;
    let why = match opened {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Problem::new(Code::BrowserMissing, why))
}

/// `url` when a browser may be sent there without asking anyone.
fn on_loopback(url: &str) -> Option<Url> {
    let url = web(url)?;
    let loopback = match url.host()? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    };
    loopback.then_some(url)
}

/// `url` when it is on a port that a container has published.
fn published(url: &str, ports: &[PublishedPort]) -> Option<Url> {
    let url = web(url)?;
    let same_origin = |port: &PublishedPort| Url::parse(&port.url).is_ok_and(|known| known.origin() == url.origin());
    ports.iter().any(same_origin).then_some(url)
}

/// A web address without a user's name or password in it.
fn web(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && plain).then_some(url)
}

fn refusal(url: &str) -> Problem {
    Problem::new(Code::InvalidArgument, format!("{url} is not a page of a container"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(url: &str) -> PublishedPort {
        PublishedPort {
            container: "c".into(),
            name: "web".into(),
            host_ips: vec![],
            host_port: 80,
            container_port: 80,
            protocol: "tcp".into(),
            url: url.into(),
            health: berth_api::PortHealth::Listening,
            error: None,
            given_ip: None,
            shared: false,
        }
    }

    #[test]
    fn pages_on_this_machine_open() {
        for url in ["http://localhost:8080", "https://127.0.0.1:8443/a?b#c", "http://[::1]:80/"] {
            assert!(on_loopback(url).is_some(), "{url}");
        }
    }

    #[test]
    fn nothing_else_opens() {
        let elsewhere = [
            "http://example.com/",
            "http://localhost.example.com/",
            "http://localhost@example.com/",
            "http://user:word@localhost/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "vscode://localhost/",
            "http://192.168.1.5:80/",
            "--help",
            "",
        ];
        for url in elsewhere {
            assert!(on_loopback(url).is_none(), "{url}");
            assert!(published(url, &[port("http://192.168.1.6:80")]).is_none(), "{url}");
        }
    }

    #[test]
    fn a_port_published_on_another_address_opens_there_only() {
        let ports = [port("http://192.168.1.5:8080")];
        assert!(published("http://192.168.1.5:8080/path", &ports).is_some());
        assert!(published("http://192.168.1.5:8081/", &ports).is_none());
        assert!(published("https://192.168.1.5:8080/", &ports).is_none());
    }
}
