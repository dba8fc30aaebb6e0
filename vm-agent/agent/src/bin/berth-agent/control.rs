//! The control port: what the host may ask of PID 1.

use crate::clock;
use crate::console;
use berth_protocol::boot::Secret;
use berth_protocol::control::{Reply, Report, Request};
use berth_protocol::frame::{self, PREFIX_LEN};
use berth_protocol::handshake::{ANSWER_LEN, Challenge};
use berth_protocol::port::CONTROL;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use vsock::{VMADDR_CID_ANY, VMADDR_CID_HOST, VsockListener, VsockStream};

/// How long the other side may take for its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections served at once; the host needs one.
const MOST_CONNECTIONS: usize = 16;

/// What PID 1 does for the host.
pub(crate) trait Guest: Send + Sync + 'static {
    /// The boot so far.
    fn report(&self) -> Report;
    /// Begins to power off; returns at once.
    fn shut_down(&self, grace: Duration);
}

/// Why a connection ended early.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error(transparent)]
    Handshake(#[from] berth_protocol::handshake::HandshakeError),
    #[error(transparent)]
    Frame(#[from] frame::FrameError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Listens and serves until the machine ends.
///
/// # Errors
/// When the port cannot be opened.
pub(crate) fn listen(secret: Secret, guest: Arc<dyn Guest>) -> std::io::Result<()> {
    let listener = VsockListener::bind_with_cid_port(VMADDR_CID_ANY, CONTROL)?;
    std::thread::Builder::new().name("control".into()).spawn(move || accept(&listener, &secret, &guest))?;
    Ok(())
}

fn accept(listener: &VsockListener, secret: &Secret, guest: &Arc<dyn Guest>) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                console::say(&format!("control port: {error}"));
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        // Only the host: a process in the guest reaches this port by the loopback address otherwise.
        if peer.cid() != VMADDR_CID_HOST || open.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (secret, guest, count) = (secret.clone(), Arc::clone(guest), Arc::clone(&open));
        let spawned = std::thread::Builder::new().name("control-peer".into()).spawn(move || {
            if let Err(error) = attend(stream, &secret, guest.as_ref()) {
                console::say(&format!("control port: {error}"));
            }
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if let Err(error) = spawned {
            open.fetch_sub(1, Ordering::Relaxed);
            console::say(&format!("control port: {error}"));
        }
    }
}

fn attend(mut stream: VsockStream, secret: &Secret, guest: &dyn Guest) -> Result<(), ControlError> {
    stream.set_read_timeout(Some(HANDSHAKE))?;
    stream.set_write_timeout(Some(HANDSHAKE))?;
    shake_hands(&mut stream, secret)?;
    stream.set_read_timeout(None)?;
    serve(&mut stream, guest)
}

fn shake_hands(stream: &mut (impl Read + Write), secret: &Secret) -> Result<(), ControlError> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(ControlError::Random)?;
    let challenge = Challenge::new(nonce);
    stream.write_all(&challenge.to_bytes())?;
    let mut answer = [0; ANSWER_LEN];
    stream.read_exact(&mut answer)?;
    let (verdict, result) = challenge.judge(secret, CONTROL, &answer);
    stream.write_all(&verdict)?;
    Ok(result?)
}

/// Answers requests until the other side has no more.
fn serve(stream: &mut (impl Read + Write), guest: &dyn Guest) -> Result<(), ControlError> {
    while let Some(request) = next(stream)? {
        let reply = answer(&request, guest);
        stream.write_all(&frame::encode(&reply)?)?;
        if let Request::Shutdown { grace_seconds } = request {
            // After the reply: it would race with the end of everything otherwise.
            guest.shut_down(Duration::from_secs(grace_seconds.into()));
        }
    }
    Ok(())
}

fn next(stream: &mut impl Read) -> Result<Option<Request>, ControlError> {
    let mut prefix = [0; PREFIX_LEN];
    // The end between two messages is an end; inside one it is an error.
    if stream.read(&mut prefix[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut prefix[1..])?;
    let mut body = vec![0; frame::body_len(prefix)?];
    stream.read_exact(&mut body)?;
    Ok(Some(frame::decode(&body)?))
}

fn answer(request: &Request, guest: &dyn Guest) -> Reply {
    match request {
        Request::Report => Reply::Report(guest.report()),
        Request::SetClock { unix_nanos } => match clock::set(*unix_nanos) {
            Ok(moved_nanos) => Reply::Clock { moved_nanos },
            Err(error) => Reply::Failed { why: console::chain(&error) },
        },
        Request::Shutdown { .. } => Reply::ShuttingDown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_protocol::control::Step;
    use berth_protocol::handshake::{CHALLENGE_LEN, VERDICT_LEN};
    use std::os::unix::net::UnixStream;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Fake {
        grace: Mutex<Option<Duration>>,
    }

    impl Guest for Fake {
        fn report(&self) -> Report {
            let step = Step { name: "disk".into(), micros: 5, error: Some("no disk".into()) };
            Report { steps: vec![step], ..Report::default() }
        }
        fn shut_down(&self, grace: Duration) {
            *self.grace.lock().unwrap() = Some(grace);
        }
    }

    fn ask(stream: &mut UnixStream, request: &Request) -> Reply {
        stream.write_all(&frame::encode(request).unwrap()).unwrap();
        let mut prefix = [0; PREFIX_LEN];
        stream.read_exact(&mut prefix).unwrap();
        let mut body = vec![0; frame::body_len(prefix).unwrap()];
        stream.read_exact(&mut body).unwrap();
        frame::decode(&body).unwrap()
    }

    /// The host's part of the handshake; the verdict byte.
    fn open(stream: &mut UnixStream, secret: &Secret) -> u8 {
        let mut challenge = [0; CHALLENGE_LEN];
        stream.read_exact(&mut challenge).unwrap();
        let challenge = Challenge::from_bytes(&challenge).unwrap();
        stream.write_all(&challenge.answer(secret, CONTROL, [7; 32]).to_bytes()).unwrap();
        let mut verdict = [0; VERDICT_LEN];
        stream.read_exact(&mut verdict).unwrap();
        verdict[0]
    }

    fn with_guest<T>(host: impl FnOnce(&mut UnixStream) -> T) -> (T, Result<(), ControlError>, Option<Duration>) {
        let (mut near, far) = UnixStream::pair().unwrap();
        let fake = Fake::default();
        let secret = Secret::new([1; 32]);
        let (said, result) = std::thread::scope(|scope| {
            let guest = scope.spawn(|| {
                let mut far = far;
                let result = shake_hands(&mut far, &secret).and_then(|()| serve(&mut far, &fake));
                drop(far);
                result
            });
            let said = host(&mut near);
            drop(near);
            (said, guest.join().unwrap())
        });
        let grace = *fake.grace.lock().unwrap();
        (said, result, grace)
    }

    #[test]
    fn the_host_reads_a_failed_boot_and_then_shuts_down() {
        let ((), result, grace) = with_guest(|stream| {
            assert_eq!(open(stream, &Secret::new([1; 32])), 0);
            let Reply::Report(report) = ask(stream, &Request::Report) else { panic!("no report") };
            assert_eq!(report.steps[0].error.as_deref(), Some("no disk"));
            assert_eq!(ask(stream, &Request::Shutdown { grace_seconds: 9 }), Reply::ShuttingDown);
        });
        result.unwrap();
        assert_eq!(grace, Some(Duration::from_secs(9)));
    }

    #[test]
    fn without_the_secret_nothing_is_answered() {
        let (verdict, result, grace) = with_guest(|stream| open(stream, &Secret::new([2; 32])));
        assert_ne!(verdict, 0);
        assert!(matches!(result, Err(ControlError::Handshake(_))));
        assert_eq!(grace, None);
    }

    #[test]
    fn a_time_no_clock_can_show_is_refused_in_words() {
        let (reply, _, _) = with_guest(|stream| {
            open(stream, &Secret::new([1; 32]));
            ask(stream, &Request::SetClock { unix_nanos: u64::MAX })
        });
        assert!(matches!(reply, Reply::Failed { why } if why.contains("set the host's clock")));
    }

    #[test]
    fn a_message_that_ends_early_ends_the_connection_with_an_error() {
        let ((), result, _) = with_guest(|stream| {
            open(stream, &Secret::new([1; 32]));
            stream.write_all(&[0, 0, 0, 9, b'{']).unwrap();
        });
        assert!(matches!(result, Err(ControlError::Io(_))));
    }
}
