//! Keeps a container from overwriting this program through `/proc/self/exe` (CVE-2019-5736).
//!
//! A container's init is this program until it executes the container's, and a container whose program is
//! `/proc/self/exe`, or a script with that as its interpreter, is this program once more. Its file can then be reopened
//! for writing by way of the link, but only with the rights of the mount it was executed from: so it is executed from a
//! read-only one that no mount namespace holds and that nobody can therefore remount.

use std::{ffi::CString, os::unix::ffi::OsStringExt, path::Path};

use nix::{
    fcntl::{AT_FDCWD, OFlag, open},
    sys::{
        stat::Mode,
        statvfs::{FsFlags, fstatvfs},
    },
};

use crate::{
    failure::{Context, Failure, words},
    kernel::{
        mount::{Attributes, READ_ONLY, Reach, clone_tree, set_attributes},
        process::execute_descriptor,
    },
};

const EXECUTABLE: &str = "/proc/self/exe";

/// Returns when this program runs from a read-only mount, and executes it from one otherwise. A guest that has it on a
/// read-only mount from the outset saves the second execution.
///
/// # Errors
/// When no such mount can be made.
pub(crate) fn protect() -> Result<(), Failure> {
    let executable =
        open(EXECUTABLE, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).context("open /proc/self/exe")?;
    if fstatvfs(&executable).context("inspect /proc/self/exe")?.flags().contains(FsFlags::ST_RDONLY) {
        return Ok(());
    }
    let copy = clone_tree(AT_FDCWD, Path::new(EXECUTABLE), Reach::Mount).context("mount the runtime's own program")?;
    set_attributes(&copy, Attributes::setting(READ_ONLY), Reach::Mount).context("protect the runtime's own program")?;
    let arguments = std::env::args_os().map(OsStringExt::into_vec).map(CString::new).collect::<Result<Vec<_>, _>>();
    let environment = std::env::vars_os()
        .map(|(name, value)| CString::new([name.into_vec(), value.into_vec()].join(&b'=')))
        .collect::<Result<Vec<_>, _>>();
    let errno = execute_descriptor(&copy, &arguments.context("arguments")?, &environment.context("environment")?);
    Err(Failure::other(format!("execute the runtime's own program: {}", words(errno))))
}
