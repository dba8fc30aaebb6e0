//! Becoming the container's user.

use std::os::fd::AsFd;

use nix::{
    errno::Errno,
    sys::{prctl, stat::fstat},
    unistd::{Gid, Uid, fchown, setgroups, setresgid, setresuid},
};
use oci_spec::runtime::User;

use super::{capabilities::Granted, devices::is_null, program::Streams};
use crate::failure::{Context, Failure};

/// Gives the standard streams to the container's user, so that it can open `/dev/stdout` again. The null device is
/// everybody's already.
///
/// # Errors
/// Those of fchown(2), but for streams that cannot change hands.
pub(super) fn own_streams(user: &User) -> Result<(), Failure> {
    let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    for stream in [input.as_fd(), output.as_fd(), error.as_fd()] {
        let is_users = fstat(stream).context("inspect a standard stream")?.st_uid == user.uid();
        if is_users || is_null(stream)? {
            continue;
        }
        match fchown(stream, Some(Uid::from_raw(user.uid())), None) {
            Ok(()) | Err(Errno::EINVAL | Errno::EPERM | Errno::EROFS) => {}
            Err(errno) => return Err(errno).context("give a standard stream to the container's user"),
        }
    }
    Ok(())
}

/// Gives the streams of a process whose container's root is another user outside to that one: inside, the files of a
/// user that it does not have cannot change hands.
///
/// # Errors
/// Those of fchown(2).
pub(crate) fn give_streams(streams: &Streams, (uid, gid): (u32, u32)) -> Result<(), Failure> {
    let Streams::Given { input, output, error } = streams else { return Ok(()) };
    for stream in [input, output, error] {
        if !is_null(stream)? {
            fchown(stream, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .context("give a standard stream to the container's root")?;
        }
    }
    Ok(())
}

/// Takes on user, groups and capabilities; some capabilities stay until [`Granted::settle`].
///
/// # Errors
/// The step that the kernel refuses.
pub(super) fn assume(user: &User, granted: &Granted) -> Result<(), Failure> {
    granted.bound()?;
    let groups: Vec<Gid> = user.additional_gids().iter().flatten().copied().map(Gid::from_raw).collect();
    setgroups(&groups).context("setgroups")?;
    let gid = Gid::from_raw(user.gid());
    setresgid(gid, gid, gid).context("setresgid")?;
    prctl::set_keepcaps(true).context("keep capabilities")?;
    let uid = Uid::from_raw(user.uid());
    setresuid(uid, uid, uid).context("setresuid")?;
    prctl::set_keepcaps(false).context("keep capabilities")?;
    granted.assume()
}

/// Leaves the keys of the creating process behind.
#[expect(unsafe_code, reason = "keyctl has no wrapper")]
pub(super) fn join_new_keyring() -> Result<(), Failure> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name asks for a new anonymous keyring.
    let result =
        unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>()) };
    match Errno::result(result) {
        // A kernel without keys, or an outer seccomp filter that has none for us.
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno).context("join a new session keyring"),
    }
}

/// Sets the domain name of this uts namespace.
#[expect(unsafe_code, reason = "setdomainname has no wrapper")]
pub(super) fn set_domain_name(name: &str) -> nix::Result<()> {
    // SAFETY: the kernel reads exactly `name.len()` bytes, which live across the call.
    Errno::result(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) }).map(drop)
}
