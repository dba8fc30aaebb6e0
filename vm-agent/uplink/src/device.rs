//! The TUN device (Linux, Documentation/networking/tuntap.rst).
#![allow(unsafe_code, reason = "the device is set up by ioctl")]

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
};

const PATH: &str = "/dev/net/tun";
/// What the kernel need not do for us (linux/if_tun.h): `TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6`.
const OFFLOADS: libc::c_ulong = 0x01 | 0x02 | 0x04;

nix::ioctl_write_int!(set_persist, b'T', 203);
nix::ioctl_write_int!(set_offload, b'T', 208);
nix::ioctl_write_ptr!(set_interface, b'T', 202, libc::c_int);

/// Makes a device that stays when this program ends, and opens it.
///
/// # Errors
/// What the kernel says; a device of another kind has that name, or the module is missing.
pub fn make(name: &str) -> io::Result<File> {
    let device = open(name)?;
    // SAFETY: the descriptor is that of a TUN device, and the argument is a number.
    unsafe { set_persist(device.as_raw_fd(), 1) }?;
    Ok(device)
}

/// Opens the device; reading one that has no packet does not wait.
///
/// # Errors
/// What the kernel says; another program has it.
pub fn open(name: &str) -> io::Result<File> {
    let device = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(PATH)?;
    let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    // SAFETY: all zeroes are a request without a name.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    if name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::try_from(from).map_err(io::Error::other)?;
    }
    // SAFETY: the request is an `ifreq`, which this ioctl reads and writes despite what its number says of its size.
    unsafe { set_interface(device.as_raw_fd(), (&raw const request).cast()) }?;
    // SAFETY: the descriptor is that of a TUN device, and the argument is a number.
    unsafe { set_offload(device.as_raw_fd(), OFFLOADS) }?;
    Ok(device)
}
