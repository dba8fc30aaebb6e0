//! A private apt: its own sources, lists and cache under one folder. The host's apt state is neither read nor touched,
//! apart from its mirrors and proxy.

use super::packages::Packages;
use super::sources::{Mirrors, SourcesError};
use crate::{Arch, Step};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Keys of the Debian archive, as the package `debian-archive-keyring` installs them; since 2023.3+deb12u2 with trixie's.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// How long an index is taken as current: a second build on the same day needs no network.
const INDEX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Why packages could not be had.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// The host's mirrors are not known.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// The keys of the archive are not installed.
    #[error("{KEYRING} is missing; install it with: apt-get install debian-archive-keyring")]
    Keyring,
    /// A program of apt could not be started.
    #[error("cannot run {program}; the guest is made on a Debian host")]
    Start {
        /// Which.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A program of apt failed.
    #[error("{program} failed: {stderr}")]
    Failed {
        /// Which, with its verb.
        program: String,
        /// What it said.
        stderr: String,
    },
    /// The kernel's metapackage is not what it was.
    #[error("package {0} depends on no kernel image; look at packages.txt")]
    NoKernel(String),
    /// apt said something unexpected.
    #[error("apt described a package in an unknown way: {0}")]
    Unreadable(String),
    /// The bytes are not those the signed index names.
    #[error("{file} is damaged: its SHA-256 is not the one in the signed index; delete it and try again")]
    Damaged {
        /// Which.
        file: String,
    },
    /// A file could not be read or written.
    #[error("cannot use {path}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A package in the cache, checked against the signed index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) path: PathBuf,
}

/// The private apt.
#[derive(Debug)]
pub(crate) struct Apt {
    root: PathBuf,
    config: PathBuf,
    archives: PathBuf,
}

impl Apt {
    /// Lays its folders out under `root`.
    pub(crate) fn open(root: &Path, arch: Arch) -> Result<Self, AptError> {
        if !Path::new(KEYRING).exists() {
            return Err(AptError::Keyring);
        }
        let mirrors = Mirrors::of_host(Path::new("/etc/apt"), Path::new("/etc/os-release"))?;
        let root = std::path::absolute(root.join(arch.debian())).map_err(|e| io(root, e))?;
        let archives = root.join("archives");
        for folder in ["etc/empty", "state/lists/partial", "archives/partial", "work"] {
            let folder = root.join(folder);
            std::fs::create_dir_all(&folder).map_err(|e| io(&folder, e))?;
        }
        let apt = Self { config: root.join("etc/apt.conf"), archives, root };
        apt.write("etc/guest.sources", &mirrors.to_sources(Path::new(KEYRING)))?;
        apt.write("state/status", "")?;
        let proxy = apt.host_proxy()?;
        apt.write("etc/apt.conf", &format!("{}{proxy}", configuration(&apt.root, arch)))?;
        Ok(apt)
    }

    /// Brings the index up to date, and every package of the list into the cache.
    pub(crate) fn fetch(&self, list: &Packages, progress: &mut dyn FnMut(Step)) -> Result<Vec<Archive>, AptError> {
        self.refresh(progress)?;
        let kernel = self.kernel(&list.kernel)?;
        let names: Vec<&str> = std::iter::once(kernel.as_str()).chain(list.others.iter().map(String::as_str)).collect();
        self.take(&names, progress)
    }

    /// Brings the named packages into the cache.
    pub(crate) fn take(&self, names: &[&str], progress: &mut dyn FnMut(Step)) -> Result<Vec<Archive>, AptError> {
        let wanted = self.describe(names)?;
        let missing: Vec<&Described> = wanted.iter().filter(|d| !self.holds(d)).collect();
        if !missing.is_empty() {
            progress(Step::Download { packages: missing.len() });
            let names: Vec<String> = missing.iter().map(|d| format!("{}={}", d.name, d.version)).collect();
            self.run(
                "apt-get",
                Command::new("apt-get").args(["download", "-qq"]).args(&names).current_dir(&self.archives),
            )?;
        }
        wanted
            .into_iter()
            .map(|d| {
                let path = self.archives.join(&d.file);
                if self.holds(&d) {
                    Ok(Archive { name: d.name, version: d.version, path })
                } else {
                    Err(AptError::Damaged { file: path.display().to_string() })
                }
            })
            .collect()
    }

