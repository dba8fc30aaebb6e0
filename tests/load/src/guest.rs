//! A guest with nothing but this program, on QEMU's user network: what a way through that, or a bare vsock stream, costs.

mod netlink;

use crate::{Measure, answer, raise_file_limit, serve};
use netlink::Netlink;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::net::if_::if_nametoindex;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use vsock::{VMADDR_CID_ANY, VsockListener, VsockStream};

/// The vsock port of the server.
pub const RAW: u32 = 1;
/// The vsock port that takes a line, an address and the words of a [`Measure`], and answers with a line, the value.
pub const MEASURES: u32 = 2;

/// The guest on QEMU's user network, and what leads to the host's loopback there (QEMU, `net/slirp.c`).
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The host.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const PREFIX: u8 = 24;
const CARD: &str = "eth0";

/// Never returns: PID 1 must not.
pub fn run() -> ! {
    // The last line on the console is what a guest that does not answer is explained with.
    if let Err(error) = start() {
        println!("berth-load: {error}");
    }
    loop {
        thread::park();
    }
}

fn start() -> io::Result<()> {
    for (kind, place) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>)?;
    }
    let mut modules: Vec<_> = fs::read_dir("/modules")?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    modules.sort();
    for module in modules {
        finit_module(File::open(&module)?, c"", ModuleInitFlags::empty())
            .map_err(|error| io::Error::other(format!("{}: {error}", module.display())))?;
    }
    raise_file_limit();
    let netlink = Netlink::open()?;
    netlink.set_up(if_nametoindex("lo")?)?;
    let card = if_nametoindex(CARD)?;
    netlink.set_up(card)?;
    netlink.add_address(card, GUEST, PREFIX)?;
    thread::spawn(serve);
    listen(RAW, answer)?;
    listen(MEASURES, |stream| {
        thread::spawn(move || {
            if let Err(error) = measure(&stream) {
                println!("berth-load: {error}");
            }
        });
    })?;
    println!("berth-load: up");
    Ok(())
}

fn listen(port: u32, take: impl Fn(VsockStream) + Send + 'static) -> io::Result<()> {
    let listener = VsockListener::bind_with_cid_port(VMADDR_CID_ANY, port)?;
    thread::spawn(move || listener.incoming().flatten().for_each(take));
    Ok(())
}

fn measure(stream: &VsockStream) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let asked = match words[..] {
        [server, ref measure @ ..] => server.parse::<SocketAddr>().ok().zip(Measure::read(measure)),
        [] => None,
    };
    let (server, measure) = asked.ok_or_else(|| io::Error::other(format!("{line:?} asks for nothing")))?;
    writeln!(&mut &*stream, "{}", measure.of(server))
}
