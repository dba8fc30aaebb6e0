//! A server in front of a registry that wants to know who asks: `user` with the password `canary`.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// The password with each request; blobs are on another server, at this port of `localhost`.
    Basic { blobs: u16 },
    /// A token, which `/token` gives for the password.
    Bearer,
    /// A token, from a service that is not the registry's own.
    BearerElsewhere,
}

#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) port: u16,
    /// Requests that were let in.
    pub(crate) authorized: Arc<AtomicU32>,
    pub(crate) token_requests: Arc<Mutex<Vec<String>>>,
}

pub(crate) async fn start(registry: u16, kind: Kind) -> Gate {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let gate = Gate { port, authorized: Arc::default(), token_requests: Arc::default() };
    let shared = gate.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(client, registry, kind, shared.clone()));
        }
    });
    gate
}

async fn serve(mut client: TcpStream, registry: u16, kind: Kind, gate: Gate) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await.ok()?);
        if request == [0x16] {
            // TLS is not spoken here.
            return None;
        }
    }
    let text = String::from_utf8(request).ok()?;
    let path = text.split(' ').nth(1)?.to_owned();
    // user:canary
    let password = text.contains("Basic dXNlcjpjYW5hcnk=");
    if path.starts_with("/token") {
        gate.token_requests.lock().unwrap().push(path);
        let (status, body) = if password { (200, r#"{"token":"t0k3n"}"#) } else { (401, "{}") };
        return answer(&mut client, status, "content-type: application/json", body).await;
    }
    let port = gate.port;
    let (let_in, challenge) = match kind {
        Kind::Basic { .. } => (password, "Basic realm=\"test\"".to_owned()),
        Kind::Bearer => {
            let let_in = text.contains("Bearer t0k3n");
            (
                let_in,
                format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"gate\",scope=\"registry:catalog:*\""),
            )
        }
        Kind::BearerElsewhere => (false, "Bearer realm=\"https://169.254.169.254/token\",service=\"gate\"".to_owned()),
    };
    if !let_in {
        return answer(&mut client, 401, &format!("www-authenticate: {challenge}"), "").await;
    }
    gate.authorized.fetch_add(1, Ordering::SeqCst);
    if let Kind::Basic { blobs } = kind
        && path.contains("/blobs/")
    {
        return answer(&mut client, 307, &format!("location: http://localhost:{blobs}{path}"), "").await;
    }
    let mut upstream = TcpStream::connect(("127.0.0.1", registry)).await.ok()?;
    let once = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    upstream.write_all(once.as_bytes()).await.ok()?;
    tokio::io::copy(&mut upstream, &mut client).await.ok()?;
    client.shutdown().await.ok()
}

async fn answer(client: &mut TcpStream, status: u16, header: &str, body: &str) -> Option<()> {
    let len = body.len();
    let text = format!("HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}");
    client.write_all(text.as_bytes()).await.ok()
}
