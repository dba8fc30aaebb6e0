//! Whether what is mounted at a place is mounted elsewhere too (mount_namespaces(7), "shared").

use std::{
    fs,
    os::fd::{AsFd, AsRawFd},
};

use crate::failure::{Context, Failure};

/// Whether the mount that `place` lies on has peers. To be asked while `/proc` is the host's.
///
/// # Errors
/// When procfs does not tell.
pub(super) fn has(place: impl AsFd) -> Result<bool, Failure> {
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", place.as_fd().as_raw_fd()));
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("read the mounts")?;
    is_shared(&about.context("read about a place")?, &mounts)
        .ok_or_else(|| Failure::other("a place lies on no mount that /proc/self/mountinfo has"))
}

fn is_shared(about: &str, mounts: &str) -> Option<bool> {
    let id = about.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    let mount = mounts.lines().find(|line| line.split(' ').next() == Some(id))?;
    // proc_pid_mountinfo(5): the optional fields are the seventh up to a dash.
    Some(mount.split(' ').skip(6).take_while(|field| *field != "-").any(|field| field.starts_with("shared:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_a_place_is_found_by_its_number() {
        let mounts = "21 1 0:19 / / rw - tmpfs root rw\n2 21 0:20 / /a rw shared:7 master:3 - tmpfs shared:9 rw";
        let said = |id: u32| is_shared(&format!("pos:\t0\nflags:\t012000000\nmnt_id:\t{id}\nino:\t9\n"), mounts);
        assert_eq!((said(21), said(2), said(1)), (Some(false), Some(true), None));
        assert!(has(fs::File::open("/").unwrap()).is_ok());
    }
}
