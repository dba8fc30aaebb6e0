//! berth-uplink: carries the packets of the device `uplink` to the host. PID 1 starts it with the boot configuration on
//! standard input, and again when it ends.

use berth_protocol::{
    boot::{BootConfig, Secret},
    handshake::{ANSWER_LEN, Challenge},
    port, uplink,
};
use berth_uplink::{Pump, Stream};
use std::{
    io::{self, Read},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};
use vsock::{VMADDR_CID_ANY, VMADDR_CID_HOST, VsockListener, VsockStream};

/// A boot configuration is a few kilobytes; certificate authorities of a company may add some hundred.
const MAX_LEN: u64 = 16 << 20;
/// How long the host may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Connections that are served or shake hands at once: the one in use, and a few that take its place.
const MOST: usize = 8;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut text = Vec::new();
    io::stdin().lock().take(MAX_LEN).read_to_end(&mut text)?;
    let secret = serde_json::from_slice::<BootConfig>(&text)?.secret;
    let pump = Arc::new(Pump::new(berth_uplink::open(uplink::INTERFACE)?));
    let listener = VsockListener::bind_with_cid_port(VMADDR_CID_ANY, port::UPLINK)?;
    let incoming = Arc::clone(&pump);
    thread::Builder::new().name("incoming".into()).spawn(move || listen(&listener, &secret, &incoming))?;
    pump.carry_out()
}

fn listen(listener: &VsockListener, secret: &Secret, pump: &Arc<Pump<VsockStream>>) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                say(&format!("no connection could be taken: {error}"));
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        // Only the host: a process in the guest reaches this port by the loopback address otherwise.
        if peer.cid() != VMADDR_CID_HOST || open.load(Ordering::Relaxed) >= MOST {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (secret, pump, count) = (secret.clone(), Arc::clone(pump), Arc::clone(&open));
        let served = thread::Builder::new().name("host".into()).spawn(move || {
            match admit(&stream, &secret) {
                Ok(()) => pump.carry_in(stream),
                Err(error) => say(&format!("a connection was refused: {error}")),
            }
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if let Err(error) = served {
            open.fetch_sub(1, Ordering::Relaxed);
            say(&format!("no thread for a connection: {error}"));
        }
    }
}

/// Lets only the host of this boot through: it holds the secret.
fn admit(stream: &VsockStream, secret: &Secret) -> io::Result<()> {
    stream.set_read_timeout(Some(HANDSHAKE))?;
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let challenge = Challenge::new(nonce);
    stream.write_all(&challenge.to_bytes())?;
    let mut answer = [0; ANSWER_LEN];
    Read::read_exact(&mut &*stream, &mut answer)?;
    let (verdict, judged) = challenge.judge(secret, port::UPLINK, &answer);
    stream.write_all(&verdict)?;
    judged.map_err(io::Error::other)?;
    stream.set_read_timeout(None)
}

/// PID 1 puts this on the console.
fn say(text: &str) {
    use std::io::Write;
    // Nobody is left to tell that nobody listens.
    writeln!(io::stderr(), "{text}").unwrap_or_default();
}
