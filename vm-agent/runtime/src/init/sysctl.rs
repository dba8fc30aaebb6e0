//! Kernel parameters of the container's own namespaces.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sched::CloneFlags,
    sys::statfs::{PROC_SUPER_MAGIC, fstatfs},
};

use super::namespaces::Namespaces;
use crate::failure::{Context, Failure};

/// The host's procfs: what a container mounts over its own `/proc` cannot redirect a write made through this.
#[derive(Debug)]
pub(crate) struct HostProc(OwnedFd);

impl HostProc {
    /// Opens it.
    ///
    /// # Errors
    /// When `/proc` is something else.
    pub(crate) fn open() -> Result<Self, Failure> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let proc = nix::fcntl::open("/proc", flags, nix::sys::stat::Mode::empty()).context("open /proc")?;
        if fstatfs(&proc).context("inspect /proc")?.filesystem_type() != PROC_SUPER_MAGIC {
            return Err(Failure::other("/proc is not a procfs; mount it"));
        }
        Ok(Self(proc))
    }

    /// Writes `value` to the file `path` of it.
    ///
    /// # Errors
    /// Those of openat2(2) and write(2).
    pub(crate) fn write(&self, path: &Path, value: &str) -> std::io::Result<()> {
        self.file(path, OFlag::O_WRONLY)?.write_all(value.as_bytes())
    }

    /// Reads the file `path` of it.
    ///
    /// # Errors
    /// Those of openat2(2) and read(2).
    pub(crate) fn read(&self, path: &Path) -> std::io::Result<String> {
        let mut text = String::new();
        self.file(path, OFlag::O_RDONLY)?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn file(&self, path: &Path, access: OFlag) -> std::io::Result<File> {
        let links = ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new()
            .flags(access | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_XDEV | links);
        Ok(openat2(&self.0, path, how)?.into())
    }
}

/// Refuses a parameter that is not the container's own: setting it would change it for everyone.
///
/// # Errors
/// Names the parameter, and the namespace it needs.
pub(crate) fn check(parameters: &HashMap<String, String>, namespaces: &Namespaces) -> Result<(), Failure> {
    for name in parameters.keys() {
        let key = name.replace('/', ".");
        let (kind, namespace) = if key.starts_with("net.") {
            (CloneFlags::CLONE_NEWNET, "network")
        } else if is_ipc(&key) {
            (CloneFlags::CLONE_NEWIPC, "ipc")
        } else if key == "kernel.domainname" {
            (CloneFlags::CLONE_NEWUTS, "uts")
        } else {
            return Err(Failure::other(format!("sysctl {name:?} is not in a separate kernel namespace")));
        };
        if !namespaces.separates(kind) {
            return Err(Failure::other(format!(
                "sysctl {name:?} needs a {namespace} namespace of the container's own"
            )));
        }
    }
    Ok(())
}

fn is_ipc(key: &str) -> bool {
    let listed = ["kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem"];
    listed.contains(&key) || key.starts_with("kernel.shm") || key.starts_with("fs.mqueue.")
}

/// Sets `parameters`, seen from inside the container's namespaces.
///
/// # Errors
/// The first that the kernel refuses.
pub(super) fn apply(parameters: &HashMap<String, String>, proc: &HostProc) -> Result<(), Failure> {
    for (name, value) in parameters {
        proc.write(&file(name), value).context(format_args!("sysctl {name}"))?;
    }
    Ok(())
}

/// As sysctl(8): when the first separator is a dot, dots separate, and a slash stands for a dot within a name
/// (`net.ipv4.conf.eth0/100.forwarding`).
fn file(name: &str) -> PathBuf {
    let dots_separate = name.find('.').is_some_and(|dot| name.find('/').is_none_or(|slash| dot < slash));
    let swapped = |character| match character {
        '.' if dots_separate => '/',
        '/' if dots_separate => '.',
        other => other,
    };
    Path::new("sys").join(name.chars().map(swapped).collect::<String>().trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_file() {
        assert_eq!(file("net.ipv4.ip_forward"), Path::new("sys/net/ipv4/ip_forward"));
        assert_eq!(file("net/ipv4/ip_forward"), Path::new("sys/net/ipv4/ip_forward"));
        assert_eq!(file("net.ipv4.conf.eth0/100.forwarding"), Path::new("sys/net/ipv4/conf/eth0.100/forwarding"));
    }

    #[test]
    fn a_parameter_of_the_whole_system_is_refused() {
        let namespaces = serde_json::from_str::<Vec<_>>(r#"[{"type":"mount"},{"type":"network"}]"#).unwrap();
        let namespaces = Namespaces::from_spec(&namespaces).unwrap();
        let check = |name: &str| check(&HashMap::from([(name.to_owned(), "1".to_owned())]), &namespaces);
        assert_eq!(check("net.ipv4.ip_forward"), Ok(()));
        assert!(check("kernel.core_pattern").unwrap_err().message.contains("not in a separate kernel namespace"));
        assert!(check("kernel.shmmax").unwrap_err().message.contains("ipc"));
        assert!(check("../kernel/core_pattern").is_err());
    }

    #[test]
    fn a_write_stays_on_procfs() {
        let proc = HostProc::open().unwrap();
        assert!(proc.write(Path::new("self/oom_score_adj"), "0").is_err());
        assert!(proc.write(Path::new("../etc/passwd"), "").is_err());
        proc.write(Path::new(&format!("{}/comm", std::process::id())), "proc-writer").unwrap();
    }
}
