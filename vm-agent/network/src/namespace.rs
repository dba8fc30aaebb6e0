//! Named network namespaces: a file that keeps a namespace alive when no process is in it.

use crate::{Endpoint, Error, MacAddress, link};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns, unshare},
};
use rtnetlink::Handle;
use std::{
    fs::{self, File},
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
    thread,
};
use tokio::sync::oneshot;

/// Where a namespace comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is made. What an earlier attempt left is replaced.
    New,
    /// It is there under its name, made by somebody else.
    There,
}

/// How a new namespace is wired to the outside.
pub(crate) struct Wiring {
    /// Netlink of the machine's own namespace.
    pub(crate) outside: Handle,
    /// Index of the bridge there.
    pub(crate) bridge: u32,
    /// Name of the outer end of the pair.
    pub(crate) interface: String,
    /// Address of the inner end.
    pub(crate) mac: MacAddress,
    /// The rest of the inner end.
    pub(crate) endpoint: Endpoint,
}

/// Prepares a namespace named by `path`, with loopback up and, when wired, the inner end of the pair configured.
///
/// A thread does it, since a namespace is entered by a thread; it ends afterwards and leaves the named file. On failure
/// the file is gone again.
pub(crate) async fn create(path: PathBuf, origin: Origin, wiring: Option<Wiring>) -> Result<(), Error> {
    if origin == Origin::New {
        remove(&path)?;
    }
    let (answer, answered) = oneshot::channel();
    let named = path.clone();
    thread::Builder::new()
        .name("netns".to_owned())
        .spawn(move || {
            let result = inside_namespace(&named, origin, wiring);
            if answer.send(result).is_err() {
                // The caller was dropped: nobody will name this namespace again.
                if let Err(e) = remove(&named) {
                    tracing::warn!("a namespace that nobody waits for stays: {e}");
                }
            }
        })
        .map_err(Error::io("start a thread for", &path))?;
    let result = answered.await.unwrap_or(Err(Error::ThreadLost));
    if result.is_err() {
        remove(&path)?;
    }
    result
}

fn inside_namespace(path: &Path, origin: Origin, wiring: Option<Wiring>) -> Result<(), Error> {
    match origin {
        Origin::New => make(path)?,
        Origin::There => {
            let namespace = File::open(path).map_err(Error::io("open", path))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .map_err(io::Error::from)
                .map_err(Error::io("enter the namespace", path))?;
        }
    }
    // The bridge carries no IPv6 yet: without this the container would still get a link-local address and try it.
    // Loopback keeps ::1. A kernel without IPv6 has no such file.
    match fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1") {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("turn IPv6 off in", path)(e)),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(Error::io("start a runtime for", path))?;
    runtime.block_on(async {
        let (connection, inside, _) = rtnetlink::new_connection().map_err(Error::io("open netlink in", path))?;
        tokio::spawn(connection);
        if let Some(lo) = link::index(&inside, "lo").await? {
            link::set_up(&inside, lo).await?;
        }
        if let Some(wiring) = wiring {
            let namespace = File::open(path).map_err(Error::io("open", path))?;
            link::add_pair(&wiring.outside, &wiring.interface, wiring.bridge, namespace.as_fd(), wiring.mac).await?;
            link::configure_inside(&inside, &wiring.endpoint).await?;
        }
        Ok(())
    })
}

/// Moves this thread into a new namespace and names it.
fn make(path: &Path) -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(io::Error::from).map_err(Error::io("make the namespace", path))?;
    File::create(path).map_err(Error::io("create", path))?;
    mount(Some("/proc/thread-self/ns/net"), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(io::Error::from)
        .map_err(Error::io("name the namespace", path))
}

/// Takes the name off a namespace; the kernel ends it when its last process is gone. One without a name is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match umount2(path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => {}
        Err(e) => return Err(Error::io("take the name off", path)(e.into())),
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(e)),
        _ => Ok(()),
    }
}
