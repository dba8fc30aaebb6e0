//! Finding the container's program, with docker's words for not finding it.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags},
    sys::stat::{SFlag, stat},
    unistd::{AccessFlags, faccessat},
};

use crate::failure::{Failure, FailureKind, words};

/// Looks `program` up as the container's user, inside its root and working directory: as a path when it has a slash, in
/// `search_path` (the value of `PATH`) otherwise.
///
/// # Errors
/// `NotFound` and `NotExecutable`, which docker turns into the exit codes 127 and 126.
pub(super) fn find(program: &str, search_path: Option<&str>) -> Result<PathBuf, Failure> {
    if program.contains('/') {
        return match check(Path::new(program)) {
            Ok(()) => Ok(program.into()),
            Err(errno) => Err(refusal(program, errno)),
        };
    }
    search_path
        .into_iter()
        .flat_map(|paths| paths.split(':'))
        // An empty element means the working directory; like Go's LookPath we do not search it.
        .filter(|directory| !directory.is_empty())
        .map(|directory| Path::new(directory).join(program))
        .find(|candidate| !program.is_empty() && check(candidate).is_ok())
        .ok_or_else(|| {
            let message = format!("exec: {program:?}: executable file not found in $PATH");
            Failure::new(FailureKind::NotFound, message)
        })
}

fn check(path: &Path) -> nix::Result<()> {
    let kind = SFlag::from_bits_truncate(stat(path)?.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFDIR {
        return Err(Errno::EISDIR);
    }
    faccessat(AT_FDCWD, path, AccessFlags::X_OK, AtFlags::AT_EACCESS)
}

fn refusal(program: &str, errno: Errno) -> Failure {
    let reason = words(errno);
    match errno {
        Errno::ENOENT => Failure::new(FailureKind::NotFound, format!("exec: {program:?}: stat {program}: {reason}")),
        Errno::ENOTDIR => {
            Failure::new(FailureKind::NotExecutable, format!("exec: {program:?}: stat {program}: {reason}"))
        }
        _ => Failure::new(FailureKind::NotExecutable, format!("exec: {program:?}: {reason}")),
    }
}

/// The value of `name` in an environment of `NAME=value` entries; the last one counts, as for the kernel's readers.
pub(super) fn variable<'a>(environment: &'a [String], name: &str) -> Option<&'a str> {
    environment.iter().rev().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
}

/// The home directory of user `uid` in `passwd` (the text of an /etc/passwd), `/` when there is none.
pub(super) fn home(passwd: &[u8], uid: u32) -> PathBuf {
    let uid = uid.to_string();
    passwd
        .split(|byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == b':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&uid.as_bytes()))
        .and_then(|fields| fields.get(5).copied())
        .filter(|home| !home.is_empty())
        .map_or_else(|| PathBuf::from("/"), |home| PathBuf::from(OsStr::from_bytes(home)))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_bare_name_is_searched_for_and_must_be_executable() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) = (place.path().join("first"), place.path().join("second"));
        for (directory, mode) in [(&first, 0o644), (&second, 0o755)] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("tool"), "").unwrap();
            fs::set_permissions(directory.join("tool"), fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = format!(":{}:{}", first.display(), second.display());
        assert_eq!(find("tool", Some(&path)).unwrap(), second.join("tool"));
        let missing = find("nope", Some(&path)).unwrap_err();
        assert_eq!(missing.message, r#"exec: "nope": executable file not found in $PATH"#);
        assert_eq!(missing.kind, FailureKind::NotFound);
        assert_eq!(find("tool", None).unwrap_err().kind, FailureKind::NotFound);
        assert_eq!(find("", Some(&path)).unwrap_err().kind, FailureKind::NotFound);
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        assert_eq!(find("/bin/sh", None).unwrap(), Path::new("/bin/sh"));
        let missing = find("/no/such", None).unwrap_err();
        assert_eq!(missing.message, r#"exec: "/no/such": stat /no/such: no such file or directory"#);
        assert_eq!(missing.kind, FailureKind::NotFound);
        let refused = find("/etc/passwd", None).unwrap_err();
        assert_eq!(refused.message, r#"exec: "/etc/passwd": permission denied"#);
        assert_eq!(refused.kind, FailureKind::NotExecutable);
        assert_eq!(find("/etc", None).unwrap_err().message, r#"exec: "/etc": is a directory"#);
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let environment = ["PATH=/a", "PATHS=/b", "PATH=/c"].map(String::from);
        assert_eq!(variable(&environment, "PATH"), Some("/c"));
        assert_eq!(variable(&environment, "HOME"), None);
    }

    #[test]
    fn a_home_comes_from_passwd_and_is_the_root_otherwise() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:33::/srv/web:\nnone:x:44:44:::\n";
        assert_eq!(home(passwd, 0), Path::new("/root"));
        assert_eq!(home(passwd, 33), Path::new("/srv/web"));
        assert_eq!(home(passwd, 44), Path::new("/"));
        assert_eq!(home(passwd, 3), Path::new("/"));
    }
}
