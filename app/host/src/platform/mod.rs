//! What differs between operating systems: the local socket, signals, who holds a port, and the way of getting a VM.
//! The only place of this crate with `cfg(target_os)`.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::{Listener, NO_SUCH_FAMILY, REUSE_ADDRESS_IS_SAFE, end_signal, private_folder, raise_file_limit};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{Listener, NO_SUCH_FAMILY, REUSE_ADDRESS_IS_SAFE, end_signal, private_folder, raise_file_limit};

#[cfg(target_os = "linux")]
mod datagram;
#[cfg(target_os = "linux")]
pub use datagram::DatagramSocket;

#[cfg(not(target_os = "linux"))]
mod datagram_plain;
#[cfg(not(target_os = "linux"))]
pub use datagram_plain::DatagramSocket;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{added_ca_roots, low_ports, port_holder};

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub use other::{added_ca_roots, low_ports, port_holder};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod qemu;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use qemu::choose_driver;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod no_driver;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub use no_driver::choose_driver;

use std::net::{IpAddr, SocketAddr};

/// A datagram that was received.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Its length, bytes.
    pub length: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// The address of this host that it came to, where the socket is for all of them and the system tells.
    pub at: Option<IpAddr>,
}