    /// The named packages and all that they depend on, as a system with nothing installed would need them.
    pub(crate) fn closure(&self, names: &[&str]) -> Result<Vec<String>, AptError> {
        // A simulation, because `--print-uris` leaves out what the cache holds already.
        let arguments = ["install", "--simulate", "--no-install-recommends", "-qq", "-y"];
        let out = self.run("apt-get", Command::new("apt-get").args(arguments).args(names))?;
        Ok(installed(&out))
    }

    pub(crate) fn refresh(&self, progress: &mut dyn FnMut(Step)) -> Result<(), AptError> {
        let stamp = self.root.join("state/refreshed");
        let age = std::fs::metadata(&stamp).and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age < INDEX_LIFETIME) {
            return Ok(());
        }
        progress(Step::Index);
        match self.run("apt-get", Command::new("apt-get").args(["update", "-qq", "--error-on=any"])) {
            Ok(_) => self.write("state/refreshed", ""),
            Err(error) => match age {
                Some(age) => {
                    progress(Step::IndexKept { hours: age.as_secs() / 3600, why: error.to_string() });
                    Ok(())
                }
                None => Err(error),
            },
        }
    }

    /// The kernel package that the metapackage stands for.
    fn kernel(&self, metapackage: &str) -> Result<String, AptError> {
        let out = self.run("apt-cache", Command::new("apt-cache").args(["show", "--no-all-versions", metapackage]))?;
        kernel_of(&out).ok_or_else(|| AptError::NoKernel(metapackage.into()))
    }

    fn describe(&self, names: &[&str]) -> Result<Vec<Described>, AptError> {
        // From a folder without packages: apt leaves out of its answer what it finds in the working folder.
        let work = self.root.join("work");
        let out = self.run(
            "apt-get",
            Command::new("apt-get").args(["download", "--print-uris", "-qq"]).args(names).current_dir(work),
        )?;
        out.lines()
            .filter(|line| line.starts_with('\''))
            .map(|line| Described::parse(line).ok_or_else(|| AptError::Unreadable(line.into())))
            .collect()
    }

    fn holds(&self, described: &Described) -> bool {
        std::fs::read(self.archives.join(&described.file))
            .is_ok_and(|bytes| hex::encode(Sha256::digest(&bytes)) == described.sha256)
    }

    /// The host's proxy settings, so that a build behind one works.
    fn host_proxy(&self) -> Result<String, AptError> {
        let out = Command::new("apt-config")
            .arg("dump")
            .output()
            .map_err(|source| AptError::Start { program: "apt-config", source })?;
        let text = String::from_utf8_lossy(&out.stdout);
        let is_proxy = |line: &&str| {
            let key = line.split(' ').next().unwrap_or_default().to_ascii_lowercase();
            (key.starts_with("acquire::http") || key.starts_with("acquire::https")) && key.contains("proxy")
        };
        Ok(text.lines().filter(is_proxy).map(|line| format!("{line}\n")).collect())
    }

    fn run(&self, program: &'static str, command: &mut Command) -> Result<String, AptError> {
        let output = command
            .env("APT_CONFIG", &self.config)
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output()
            .map_err(|source| AptError::Start { program, source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let verb = command.get_args().next().unwrap_or_default().to_string_lossy().into_owned();
        Err(AptError::Failed { program: format!("{program} {verb}"), stderr: said(&output) })
    }

    fn write(&self, name: &str, text: &str) -> Result<(), AptError> {
        let path = self.root.join(name);
        std::fs::write(&path, text).map_err(|e| io(&path, e))
    }
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ")
}

fn io(path: &Path, source: std::io::Error) -> AptError {
    AptError::Io { path: path.display().to_string(), source }
}

/// The packages in the lines `Inst libc6 (2.41-12 Debian:13/stable [amd64])` of a simulation.
fn installed(simulation: &str) -> Vec<String> {
    let lines = simulation.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn kernel_of(show: &str) -> Option<String> {
    show.lines()
        .find_map(|line| line.strip_prefix("Depends:"))?
        .split(',')
        .filter_map(|dependency| dependency.split_whitespace().next())
        .find(|name| name.starts_with("linux-image-"))
        .map(str::to_owned)
}

/// `Dir::Etc::parts` and `main` point at nothing: the host's hooks (which clean its cache) must not run for ours.
/// The sandbox user is off because a checkout may stand in a folder it cannot enter; signatures are checked all the same.
fn configuration(root: &Path, arch: Arch) -> String {
    let root = root.display();
    let arch = arch.debian();
    format!(
        "Dir::Etc \"{root}/etc\";\nDir::Etc::main \"none\";\nDir::Etc::parts \"empty\";\n\
         Dir::Etc::sourcelist \"guest.sources\";\nDir::Etc::sourceparts \"empty\";\n\
         Dir::Etc::preferences \"none\";\nDir::Etc::preferencesparts \"empty\";\n\
         Dir::Etc::trusted \"none\";\nDir::Etc::trustedparts \"empty\";\n\
         Dir::State \"{root}/state\";\nDir::State::status \"{root}/state/status\";\n\
         Dir::Cache \"{root}\";\nDir::Cache::archives \"archives\";\n\
         APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\nAPT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\nAcquire::Retries \"3\";\nAcquire::AllowInsecureRepositories \"false\";\n"
    )
}

/// A line of `apt-get download --print-uris`.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    name: String,
    version: String,
    file: String,
    sha256: String,
}

impl Described {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (_uri, file, _size, hash) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let sha256 = hash.strip_prefix("SHA256:")?.to_owned();
        let mut parts = file.strip_suffix(".deb")?.split('_');
        let (name, version) = (parts.next()?, parts.next()?);
        if file.contains('/') {
            return None;
        }
        Some(Self { name: name.into(), version: version.replace("%3a", ":"), file: file.into(), sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_names_every_package_whether_cached_or_not() {
        let simulation =
            "Inst libc6 (2.41-12 Debian:13.1/stable [amd64]) []\nConf libc6 (2.41-12)\nInst nginx (1.26.3-3)\n";
        assert_eq!(installed(simulation), ["libc6", "nginx"]);
    }

    #[test]
    fn a_described_package_gives_name_version_and_hash() {
        let line = "'http://m.test/pool/g/libgmp10_6.3.0%2bdfsg-3_amd64.deb' libgmp10_2%3a6.3.0+dfsg-3_amd64.deb 560220 SHA256:ab12";
        let described = Described::parse(line).unwrap();
        assert_eq!((described.name.as_str(), described.version.as_str()), ("libgmp10", "2:6.3.0+dfsg-3"));
        assert_eq!(described.sha256, "ab12");
    }

    #[test]
    fn a_package_known_by_a_weaker_hash_only_or_with_a_path_is_not_taken() {
        assert_eq!(Described::parse("'http://m.test/a_1_all.deb' a_1_all.deb 5 MD5Sum:ab"), None);
        assert_eq!(Described::parse("'http://m.test/a_1_all.deb' ../a_1_all.deb 5 SHA256:ab"), None);
    }

    #[test]
    fn the_kernel_is_the_image_among_the_metapackages_dependencies() {
        let show =
            "Package: linux-image-cloud-amd64\nDepends: firmware (>= 1), linux-image-6.12.1-cloud-amd64 (= 6.12.1-1)\n";
        assert_eq!(kernel_of(show).as_deref(), Some("linux-image-6.12.1-cloud-amd64"));
        assert_eq!(kernel_of("Package: x\n"), None);
    }
}
