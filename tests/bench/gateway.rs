//! P6: the way out of the guest, natively: a network whose only way out is a TUN device and the gateway, with a socket in the
//! place of the VM's channel, against Debian's slirp4netns (libslirp, which is QEMU's user network too), and against that
//! socket by itself. Both lead to the same server on this machine's loopback.

use crate::figure::{Figure, line};
use crate::place;
use berth_load::{Measure, SERVER};
use berth_tests::native::{inside, program};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is copied over the channel by itself, bytes.
const BULK: usize = 512 << 20;
const BUFFER: usize = 256 << 10;

const MEASURES: [(&str, Measure); 3] = [
    ("gateway-bulk [MB/s]", Measure::Bulk { bytes: BULK as u64, flows: 1 }),
    ("gateway-bulk-16 [MB/s]", Measure::Bulk { bytes: BULK as u64, flows: 16 }),
    ("gateway-connect-p99 [us]", Measure::ConnectP99),
];

/// A network with one way out.
struct Place {
    holder: Child,
    way: Option<Child>,
    server: SocketAddr,
}

impl Place {
    /// `way` brings the process whose network is given to the server at `host`.
    fn new(host: Ipv4Addr, way: impl FnOnce(u32) -> Option<Child>) -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "sh", "-c", "ip link set lo up && echo && exec sleep 1000000"]);
        let mut holder = unshare.stdout(Stdio::piped()).spawn().expect("unshare");
        BufReader::new(holder.stdout.take().expect("its output")).read_line(&mut String::new()).expect("a line");
        let way = way(holder.id());
        Self { holder, way, server: (host, SERVER).into() }
    }

    /// Runs work in the network; `None` where there is no way.
    fn run<T: Send + 'static>(&self, work: impl FnOnce(SocketAddr) -> T + Send + 'static) -> Option<T> {
        self.way.as_ref()?;
        let server = self.server;
        inside(self.holder.id(), move || work(server)).join().ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for process in self.way.iter_mut().chain([&mut self.holder]) {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// Prints a line for each figure.
pub(crate) fn run(rounds: u32) {
    berth_load::raise_file_limit();
    place::describe(Path::new("/tmp"), &[&["slirp4netns", "--version"]]);
    std::thread::spawn(berth_load::serve);
    let ours = Place::new(Ipv4Addr::new(198, 19, 87, 2), |pid| {
        let mut gateway = Command::new(program("examples/native-gateway"));
        gateway.arg(pid.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut gateway = gateway.spawn().expect("native-gateway");
        BufReader::new(gateway.stdout.take().expect("its output")).read_line(&mut String::new()).expect("a line");
        Some(gateway)
    });
    let slirp = Place::new(Ipv4Addr::new(10, 0, 2, 2), |pid| {
        peer(&["slirp4netns", "--configure", "--mtu=65520", &pid.to_string(), "tap0"])
    });
    assert!(ours.run(berth_load::answers) == Some(true), "the gateway does not lead to the server");
    let there = slirp.run(berth_load::answers) == Some(true);
    if !there {
        println!("note: slirp4netns does not lead to the server here; install Debian's slirp4netns");
    }
    let mut all = MEASURES.map(|_| <[Figure; 3]>::default());
    for round in 1..=rounds {
        for ((name, measure), [at_ours, at_slirp, limit]) in MEASURES.into_iter().zip(&mut all) {
            for (place, figure) in [(Some(&ours), at_ours), (there.then_some(&slirp), at_slirp)] {
                if let Some(value) = place.and_then(|place| place.run(move |server| measure.of(server))) {
                    figure.add(value);
                }
            }
            if name.contains("bulk") {
                limit.add(channel());
            }
        }
        for ((name, _), [ours, slirp, limit]) in MEASURES.iter().zip(&all) {
            println!("round {round}: {name} so far ours ({ours}) slirp4netns ({slirp}) channel ({limit})");
        }
    }
    for ((name, _), [ours, slirp, limit]) in MEASURES.iter().zip(&all) {
        line(name, ours, slirp, limit);
    }
}

/// A peer that has had time to come up; `None` where it is not installed.
fn peer(command: &[&str]) -> Option<Child> {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = process.spawn().ok()?;
    std::thread::sleep(Duration::from_secs(1));
    Some(process)
}

/// MB a second over the channel by itself.
fn channel() -> f64 {
    let (mut near, mut far) = UnixStream::pair().expect("two sockets");
    let from = Instant::now();
    let writer = std::thread::spawn(move || {
        let bytes = vec![7; BUFFER];
        for _ in 0..BULK / BUFFER {
            near.write_all(&bytes).expect("the reader reads");
        }
    });
    let mut bytes = vec![0; BUFFER];
    while far.read(&mut bytes).expect("the writer writes") > 0 {}
    writer.join().expect("the writer");
    let megabytes = u32::try_from(BULK / 1_000_000).expect("some hundred");
    f64::from(megabytes) / from.elapsed().as_secs_f64()
}
