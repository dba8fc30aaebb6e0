//! Hands a compiled program to the kernel.
#![expect(unsafe_code, reason = "seccomp(2) has no safe wrapper that leaves no_new_privs alone")]

use nix::errno::Errno;

use super::Filter;

/// Installs `filter` for the calling thread and everything it executes. `seccompiler::apply_filter` would also set
/// `no_new_privs`, which breaks set-user-id programs such as `sudo`; the caller has `CAP_SYS_ADMIN` or has set it itself.
///
/// # Errors
/// `EACCES` without either of the two, `EINVAL` for a program the kernel refuses.
pub(crate) fn install(filter: &Filter) -> nix::Result<()> {
    let length = u16::try_from(filter.program.len()).map_err(|_| Errno::EINVAL)?;
    let program =
        libc::sock_fprog { len: length, filter: filter.program.as_ptr().cast::<libc::sock_filter>().cast_mut() };
    // SAFETY: `program` points at `length` instructions of the kernel's layout (`seccompiler::sock_filter` is `repr(C)`
    // with the same fields), which outlive the call; the kernel copies them and writes nothing.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, filter.flags, &raw const program) };
    Errno::result(result).map(drop)
}
