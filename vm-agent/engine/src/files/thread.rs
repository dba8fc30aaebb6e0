//! Work on a thread of its own, which ends with it: what it changed of itself does not come back.

use berth_image::Ids;
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use rustix::thread::{CapabilitiesSecureBits, capabilities_secure_bits, set_capabilities_secure_bits};
use std::{io, thread};

/// Runs what changes the thread's namespaces or ids.
pub(super) fn on_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("files".to_owned()).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that looked at the files panicked")))
    })
}

/// Runs what makes files for the root of a container, with this process's capabilities: where ids are mapped, who has
/// none of them can make nothing. Blocks.
///
/// # Errors
/// When there is no such thread; the work's own are its answer.
pub(crate) fn as_root_of<T: Send>(ids: Ids, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let Some(root) = ids.outside(0).filter(|root| *root != 0) else { return Ok(work()) };
    on_a_thread(move || {
        // Else capabilities would go with the change of ids.
        set_capabilities_secure_bits(capabilities_secure_bits()? | CapabilitiesSecureBits::NO_SETUID_FIXUP)?;
        setfsgid(Gid::from_raw(root));
        setfsuid(Uid::from_raw(root));
        Ok(work())
    })
}
