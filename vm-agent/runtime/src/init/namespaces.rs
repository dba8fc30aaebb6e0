//! Which namespaces a container gets, and how.

use std::{
    fs::File,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    sys::stat::stat,
    unistd::Pid,
};
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType};

use crate::failure::{Context, Failure};

/// The namespaces of one container. A type that a bundle does not list is shared with the host.
#[derive(Debug)]
pub(crate) struct Namespaces {
    /// `CLONE_NEW*` for the clone itself.
    created: CloneFlags,
    /// A cgroup namespace is made by the child: its root is the cgroup of who makes it.
    own_cgroup: bool,
    joined: Vec<Joined>,
}

#[derive(Debug)]
struct Joined {
    kind: CloneFlags,
    file: OwnedFd,
    path: PathBuf,
}

impl Namespaces {
    /// Reads the list of a bundle and opens those to be joined.
    ///
    /// # Errors
    /// A type listed twice or not supported, a path that cannot be opened, and a list without a mount namespace.
    pub(crate) fn from_spec(list: &[LinuxNamespace]) -> Result<Self, Failure> {
        let mut namespaces = Self { created: CloneFlags::empty(), own_cgroup: false, joined: Vec::new() };
        let mut seen = CloneFlags::empty();
        for namespace in list {
            let kind = flag(namespace.typ());
            let name = namespace.typ();
            if seen.contains(kind) {
                return Err(Failure::other(format!("namespace {name} is listed twice")));
            }
            seen |= kind;
            match namespace.path().as_deref().filter(|path| !path.as_os_str().is_empty()) {
                Some(path) => namespaces.joined.push(Joined::open(kind, path)?),
                None if kind == CloneFlags::CLONE_NEWCGROUP => namespaces.own_cgroup = true,
                None if namespace.typ() == LinuxNamespaceType::Time => {
                    return Err(Failure::other("a new time namespace is not supported"));
                }
                None => namespaces.created |= kind,
            }
        }
        if !namespaces.created.contains(CloneFlags::CLONE_NEWNS) {
            return Err(Failure::other("a container needs a mount namespace of its own; add it to linux.namespaces"));
        }
        Ok(namespaces)
    }

    /// The flags for clone3.
    pub(crate) fn clone_flags(&self) -> u64 {
        // The flags are positive bits of an int.
        u64::from(self.created.bits().unsigned_abs())
    }

    /// Whether the container has a new namespace of type `kind`.
    pub(crate) fn creates(&self, kind: CloneFlags) -> bool {
        self.created.contains(kind)
    }

    /// Whether the container does not share the host's namespace of type `kind`.
    pub(crate) fn separates(&self, kind: CloneFlags) -> bool {
        self.creates(kind) || self.joined.iter().any(|joined| joined.kind == kind)
    }

    /// Whether it sees the host's cgroups from another user namespace.
    pub(crate) fn has_the_hosts_cgroups(&self) -> bool {
        let own = self.own_cgroup || self.separates(CloneFlags::CLONE_NEWCGROUP);
        self.separates(CloneFlags::CLONE_NEWUSER) && !own
    }

    /// The namespace of type `kind` that the container joins.
    pub(crate) fn joined(&self, kind: CloneFlags) -> Option<&OwnedFd> {
        self.joined.iter().find(|joined| joined.kind == kind).map(|joined| &joined.file)
    }

    /// Joins what takes effect for children only, and, where a new user namespace will own the child, everything that
    /// the child would no longer be allowed to join. To be called by the parent before the clone; the way back is in
    /// the value returned.
    pub(crate) fn join_before_clone(&self) -> Result<WayBack, Failure> {
        let mut way_back = WayBack::none();
        for joined in self.joined.iter().filter(|joined| self.is_for_parent(joined)) {
            way_back.remember(joined.kind)?;
            joined.enter()?;
        }
        Ok(way_back)
    }

    /// Joins everything, the user namespace last, for a process whose only work is to clone: there is no way back from
    /// another user namespace.
    pub(crate) fn join_for_good(&self) -> Result<(), Failure> {
        let is_users = |joined: &&Joined| joined.kind == CloneFlags::CLONE_NEWUSER;
        self.joined.iter().filter(|joined| !is_users(joined)).try_for_each(Joined::enter)?;
        self.joined.iter().filter(is_users).try_for_each(Joined::enter)
    }

    /// Joins the rest, and makes the cgroup namespace. To be called by the child.
    pub(super) fn join_after_clone(&self) -> Result<(), Failure> {
        self.joined.iter().filter(|joined| !self.is_for_parent(joined)).try_for_each(Joined::enter)?;
        if self.own_cgroup {
            nix::sched::unshare(CloneFlags::CLONE_NEWCGROUP).context("create a cgroup namespace")?;
        }
        Ok(())
    }

    fn is_for_parent(&self, joined: &Joined) -> bool {
        let affects_children = joined.kind == CloneFlags::CLONE_NEWPID || joined.kind == TIME;
        affects_children || self.separates(CloneFlags::CLONE_NEWUSER)
    }
}

/// The namespaces the parent had before.
pub(crate) struct WayBack(Vec<(CloneFlags, OwnedFd)>);

