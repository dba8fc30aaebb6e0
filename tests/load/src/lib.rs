//! A server, and the clients that measure the way to it. The program of this crate is both, for containers, and PID 1 of a
//! guest that has nothing else.

pub mod guest;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

/// Where the server listens.
pub const SERVER: u16 = 5201;
const BUFFER: usize = 256 << 10;
/// What an echo takes at once, bytes.
const PIECE: usize = 16 << 10;
/// Connections of which the 99th of 100 is told.
const CONNECTS: usize = 400;
const SILENT: usize = 1_000;
const BUSY: usize = 100;
/// Who talks over how many connections at a time, and how often over each.
const TALKERS: usize = 10;
const EXCHANGES: usize = 40;
const MESSAGE: [u8; 1024] = [7; 1024];

/// A client that asks for this in its first byte is sent back what it sends.
pub const ECHO: u8 = b'e';
/// A client that asks for this is sent as many bytes as the eight behind it say.
const SEND: u8 = b's';

/// A client that says this sends as many bytes as the eight behind it say, and is sent one when they are there.
const TAKE: u8 = b't';

/// What a client says that wants so many bytes.
#[must_use]
pub fn wish(bytes: u64) -> [u8; 9] {
    said(SEND, bytes)
}

/// What a client says that has so many bytes.
#[must_use]
pub fn gift(bytes: u64) -> [u8; 9] {
    said(TAKE, bytes)
}

fn said(what: u8, bytes: u64) -> [u8; 9] {
    let mut said = [what; 9];
    said[1..].copy_from_slice(&bytes.to_be_bytes());
    said
}

/// A connection of whatever kind.
pub trait Connection: Read + Write + Send {}

impl<T: Read + Write + Send> Connection for T {}

/// Connects to the server.
pub type Connect<'a> = &'a (dyn Fn() -> io::Result<Box<dyn Connection>> + Sync);

/// Something that can be measured of a way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// MB (1,000,000 bytes) a second from the server.
    Bulk {
        /// Bytes over all flows.
        bytes: u64,
        /// Flows at once.
        flows: u64,
    },
    /// Microseconds from a connect to the first byte back, the 99th of 100.
    ConnectP99,
    /// Messages there and back a second, of 100 connections that talk beside 1,000 that are silent.
    Busy,
}

impl Measure {
    /// Measures the way to an address.
    ///
    /// # Panics
    /// When the server is not reached.
    #[must_use]
    pub fn of(self, server: SocketAddr) -> f64 {
        self.through(&|| {
            let stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        })
    }

    /// Measures another way.
    ///
    /// # Panics
    /// When the server is not reached.
    #[must_use]
    pub fn through(self, connect: Connect<'_>) -> f64 {
        match self {
            Self::Bulk { bytes, flows } => bulk(connect, bytes, flows),
            Self::ConnectP99 => connect_p99(connect),
            Self::Busy => busy(connect),
        }
    }

    /// The words that [`Self::read`] reads.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        match self {
            Self::Bulk { bytes, flows } => vec!["bulk".into(), bytes.to_string(), flows.to_string()],
            Self::ConnectP99 => vec!["connect".into()],
            Self::Busy => vec!["busy".into()],
        }
    }

    /// The measurement that these words ask for.
    #[must_use]
    pub fn read(words: &[&str]) -> Option<Self> {
        match words {
            ["bulk", bytes, flows] => Some(Self::Bulk { bytes: bytes.parse().ok()?, flows: flows.parse().ok()? }),
            ["connect"] => Some(Self::ConnectP99),
            ["busy"] => Some(Self::Busy),
            _ => None,
        }
    }
}

/// Thousands of connections need more descriptors than a shell gives.
///
/// # Panics
/// When the system does not give them.
pub fn raise_file_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the hard limit");
}

/// Answers on every address, until the process ends.
///
/// # Panics
/// When the port cannot be had.
pub fn serve() {
    let listener = TcpListener::bind(("0.0.0.0", SERVER)).expect("the server's port");
    for stream in listener.incoming().map_while(Result::ok) {
        stream.set_nodelay(true).ok();
        answer(stream);
    }
}

