//! The Docker Engine API on one connection.

use crate::presence::Present;
use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

/// Serves requests one after the other until the client leaves; an upgraded connection goes on by itself.
pub(crate) async fn serve<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let client = Present::new(stream);
    let io = TokioIo::new(client.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (client, answer) = (client.clone(), router.clone().oneshot(request.map(Body::new)));
        async move { answer.await.map(|response| response.map(|body| client.body(body))) }
    });
    let connection = http1::Builder::new().half_close(true).serve_connection(io, service).with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!("an API connection ended early: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::tests::Served;
    use axum::routing::{get, post};
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use std::{convert::Infallible, time::Duration};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
        sync::mpsc,
        time::{sleep, timeout},
    };

    fn served(router: Router) -> Served {
        Served::new(move |stream| serve(stream, router.clone()))
    }

    /// Says when it is dropped.
    struct Tell(mpsc::UnboundedSender<()>);

    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.send(()).expect("the test listens");
        }
    }

    /// What comes before the end of the connection.
    async fn rest(stream: &mut UnixStream) -> String {
        let mut text = String::new();
        timeout(Duration::from_secs(20), stream.read_to_string(&mut text)).await.expect("the end came").unwrap();
        text
    }

    #[tokio::test]
    async fn a_client_that_has_said_all_still_gets_its_answer() {
        let slow = || async {
            sleep(Duration::from_millis(50)).await;
            "done"
        };
        let slow_post = |body: String| async move {
            sleep(Duration::from_millis(50)).await;
            body
        };
        let served = served(Router::new().route("/slow", get(slow).post(slow_post)));
        for (request, answer) in [
            ("GET /slow HTTP/1.1\r\nhost: d\r\n\r\n", "done"),
            ("POST /slow HTTP/1.1\r\nhost: d\r\ncontent-length: 4\r\n\r\nbody", "body"),
            ("POST /slow HTTP/1.1\r\nhost: d\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", "body"),
        ] {
            let mut client = served.connect().await;
            client.write_all(request.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let said = rest(&mut client).await;
            assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with(answer), "{said}");
        }
    }

    #[tokio::test]
    async fn a_stream_ends_when_its_client_leaves() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let endless = move || {
            let tell = Tell(tell.clone());
            async move {
                let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"first")) });
                Body::from_stream(first.chain(stream::pending()).inspect(move |_| {
                    let _held = &tell;
                }))
            }
        };
        let router = Router::new().route("/events", get(endless));
        let served = served(router);
        let mut client = served.connect().await;
        client.write_all(b"GET /events HTTP/1.1\r\nhost: d\r\n\r\n").await.unwrap();
        let mut seen = vec![0; 4096];
        let mut text = String::new();
        while !text.contains("first") {
            let n = client.read(&mut seen).await.unwrap();
            text.push_str(std::str::from_utf8(&seen[..n]).unwrap());
        }
        assert!(told.try_recv().is_err());
        client.shutdown().await.unwrap();
        timeout(Duration::from_secs(20), told.recv()).await.expect("the stream was dropped").unwrap();
        rest(&mut client).await;
    }

    #[tokio::test]
    async fn a_request_that_comes_while_a_stream_is_open_is_answered_after_it() {
        let late = || async {
            Body::from_stream(stream::once(async {
                sleep(Duration::from_millis(50)).await;
                Ok::<_, Infallible>("late")
            }))
        };
        let served = served(Router::new().route("/late", get(late)).route("/next", get(|| async { "next" })));
        let mut client = served.connect().await;
        client.write_all(b"GET /late HTTP/1.1\r\nhost: d\r\n\r\n").await.unwrap();
        sleep(Duration::from_millis(10)).await;
        client.write_all(b"GET /next HTTP/1.1\r\nhost: d\r\nconnection: close\r\n\r\n").await.unwrap();
        let said = rest(&mut client).await;
        assert!(said.contains("late") && said.ends_with("next"), "{said}");
    }

    #[tokio::test]
    async fn a_request_that_is_cut_off_in_its_body_ends_the_connection() {
        let served = served(Router::new().route("/load", post(|body: Bytes| async move { body })));
        let mut client = served.connect().await;
        client.write_all(b"POST /load HTTP/1.1\r\nhost: d\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        client.shutdown().await.unwrap();
        assert!(!rest(&mut client).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn requests_follow_each_other_on_one_connection() {
        let served = served(Router::new().route("/_ping", get(|| async { "OK" })));
        let mut client = served.connect().await;
        for _ in 0..3 {
            client.write_all(b"GET /_ping HTTP/1.1\r\nhost: d\r\n\r\n").await.unwrap();
            let mut seen = [0; 4096];
            let n = client.read(&mut seen).await.unwrap();
            assert!(std::str::from_utf8(&seen[..n]).unwrap().ends_with("\r\n\r\nOK"));
        }
    }
}