impl WayBack {
    /// Of a process that went nowhere.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Joins the namespace of type `kind` of the process behind `pidfd`, for children to be born into.
    pub(crate) fn after_joining(pidfd: &OwnedFd, kind: CloneFlags) -> Result<Self, Failure> {
        let mut way_back = Self::none();
        way_back.remember(kind)?;
        setns(pidfd, kind).context("join the container's pid namespace")?;
        Ok(way_back)
    }

    fn remember(&mut self, kind: CloneFlags) -> Result<(), Failure> {
        let name = match kind {
            CloneFlags::CLONE_NEWPID => "pid",
            CloneFlags::CLONE_NEWNET => "net",
            CloneFlags::CLONE_NEWIPC => "ipc",
            CloneFlags::CLONE_NEWUTS => "uts",
            CloneFlags::CLONE_NEWCGROUP => "cgroup",
            TIME => "time",
            _ => return Err(Failure::other("this namespace cannot be joined together with a new user namespace")),
        };
        let file = File::open(format!("/proc/self/ns/{name}")).context(format_args!("open namespace {name}"))?;
        self.0.push((kind, file.into()));
        Ok(())
    }

    /// Returns to them.
    pub(crate) fn take(self) -> Result<(), Failure> {
        self.0.into_iter().try_for_each(|(kind, file)| setns(file, kind)).context("return to the host's namespaces")
    }
}

/// The kinds of namespace in which process `pid` is in another one than this process.
///
/// # Errors
/// When the process has ended.
pub(crate) fn differing(pid: Pid) -> Result<CloneFlags, Failure> {
    const FILES: [(&str, CloneFlags); 8] = [
        ("cgroup", CloneFlags::CLONE_NEWCGROUP),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("mnt", CloneFlags::CLONE_NEWNS),
        ("net", CloneFlags::CLONE_NEWNET),
        ("pid", CloneFlags::CLONE_NEWPID),
        ("time", TIME),
        ("user", CloneFlags::CLONE_NEWUSER),
        ("uts", CloneFlags::CLONE_NEWUTS),
    ];
    let mut kinds = CloneFlags::empty();
    for (file, kind) in FILES {
        let look = |process: &str| stat(format!("/proc/{process}/ns/{file}").as_str());
        let (theirs, own) = (look(&pid.to_string()), look("self"));
        let same = match (theirs, own) {
            // A kernel without this kind.
            (Err(Errno::ENOENT), Err(Errno::ENOENT)) => true,
            (theirs, own) => {
                let (theirs, own) = (theirs.context("look at a namespace")?, own.context("look at a namespace")?);
                (theirs.st_dev, theirs.st_ino) == (own.st_dev, own.st_ino)
            }
        };
        kinds.set(kind, !same);
    }
    Ok(kinds)
}

impl Joined {
    fn open(kind: CloneFlags, path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).context(format_args!("open namespace {}", path.display()))?;
        Ok(Self { kind, file: file.into(), path: path.into() })
    }

    fn enter(&self) -> Result<(), Failure> {
        setns(&self.file, self.kind).context(format_args!("join namespace {}", self.path.display()))
    }
}

/// `CLONE_NEWTIME`, which nix does not name.
const TIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

fn flag(kind: LinuxNamespaceType) -> CloneFlags {
    CloneFlags::from_bits_retain(kind as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Namespaces, Failure> {
        Namespaces::from_spec(&serde_json::from_str::<Vec<LinuxNamespace>>(json).unwrap())
    }

    #[test]
    fn new_namespaces_are_made_by_the_clone_but_for_cgroup() {
        let namespaces = parse(r#"[{"type":"mount"},{"type":"pid"},{"type":"cgroup"},{"type":"network"}]"#).unwrap();
        assert_eq!(namespaces.clone_flags(), 0x0002_0000 | 0x2000_0000 | 0x4000_0000);
        assert!(namespaces.own_cgroup);
        assert!(namespaces.separates(CloneFlags::CLONE_NEWNET) && !namespaces.separates(CloneFlags::CLONE_NEWIPC));
    }

    #[test]
    fn a_path_is_joined() {
        let namespaces = parse(r#"[{"type":"mount"},{"type":"network","path":"/proc/self/ns/net"}]"#).unwrap();
        assert!(namespaces.separates(CloneFlags::CLONE_NEWNET) && !namespaces.creates(CloneFlags::CLONE_NEWNET));
        let error = parse(r#"[{"type":"mount"},{"type":"network","path":"/no/net"}]"#).unwrap_err();
        assert_eq!(error.message, "open namespace /no/net: no such file or directory");
    }

    #[test]
    fn a_user_namespace_may_be_joined() {
        let namespaces = parse(r#"[{"type":"mount"},{"type":"user","path":"/proc/self/ns/user"}]"#).unwrap();
        assert!(namespaces.joined(CloneFlags::CLONE_NEWUSER).is_some());
        assert!(namespaces.joined(CloneFlags::CLONE_NEWNET).is_none());
    }

    #[test]
    fn a_list_that_makes_no_container_is_refused() {
        assert!(parse("[]").unwrap_err().message.contains("mount namespace"));
        assert!(parse(r#"[{"type":"mount"},{"type":"mount"}]"#).unwrap_err().message.contains("twice"));
        assert!(parse(r#"[{"type":"mount"},{"type":"time"}]"#).unwrap_err().message.contains("time"));
    }
}
