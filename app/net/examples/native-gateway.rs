//! The way out on this machine's own kernel, for benches and for trying things out by hand: gives the network namespace of a
//! process the device `uplink`, and carries its packets to the gateway over a socket in the place of vsock. As root.
//!
//! ```text
//! native-gateway PID    says "ready" when the way is there; goes on until standard input ends
//! ```

use berth_net::{Gateway, Settings, link::StreamLink};
use berth_protocol::uplink;
use berth_uplink::Pump;
use nix::sched::{CloneFlags, setns};
use std::{
    fs::File,
    io::{self, Read},
    os::unix::net::UnixStream,
    process::Command,
    sync::Arc,
    thread,
};

fn main() -> io::Result<()> {
    let pid = std::env::args().nth(1).ok_or_else(|| io::Error::other("usage: native-gateway PID"))?;
    let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
    let made = thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        plug_in()
    });
    let device = made.join().map_err(|_| io::Error::other("the device was not made"))??;
    let pump = Arc::new(Pump::new(device));
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    let outgoing = Arc::clone(&pump);
    thread::spawn(move || outgoing.carry_out());
    thread::spawn(move || pump.carry_in(far));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.spawn(async move {
        let link = StreamLink::new(tokio::net::UnixStream::from_std(near)?);
        Gateway::new(Settings::default()).serve(link).await
    });
    println!("ready");
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// Makes the device, with its addresses and routes, where this thread is.
fn plug_in() -> io::Result<File> {
    let name = uplink::INTERFACE;
    let device = berth_uplink::make(name)?;
    for words in [
        format!("link set {name} mtu {} up", uplink::MTU),
        format!("address add {}/{} dev {name}", uplink::GUEST, uplink::PREFIX),
        format!("address add {}/{} dev {name} nodad", uplink::GUEST_V6, uplink::PREFIX_V6),
        format!("route add default via {}", uplink::GATEWAY),
        format!("-6 route add default via {}", uplink::GATEWAY_V6),
    ] {
        if !Command::new("ip").args(words.split(' ')).status()?.success() {
            return Err(io::Error::other(format!("ip {words} failed")));
        }
    }
    Ok(device)
}
