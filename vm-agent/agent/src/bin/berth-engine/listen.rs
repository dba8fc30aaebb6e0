//! Takes connections, lets the host's through, and hands them to what the port is for.

use crate::{accept::Accept, handshake};
use berth_protocol::boot::Secret;
use std::{future::Future, time::Duration};

/// How long to rest when the system cannot give a connection, such as for want of descriptors.
const REST: Duration = Duration::from_millis(100);

/// Serves a port until the process ends. Each connection has a task of its own from its first byte on, so a slow one
/// holds up no other.
pub(crate) async fn serve<A, F, W>(listener: A, port: u32, secret: Secret, service: F)
where
    A: Accept,
    F: Fn(A::Stream) -> W + Clone + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    loop {
        let mut stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!("no connection could be taken on vsock port {port}: {error}");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let (secret, service) = (secret.clone(), service.clone());
        tokio::spawn(async move {
            match handshake::admit(&mut stream, &secret, port).await {
                Ok(()) => service(stream).await,
                Err(refused) => tracing::warn!("a connection to vsock port {port} was refused: {refused}"),
            }
        });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use berth_protocol::handshake::{CHALLENGE_LEN, Challenge, HandshakeError, VERDICT_LEN};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{UnixListener, UnixStream},
    };

    const PORT: u32 = 4711;

    /// A service behind a listener, and a way to it.
    pub(crate) struct Served {
        dir: tempfile::TempDir,
    }

    impl Served {
        pub(crate) fn new<W>(service: impl Fn(UnixStream) -> W + Clone + Send + 'static) -> Self
        where
            W: Future<Output = ()> + Send + 'static,
        {
            let dir = tempfile::tempdir().unwrap();
            let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
            tokio::spawn(serve(listener, PORT, Secret::new([9; 32]), service));
            Self { dir }
        }

        /// A bare connection.
        pub(crate) async fn dial(&self) -> UnixStream {
            UnixStream::connect(self.dir.path().join("socket")).await.unwrap()
        }

        /// A connection after the host's side of the handshake.
        pub(crate) async fn connect(&self) -> UnixStream {
            let mut stream = self.dial().await;
            shake(&mut stream, 9).await.unwrap();
            stream
        }
    }

    async fn shake(stream: &mut UnixStream, key: u8) -> Result<(), HandshakeError> {
        let secret = Secret::new([key; 32]);
        let mut challenge = [0; CHALLENGE_LEN];
        stream.read_exact(&mut challenge).await.unwrap();
        let challenge = Challenge::from_bytes(&challenge)?;
        let answer = challenge.answer(&secret, PORT, [2; 32]);
        stream.write_all(&answer.to_bytes()).await.unwrap();
        let mut verdict = [0; VERDICT_LEN];
        stream.read_exact(&mut verdict).await.unwrap();
        answer.confirm(&secret, PORT, &challenge, &verdict)
    }

    async fn greet(mut stream: UnixStream) {
        stream.write_all(b"hello").await.unwrap();
    }

    async fn rest(mut stream: UnixStream) -> Vec<u8> {
        let mut rest = vec![];
        stream.read_to_end(&mut rest).await.unwrap();
        rest
    }

    #[tokio::test]
    async fn the_host_reaches_the_service_and_others_get_nothing_of_it() {
        let served = Served::new(greet);
        assert_eq!(rest(served.connect().await).await, b"hello");
        let mut stranger = served.dial().await;
        assert_eq!(shake(&mut stranger, 8).await, Err(HandshakeError::Secret));
        assert_eq!(rest(stranger).await, b"");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_closed_at_the_deadline_and_holds_up_no_other() {
        let served = Served::new(greet);
        let silent = served.dial().await;
        assert_eq!(rest(served.connect().await).await, b"hello");
        let began = tokio::time::Instant::now();
        assert_eq!(rest(silent).await.len(), CHALLENGE_LEN);
        assert!(began.elapsed() >= Duration::from_secs(4));
    }

    #[tokio::test]
    async fn first_bytes_sent_right_behind_the_answer_reach_the_service() {
        let served = Served::new(|mut stream: UnixStream| async move {
            let mut bytes = [0; 3];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        let mut stream = served.dial().await;
        let mut challenge = [0; CHALLENGE_LEN];
        stream.read_exact(&mut challenge).await.unwrap();
        let answer = Challenge::from_bytes(&challenge).unwrap().answer(&Secret::new([9; 32]), PORT, [2; 32]);
        stream.write_all(&[&answer.to_bytes()[..], b"abc"].concat()).await.unwrap();
        assert_eq!(&rest(stream).await[VERDICT_LEN..], b"abc");
    }
}
