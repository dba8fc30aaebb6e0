//! Every host there is, played by one proxy: whoever is asked for anything answers as the test wants, over TLS or
//! plain, and all that was said is kept. The user's own loopback, which no proxy sees, is a listener of its own.

use crate::secure::certificate;
use berth_image::{ImageStore, NetworkConfig, ProxySettings, StoreConfig};
use std::{
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Such as `https://registry.test`.
    pub(crate) origin: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Its head and its body.
    pub(crate) text: String,
}

/// Status, header lines, body.
pub(crate) type Answer = (u16, String, Vec<u8>);
type Play = dyn Fn(&Asked) -> Answer + Send + Sync;

#[derive(Clone)]
pub(crate) struct World {
    seen: Arc<Mutex<Vec<Asked>>>,
    play: Arc<Play>,
    tls: TlsAcceptor,
    proxy: u16,
    /// Where the user's own loopback listens, with TLS and without.
    pub(crate) loopback: u16,
    authority: String,
}

impl World {
    pub(crate) async fn start(play: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let names = "DNS:registry.test,DNS:evil.test,DNS:cdn.test,DNS:index.docker.io,IP:127.0.0.1,IP:10.99.0.1,IP:169.254.169.254";
        let authority = certificate(dir.path(), names);
        let (proxy, loopback) = (listen().await, listen().await);
        let world = Self {
            seen: Arc::default(),
            play: Arc::new(play),
            tls: acceptor(dir.path()),
            proxy: proxy.local_addr().unwrap().port(),
            loopback: loopback.local_addr().unwrap().port(),
            authority,
        };
        for (listener, is_proxy) in [(proxy, true), (loopback, false)] {
            let world = world.clone();
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let world = world.clone();
                    tokio::spawn(async move {
                        if is_proxy { world.pass(stream).await } else { world.loopback(stream).await }
                    });
                }
            });
        }
        world
    }

    /// A store that reaches everyone through this world.
    pub(crate) async fn store(&self) -> (ImageStore, tempfile::TempDir) {
        let root = crate::registry::store_dir();
        let proxy = format!("http://127.0.0.1:{}", self.proxy);
        let network = NetworkConfig {
            ca_roots_pem: vec![self.authority.clone()],
            proxies: ProxySettings { http_proxy: proxy.clone(), https_proxy: proxy, no_proxy: String::new() },
            ..NetworkConfig::default()
        };
        (ImageStore::open(StoreConfig { root: root.path().into(), network }).await.unwrap(), root)
    }

    /// What was asked so far, which is forgotten.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    async fn pass(&self, mut stream: TcpStream) -> Option<()> {
        let head = head(&mut stream).await?;
        let mut words = head.split(' ');
        if words.next()? == "CONNECT" {
            let host = words.next()?.trim_end_matches(":443").to_owned();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
            let stream = self.tls.accept(stream).await.ok()?;
            return self.serve(stream, &format!("https://{host}"), None).await;
        }
        let url: reqwest::Url = words.next()?.parse().ok()?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        self.serve(stream, &format!("http://{}{port}", url.host_str()?), Some(head)).await
    }

    async fn loopback(&self, stream: TcpStream) -> Option<()> {
        let mut first = [0];
        stream.peek(&mut first).await.ok()?;
        if first == [0x16] {
            let stream = self.tls.accept(stream).await.ok()?;
            return self.serve(stream, "https://loopback", None).await;
        }
        self.serve(stream, "http://loopback", None).await
    }

    async fn serve(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        origin: &str,
        first: Option<String>,
    ) -> Option<()> {
        let head = match first {
            Some(first) => first,
            None => head(&mut stream).await?,
        };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        let mut words = head.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let path = target.strip_prefix(origin).unwrap_or(target).to_owned();
        let text = format!("{head}{}", String::from_utf8_lossy(&body));
        let asked = Asked { origin: origin.to_owned(), method, path, text };
        self.seen.lock().unwrap().push(asked.clone());
        let (status, headers, body) = (self.play)(&asked);
        let head =
            format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        if asked.method != "HEAD" {
            stream.write_all(&body).await.ok()?;
        }
        stream.shutdown().await.ok()
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

fn acceptor(dir: &Path) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(dir.join("cert.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}
