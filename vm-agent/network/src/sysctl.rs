//! Settings of the network namespace that the calling thread is in.

use crate::Error;
use std::{fs, io, path::PathBuf};

/// Sets `/proc/sys/net/{name}`. A kernel without the feature has no such file, and nothing to set.
pub(crate) fn set(name: &str, value: &str) -> Result<(), Error> {
    let path = PathBuf::from("/proc/sys/net").join(name);
    match fs::write(&path, value) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("write", path)(e)),
        _ => Ok(()),
    }
}

/// Sets `/proc/sys/net/{name}`, which has to be there.
pub(crate) fn set_existing(name: &str, value: &str) -> Result<(), Error> {
    let path = PathBuf::from("/proc/sys/net").join(name);
    fs::write(&path, value).map_err(Error::io("write", path))
}

/// Turns IPv6 on or off on an interface. Addresses that the engine gives are nobody else's, and routers are the
/// engine's business: neither is looked for on the link.
pub(crate) fn ipv6(interface: &str, on: bool) -> Result<(), Error> {
    if on {
        set(&format!("ipv6/conf/{interface}/accept_dad"), "0")?;
        set(&format!("ipv6/conf/{interface}/accept_ra"), "0")?;
    }
    set(&format!("ipv6/conf/{interface}/disable_ipv6"), if on { "0" } else { "1" })
}
