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
    /// A token, which `/token` gives for the password, or for the token that lasts.
    Bearer,
    /// The same, but each token is good for so many requests only.
    BearerEnding { after: u32 },
    /// A token, from a service that is not the registry's own.
    BearerElsewhere,
}

#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) port: u16,
    /// Requests that were let in.
    pub(crate) authorized: Arc<AtomicU32>,
    pub(crate) token_requests: Arc<Mutex<Vec<String>>>,
    /// How many tokens were given, and how many requests the last one has let in.
    tokens: Arc<Mutex<(u32, u32)>>,
}

pub(crate) async fn start(registry: u16, kind: Kind) -> Gate {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let gate = Gate { port, authorized: Arc::default(), token_requests: Arc::default(), tokens: Arc::default() };
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
        let form = body(&mut client, &text).await?;
        let refreshed = text.starts_with("POST ")
            && form.contains("refresh_token=l4st1ng")
            && form.contains("grant_type=refresh_token");
        let number = {
            let mut tokens = gate.tokens.lock().unwrap();
            *tokens = (tokens.0 + 1, 0);
            tokens.0
        };
        let lasting = if text.contains("offline_token=true") { r#","refresh_token":"l4st1ng""# } else { "" };
        let (status, body) = match password || refreshed {
            true => (200, format!(r#"{{"access_token":"t0k3n{number}"{lasting}}}"#)),
            false => (401, "{}".to_owned()),
        };
        return answer(&mut client, status, "content-type: application/json", &body).await;
    }
    let port = gate.port;
    let (let_in, challenge) = match kind {
        Kind::Basic { .. } => (password, "Basic realm=\"test\"".to_owned()),
        Kind::Bearer | Kind::BearerEnding { .. } => {
            let after = if let Kind::BearerEnding { after } = kind { after } else { u32::MAX };
            (
                gate.takes(&text, after),
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
    tokio::io::copy_bidirectional(&mut upstream, &mut client).await.ok().map(drop)
}

impl Gate {
    fn takes(&self, request: &str, after: u32) -> bool {
        // Given by others, and always good.
        if request.contains("Bearer t0k3n\r\n") {
            return true;
        }
        let mut tokens = self.tokens.lock().unwrap();
        let good = request.contains(&format!("Bearer t0k3n{}\r\n", tokens.0)) && tokens.1 < after;
        tokens.1 += u32::from(good);
        good
    }
}

/// The body that follows a head.
async fn body(client: &mut TcpStream, head: &str) -> Option<String> {
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).await.ok()?;
    String::from_utf8(body).ok()
}

async fn answer(client: &mut TcpStream, status: u16, header: &str, body: &str) -> Option<()> {
    let len = body.len();
    let text = format!("HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}");
    client.write_all(text.as_bytes()).await.ok()
}
