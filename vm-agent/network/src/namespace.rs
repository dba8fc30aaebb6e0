//! Named network namespaces: a file that keeps a namespace alive when no process is in it.

use crate::{Error, link, sysctl};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns, unshare},
};
use rtnetlink::Handle;
use std::{
    fs::{self, File},
    future::Future,
    io,
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

/// Prepares a namespace named by `path`, with loopback up. On failure the file is gone again.
pub(crate) async fn create(path: &Path, origin: Origin) -> Result<(), Error> {
    if origin == Origin::New {
        remove(path)?;
    }
    let named = path.to_owned();
    let prepared = on_thread(path, move || {
        match origin {
            Origin::New => make(&named)?,
            Origin::There => enter(&named)?,
        }
        // An interface has IPv6 when its network has: else the container would get a link-local address and try it.
        // Loopback keeps ::1.
        sysctl::ipv6("default", false)?;
        // Who had the address before may still be in the neighbours' tables under another Ethernet address.
        sysctl::set("ipv4/conf/default/arp_notify", "1")?;
        sysctl::set("ipv6/conf/default/ndisc_notify", "1")?;
        with_netlink(&named, async |inside| match link::index(&inside, "lo").await? {
            Some(lo) => link::set_up(&inside, lo).await,
            None => Ok(()),
        })
    });
    let prepared = prepared.await;
    if prepared.is_err() {
        remove(path)?;
    }
    prepared
}

/// Does `work` in a namespace that has a name.
pub(crate) async fn inside<F: Future<Output = Result<(), Error>>>(
    path: &Path,
    work: impl FnOnce(Handle) -> F + Send + 'static,
) -> Result<(), Error> {
    let named = path.to_owned();
    on_thread(path, move || {
        enter(&named)?;
        with_netlink(&named, work)
    })
    .await
}

/// A namespace is entered by a thread: one of its own, which ends afterwards.
async fn on_thread(path: &Path, work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    let (answer, answered) = oneshot::channel();
    thread::Builder::new()
        .name("netns".to_owned())
        // Nobody to answer is no error: the caller was dropped, and whoever owns the namespace removes it.
        .spawn(move || drop(answer.send(work())))
        .map_err(Error::io("start a thread for", path))?;
    answered.await.unwrap_or(Err(Error::ThreadLost))
}

fn with_netlink<F: Future<Output = Result<(), Error>>>(
    path: &Path,
    work: impl FnOnce(Handle) -> F,
) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(Error::io("start a runtime for", path))?;
    runtime.block_on(async {
        let (connection, inside, _) = rtnetlink::new_connection().map_err(Error::io("open netlink in", path))?;
        tokio::spawn(connection);
        work(inside).await
    })
}

fn enter(path: &Path) -> Result<(), Error> {
    let namespace = open(path)?;
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(io::Error::from).map_err(Error::io("enter the namespace", path))
}

/// A descriptor of a namespace.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(Error::io("open", path))
}

/// Moves this thread into a new namespace and names it.
fn make(path: &PathBuf) -> Result<(), Error> {
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