/// Serves one client, on a thread of its own.
fn answer(mut stream: impl Read + Write + Send + 'static) {
    let serve = move || {
        let mut said = [0; 9];
        match stream.read_exact(&mut said[..1]) {
            Ok(()) if said[0] == ECHO => echo(&mut stream),
            Ok(()) if stream.read_exact(&mut said[1..]).is_ok() => {
                let bytes = u64::from_be_bytes(said[1..].try_into().expect("eight bytes"));
                // A client that leaves in the middle is no failure of the server.
                match said[0] {
                    SEND => send(&mut stream, bytes).unwrap_or_default(),
                    TAKE => take(&mut stream, bytes).unwrap_or_default(),
                    _ => {}
                }
            }
            _ => {}
        }
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(serve).expect("a thread");
}

fn send(stream: &mut impl Write, mut left: u64) -> io::Result<()> {
    let bytes = vec![7; BUFFER];
    while left > 0 {
        let count = left.min(BUFFER as u64);
        stream.write_all(&bytes[..usize::try_from(count).expect("a buffer")])?;
        left -= count;
    }
    Ok(())
}

fn take(stream: &mut (impl Read + Write), mut left: u64) -> io::Result<()> {
    let mut bytes = vec![0; BUFFER];
    while left > 0 {
        left = left.saturating_sub(stream.read(&mut bytes).and_then(|count| match count {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count as u64),
        })?);
    }
    stream.write_all(&[TAKE])
}

fn echo(stream: &mut (impl Read + Write)) {
    let mut bytes = vec![0; PIECE];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

fn echoing(connect: Connect<'_>) -> io::Result<Box<dyn Connection>> {
    let mut stream = connect()?;
    stream.write_all(&[ECHO])?;
    Ok(stream)
}

fn exchange(stream: &mut dyn Connection, message: &[u8]) -> io::Result<()> {
    let mut back = [0; MESSAGE.len()];
    stream.write_all(message)?;
    stream.read_exact(&mut back[..message.len()])
}

/// Whether the way to the server is there.
#[must_use]
pub fn answers(server: SocketAddr) -> bool {
    let connect = || Ok(Box::new(TcpStream::connect(server)?) as Box<dyn Connection>);
    echoing(&connect).and_then(|mut stream| exchange(&mut *stream, b"x")).is_ok()
}

fn bulk(connect: Connect<'_>, bytes: u64, flows: u64) -> f64 {
    let from = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..flows {
            scope.spawn(|| {
                let mut stream = connect().expect("a connection");
                stream.write_all(&wish(bytes / flows)).expect("a wish");
                let (mut buffer, mut got) = (vec![0; BUFFER], 0);
                while got < bytes / flows {
                    let count = stream.read(&mut buffer).expect("bytes");
                    assert!(count > 0, "the flow ended after {got} bytes");
                    got += count as u64;
                }
            });
        }
    });
    bytes as f64 / 1e6 / from.elapsed().as_secs_f64()
}

fn connect_p99(connect: Connect<'_>) -> f64 {
    let one = |_| {
        let from = Instant::now();
        exchange(&mut *echoing(connect).expect("a connection"), b"x").expect("an answer");
        from.elapsed().as_secs_f64() * 1e6
    };
    p99((0..CONNECTS).map(one).collect())
}

/// The 99th of 100 values.
#[must_use]
pub fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() * 99 / 100]
}

fn busy(connect: Connect<'_>) -> f64 {
    let open = |_| {
        let mut stream = echoing(connect).expect("a connection");
        exchange(&mut *stream, b"x").expect("an answer");
        stream
    };
    let silent: Vec<_> = (0..SILENT).map(open).collect();
    let mut busy: Vec<_> = (0..BUSY).map(open).collect();
    let from = Instant::now();
    std::thread::scope(|scope| {
        for some in busy.chunks_mut(BUSY / TALKERS) {
            scope.spawn(|| {
                for _ in 0..EXCHANGES {
                    some.iter_mut().for_each(|stream| exchange(&mut **stream, &MESSAGE).expect("an answer"));
                }
            });
        }
    });
    let took = from.elapsed().as_secs_f64();
    drop(silent);
    (BUSY * EXCHANGES) as f64 / took
}
