//! The published ports of berthd for a native engine (`vm-agent/agent/examples/native-engine`): for benches, fault tests, and
//! trying things out by hand. Where berthd dials a vsock port of its guest, this dials `DIR/vsock-PORT.sock`.
//!
//! ```text
//! native-ports DIR    listens for what the engine in DIR publishes, until standard input ends
//! ```
//!
//! Each line on standard input is a wish: `list` prints the ports as `berth ports` gets them, as JSON on one line; `share` and
//! `unshare` open and close those without an address to others; `tasks` prints how many tasks and descriptors there are.

use async_trait::async_trait;
use berth_host::{
    guest::{Guest, publish},
    platform,
    ports::{Ports, Sharing},
};
use berth_machine::{Channel, ConnectError, Connector};
use berth_protocol::boot::Secret;
use std::{path::PathBuf, sync::Arc};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::UnixStream,
    time::Instant,
};

/// The native engine's; it guards nothing that the folder does not.
const SECRET: [u8; 32] = [0; 32];

struct Sockets(PathBuf);

#[async_trait]
impl Connector for Sockets {
    async fn connect(&self, port: u32, _: Instant) -> Result<Box<dyn Channel>, ConnectError> {
        let socket = self.0.join(format!("vsock-{port}.sock"));
        match UnixStream::connect(socket).await {
            Ok(stream) => Ok(Box::new(stream)),
            // An engine that is being started again, as in the guest.
            Err(_) => Err(ConnectError::Refused { port }),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map(PathBuf::from).ok_or_else(|| anyhow::anyhow!("usage: native-ports DIR"))?;
    platform::raise_file_limit();
    let ports = Ports::new(Sharing::default(), platform::port_holder);
    let guest = Guest::new(Arc::new(Sockets(dir)), Secret::new(SECRET));
    ports.set_guest(Some(guest.clone()));
    // The ground is a place of its own: routes of this machine mean nothing there.
    let routes = tokio::sync::watch::channel(vec![]).1;
    tokio::spawn(publish::serve(guest, Arc::clone(&ports), routes));
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match line.trim() {
            "list" => println!("{}", serde_json::to_string(&ports.list())?),
            "tasks" => {
                let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
                println!("{tasks} {}", std::fs::read_dir("/proc/self/fd")?.count());
            }
            wish @ ("share" | "unshare") => match ports.share(Sharing::default().with(None, wish == "share")).await {
                Ok(()) => println!("ok"),
                Err(refusal) => println!("{refusal}"),
            },
            other => anyhow::bail!("{other:?} is no wish: list, share, unshare or tasks"),
        }
    }
    Ok(())
}
