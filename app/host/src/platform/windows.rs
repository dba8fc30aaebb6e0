//! Windows: a named pipe that only its owner may open, and console signals.

#![expect(unsafe_code, reason = "the pipe's access list is given to the system as a raw descriptor")]

use std::{ffi::c_void, io, path::Path};
use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use windows_sys::Win32::{
    Foundation::LocalFree,
    Security::{
        Authorization::{ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1},
        PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
    },
};

/// `SO_REUSEADDR` would let two programs share a port here.
pub const REUSE_ADDRESS_IS_SAFE: bool = false;
/// What a socket of a family that the system lacks is answered with: `WSAEAFNOSUPPORT`.
pub const NO_SUCH_FAMILY: i32 = 10047;

/// Everything to the owner, nothing to anyone else, in the security descriptor definition language.
const OWNER_ONLY: &str = "D:P(A;;GA;;;OW)";

/// Creates a folder. It inherits the rights of the user's profile, which others cannot enter.
///
/// # Errors
/// What the system says.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// There is no such limit.
pub fn raise_file_limit() {}

/// The local pipe, listening.
#[derive(Debug)]
pub struct Listener {
    name: std::ffi::OsString,
    next: NamedPipeServer,
}

impl Listener {
    /// Listens on the pipe `name`; fails when another process has made one of that name.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(name: &Path) -> io::Result<Self> {
        let name = name.as_os_str().to_owned();
        let next = create(&name, true)?;
        Ok(Self { name, next })
    }

    /// The next connection.
    ///
    /// # Errors
    /// What the system says.
    pub async fn accept(&mut self) -> io::Result<NamedPipeServer> {
        self.next.connect().await?;
        let fresh = create(&self.name, false)?;
        Ok(std::mem::replace(&mut self.next, fresh))
    }
}

fn create(name: &std::ffi::OsStr, first: bool) -> io::Result<NamedPipeServer> {
    let sddl: Vec<u16> = OWNER_ONLY.encode_utf16().chain([0]).collect();
    let mut descriptor: PSECURITY_DESCRIPTOR = std::ptr::null_mut();
    // SAFETY: the string ends with a zero, the out pointer is valid, and the size is not asked for.
    let made = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            sddl.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            std::ptr::null_mut(),
        )
    };
    if made == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(u32::MAX),
        lpSecurityDescriptor: descriptor,
        bInheritHandle: 0,
    };
    // SAFETY: the attributes and the descriptor they point to live until the call returns.
    let pipe = unsafe {
        ServerOptions::new()
            .first_pipe_instance(first)
            .reject_remote_clients(true)
            .create_with_security_attributes_raw(name, (&raw mut attributes).cast::<c_void>())
    };
    // SAFETY: the descriptor came from the conversion above, which says to free it so, and is not used again.
    unsafe { LocalFree(descriptor) };
    pipe
}

/// Waits for what ends berthd, and gives its name.
pub async fn end_signal() -> &'static str {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_shutdown};
    let (Ok(mut c), Ok(mut stop), Ok(mut shutdown)) = (ctrl_c(), ctrl_break(), ctrl_shutdown()) else {
        tracing::error!("console signals cannot be caught");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = c.recv() => "ctrl-c",
        _ = stop.recv() => "ctrl-break",
        _ = shutdown.recv() => "shutdown of the system",
    }
}
