//! Makes the first root one that `pivot_root` can leave.
//!
//! The kernel refuses to pivot away from its first root (fs/namespace.c: a root without a parent mount). So the root is
//! bound onto a folder of itself, that mount is moved over `/`, and PID 1 changes its root to it: same files, nothing
//! copied, but a mount with a parent, which every container inherits.

use nix::mount::{MsFlags, mount};
use nix::unistd::{chdir, chroot};

/// Where the root is bound for a moment: any empty folder.
const STAGE: &str = "/tmp";

/// Why the root stayed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} while moving onto the new root; the guest image is damaged, install Berth again")]
pub(crate) struct RootError {
    what: &'static str,
    source: nix::Error,
}

/// Moves onto the new root. Called once, before anything else is mounted.
pub(crate) fn settle() -> Result<(), RootError> {
    let fail = |what| move |source| RootError { what, source };
    mount(Some("/"), STAGE, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(fail("bind the root"))?;
    chdir(STAGE).map_err(fail("enter the new root"))?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>).map_err(fail("move the new root"))?;
    chroot(".").map_err(fail("change the root"))?;
    chdir("/").map_err(fail("enter the new root's top"))?;
    Ok(())
}
