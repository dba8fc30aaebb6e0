//! The server in the container and the clients at a port.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

/// Where the server listens.
pub(crate) const SERVER: u16 = 5201;
/// What is moved in a bulk measurement, bytes, over all flows.
const BULK: u64 = 512 << 20;
const BUFFER: usize = 256 << 10;
/// Connections of which the 99th of 100 is told.
const CONNECTS: usize = 400;
const SILENT: usize = 1_000;
const BUSY: usize = 100;
/// Who talks over how many connections at a time, and how often over each.
const TALKERS: usize = 10;
const EXCHANGES: usize = 40;
const MESSAGE: [u8; 1024] = [7; 1024];

/// What a client asks for in its first byte.
const SEND: u8 = b's';
const ECHO: u8 = b'e';

/// Thousands of connections need more descriptors than a shell gives.
pub(crate) fn raise_file_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the hard limit");
}

/// Answers on every address, until the process ends.
pub(crate) fn serve() {
    let listener = TcpListener::bind(("0.0.0.0", SERVER)).expect("the server's port");
    for mut stream in listener.incoming().map_while(Result::ok) {
        let serve = move || {
            stream.set_nodelay(true).ok();
            let mut wish = [0; 9];
            match stream.read_exact(&mut wish[..1]) {
                Ok(()) if wish[0] == ECHO => drop(std::io::copy(&mut &stream, &mut &stream)),
                Ok(()) if stream.read_exact(&mut wish[1..]).is_ok() => {
                    let mut left = u64::from_be_bytes(wish[1..].try_into().expect("eight bytes"));
                    let bytes = vec![7; BUFFER];
                    while left > 0 {
                        let count = left.min(BUFFER as u64);
                        let piece = &bytes[..usize::try_from(count).expect("a buffer")];
                        if stream.write_all(piece).is_err() {
                            return;
                        }
                        left -= count;
                    }
                }
                _ => {}
            }
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(serve).expect("a thread");
    }
}

fn echoing(port: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(port)?;
    stream.set_nodelay(true)?;
    stream.write_all(&[ECHO])?;
    Ok(stream)
}

fn exchange(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let mut back = [0; MESSAGE.len()];
    stream.write_all(message)?;
    stream.read_exact(&mut back[..message.len()])
}

/// Whether the way to the server is there.
pub(crate) fn answers(port: SocketAddr) -> bool {
    echoing(port).and_then(|mut stream| exchange(&mut stream, b"x")).is_ok()
}

/// MB (1,000,000 bytes) a second from the server, over so many flows at once.
pub(crate) fn bulk(port: SocketAddr, flows: u64) -> f64 {
    let from = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..flows {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(port).expect("a connection");
                let wish = [&[SEND][..], &(BULK / flows).to_be_bytes()].concat();
                stream.write_all(&wish).expect("a wish");
                let (mut buffer, mut got) = (vec![0; BUFFER], 0);
                while got < BULK / flows {
                    let count = stream.read(&mut buffer).expect("bytes");
                    assert!(count > 0, "the flow ended after {got} bytes");
                    got += count as u64;
                }
            });
        }
    });
    BULK as f64 / 1e6 / from.elapsed().as_secs_f64()
}

/// Microseconds from a connect to the first byte back, the 99th of 100.
pub(crate) fn connect_p99(port: SocketAddr) -> f64 {
    let one = |_| {
        let from = Instant::now();
        exchange(&mut echoing(port).expect("a connection"), b"x").expect("an answer");
        from.elapsed().as_secs_f64() * 1e6
    };
    let mut all: Vec<f64> = (0..CONNECTS).map(one).collect();
    all.sort_by(f64::total_cmp);
    all[CONNECTS * 99 / 100]
}

/// Messages there and back a second, of those who talk beside those who are silent.
pub(crate) fn busy(port: SocketAddr) -> f64 {
    let open = |_| {
        let mut stream = echoing(port).expect("a connection");
        exchange(&mut stream, b"x").expect("an answer");
        stream
    };
    let silent: Vec<TcpStream> = (0..SILENT).map(open).collect();
    let mut busy: Vec<TcpStream> = (0..BUSY).map(open).collect();
    let from = Instant::now();
    std::thread::scope(|scope| {
        for some in busy.chunks_mut(BUSY / TALKERS) {
            scope.spawn(|| {
                for _ in 0..EXCHANGES {
                    some.iter_mut().for_each(|stream| exchange(stream, &MESSAGE).expect("an answer"));
                }
            });
        }
    });
    let took = from.elapsed().as_secs_f64();
    drop(silent);
    (BUSY * EXCHANGES) as f64 / took
}
