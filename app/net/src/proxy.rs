//! Connections through a proxy of the user's: HTTP CONNECT (RFC 9110, 9.3.6) or SOCKS5 (RFC 1928, RFC 1929).

mod exceptions;

use base64::{Engine, prelude::BASE64_STANDARD};
use exceptions::Exceptions;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use url::Url;

/// How long the proxy may take to answer; it waits for the destination itself.
const ANSWER: Duration = Duration::from_secs(130);
/// The longest answer to CONNECT that is read, bytes.
const LONGEST: usize = 16 << 10;

/// Why an address of a proxy is none.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No URL.
    #[error("{0:?} is no address of a proxy: write it as http://HOST:PORT or socks5://HOST:PORT")]
    Address(String),
    /// An exception that is none.
    #[error(
        "{0:?} is no exception: name addresses (10.1.2.3), networks (10.0.0.0/8) and names (example.com, .example.com), the first and the last maybe with a port (:8080), separated by commas"
    )]
    Exception(String),
}

/// The way to everywhere but its exceptions.
#[derive(Clone, Debug)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    login: Option<(String, String)>,
    except: Exceptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

impl Proxy {
    /// The proxy at `address`, for everything but `except`: addresses, networks and names, separated by commas.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn new(address: &str, except: &str) -> Result<Self, ProxyError> {
        let wrong = || ProxyError::Address(address.into());
        let url = Url::parse(address).map_err(|_| wrong())?;
        let (kind, usual) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return Err(wrong()),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let login = (!url.username().is_empty())
            .then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        Ok(Self {
            kind,
            host: host.trim_matches(['[', ']']).into(),
            port: url.port().unwrap_or(usual),
            login,
            except: Exceptions::read(except)?,
        })
    }

    /// Whether an exception is one.
    ///
    /// # Errors
    /// [`ProxyError::Exception`].
    pub fn exception(text: &str) -> Result<(), ProxyError> {
        Exceptions::read(text).map(drop)
    }

    /// Whether it is the way to `target`, which was found by `name`. What is on the host or beside it needs none.
    pub(crate) fn is_for(&self, target: SocketAddr, name: Option<&str>) -> bool {
        let near = match target.ip() {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        !near && !self.except.hold(target, name)
    }

    /// A stream to `target`, by its name where that is known.
    pub(crate) async fn connect(&self, target: SocketAddr, name: Option<&str>) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| {
            tracing::warn!(host = self.host, port = self.port, %error, "the proxy is not reached");
            error
        })?;
        let asked = async {
            match self.kind {
                Kind::Http => self.ask_http(&mut stream, target, name).await,
                Kind::Socks5 => self.ask_socks(&mut stream, target, name).await,
            }
        };
        timeout(ANSWER, asked).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(stream)
    }

    async fn ask_http(&self, stream: &mut TcpStream, target: SocketAddr, name: Option<&str>) -> io::Result<()> {
        let login = self.login.as_ref().map_or_else(String::new, |(user, password)| {
            format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
        });
        let named = name.map_or_else(|| target.to_string(), |name| format!("{name}:{}", target.port()));
        let request = format!("CONNECT {named} HTTP/1.1\r\nHost: {named}\r\n{login}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        // Byte by byte: what comes behind the head is the destination's.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            head.push(stream.read_u8().await?);
        }
        let status = head.split(|byte| *byte == b' ').nth(1).and_then(|text| std::str::from_utf8(text).ok());
        match status.and_then(|text| text.parse::<u16>().ok()) {
            Some(200..=299) => Ok(()),
            Some(status) => {
                tracing::debug!(%target, status, "the proxy refuses");
                Err(match status {
                    403 | 407 => io::ErrorKind::PermissionDenied,
                    504 => io::ErrorKind::TimedOut,
                    _ => io::ErrorKind::ConnectionRefused,
                }
                .into())
            }
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn ask_socks(&self, stream: &mut TcpStream, target: SocketAddr, name: Option<&str>) -> io::Result<()> {
        let method = if self.login.is_some() { 2 } else { 0 };
        stream.write_all(&[5, 1, method]).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        if chosen != [5, method] {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if let Some((user, password)) = &self.login {
            let mut request = vec![1];
            for text in [user, password] {
                request.push(u8::try_from(text.len()).map_err(io::Error::other)?);
                request.extend_from_slice(text.as_bytes());
            }
            stream.write_all(&request).await?;
            let mut judged = [0; 2];
            stream.read_exact(&mut judged).await?;
            if judged[1] != 0 {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
        }
        let mut request = vec![5, 1, 0];
        match (name, target.ip()) {
            (Some(name), _) => {
                request.push(3);
                request.push(u8::try_from(name.len()).map_err(io::Error::other)?);
                request.extend_from_slice(name.as_bytes());
            }
            (None, IpAddr::V4(ip)) => {
                request.push(1);
                request.extend_from_slice(&ip.octets());
            }
            (None, IpAddr::V6(ip)) => {
                request.push(4);
                request.extend_from_slice(&ip.octets());
            }
        }
        request.extend_from_slice(&target.port().to_be_bytes());
        stream.write_all(&request).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        let bound = match answer[3] {
            1 => 4,
            4 => 16,
            3 => usize::from(stream.read_u8().await?),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        stream.read_exact(&mut vec![0; bound + 2]).await?;
        Err(match answer[1] {
            0 => return Ok(()),
            2 => io::ErrorKind::PermissionDenied,
            3 => io::ErrorKind::NetworkUnreachable,
            4 => io::ErrorKind::HostUnreachable,
            6 => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::ConnectionRefused,
        }
        .into())
    }
}

fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("t={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
