//! The mirror the host's own apt uses, so that the recipe names no server.

use std::path::Path;

/// The release the guest is made of.
const RELEASE: &str = "trixie";
/// Names under which a Debian host follows its own release.
const ALIASES: [&str; 5] = ["stable", "oldstable", "oldoldstable", "testing", "unstable"];

/// Why no mirror is known.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// A file of apt could not be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The host names no such suite.
    #[error(
        "apt's sources name no mirror of Debian's {what}; add it to /etc/apt/sources.list.d (see sources.list(5)) and try again"
    )]
    Missing {
        /// `main archive` or `security archive`.
        what: &'static str,
    },
}

/// Where the two archives are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirrors {
    /// URI of the main archive.
    pub(crate) main: String,
    /// URI of the security archive.
    pub(crate) security: String,
}

/// One `deb` source with the component `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    uri: String,
    suite: String,
}

impl Mirrors {
    /// From the apt configuration in `etc` (`/etc/apt`) and the release file (`/etc/os-release`) of a host.
    pub(crate) fn of_host(etc: &Path, os_release: &Path) -> Result<Self, SourcesError> {
        let codename = read(os_release)?
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .map(|value| value.trim_matches('"').to_owned());
        let mut sources = Vec::new();
        let list = etc.join("sources.list");
        if list.exists() {
            sources.extend(one_line(&read(&list)?));
        }
        let parts = etc.join("sources.list.d");
        let mut files: Vec<_> = match std::fs::read_dir(&parts) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        };
        files.sort();
        for file in files {
            match file.extension().and_then(|e| e.to_str()) {
                Some("sources") => sources.extend(deb822(&read(&file)?)),
                Some("list") => sources.extend(one_line(&read(&file)?)),
                _ => {}
            }
        }
        choose(&sources, codename.as_deref())
    }

    /// The same mirrors, as sources of the guest's release, trusted through one keyring only.
    pub(crate) fn to_sources(&self, keyring: &Path) -> String {
        let keyring = keyring.display();
        let stanza = |uri: &str, suites: &str| {
            format!("Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {keyring}\n")
        };
        [
            stanza(&self.main, &format!("{RELEASE} {RELEASE}-updates")),
            stanza(&self.security, &format!("{RELEASE}-security")),
        ]
        .join("\n")
    }
}

fn read(path: &Path) -> Result<String, SourcesError> {
    std::fs::read_to_string(path).map_err(|source| SourcesError::Read { path: path.display().to_string(), source })
}

fn choose(sources: &[Source], codename: Option<&str>) -> Result<Mirrors, SourcesError> {
    let releases: Vec<&str> = codename.into_iter().chain(ALIASES).chain([RELEASE]).collect();
    let find = |suffixes: &[&str], what| {
        sources
            .iter()
            .find(|s| releases.iter().any(|r| s.suite.strip_prefix(r).is_some_and(|rest| suffixes.contains(&rest))))
            .map(|s| s.uri.clone())
            .ok_or(SourcesError::Missing { what })
    };
    Ok(Mirrors {
        main: find(&["", "-updates"], "main archive")?,
        security: find(&["-security", "/updates"], "security archive")?,
    })
}

/// The classic format: `deb [options] uri suite component...`.
fn one_line(text: &str) -> Vec<Source> {
    text.lines()
        .filter_map(|line| {
            let mut rest = line.split('#').next()?.trim().strip_prefix("deb")?;
            if !rest.starts_with(char::is_whitespace) {
                return None;
            }
            if let Some(options) = rest.trim_start().strip_prefix('[') {
                rest = options.split_once(']')?.1;
            }
            let mut words = rest.split_whitespace();
            let (uri, suite) = (words.next()?, words.next()?);
            words.any(|c| c == "main").then(|| Source { uri: uri.into(), suite: suite.trim_end_matches('/').into() })
        })
        .collect()
}

/// The stanza format of `*.sources` files.
fn deb822(text: &str) -> Vec<Source> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).flat_map(stanza).collect()
}

fn stanza(lines: &[&str]) -> Vec<Source> {
    let words = |name: &str| -> Vec<&str> {
        let mut out = Vec::new();
        let mut inside = false;
        for line in lines {
            let value = if line.starts_with([' ', '\t']) {
                Some(*line)
            } else {
                let (key, value) = line.split_once(':').unwrap_or((line, ""));
                inside = key.trim().eq_ignore_ascii_case(name);
                Some(value)
            };
            if inside {
                out.extend(value.unwrap_or_default().split_whitespace());
            }
        }
        out
    };
    let off = words("Enabled").iter().any(|v| matches!(v.to_ascii_lowercase().as_str(), "no" | "false" | "0"));
    if off || !words("Types").contains(&"deb") || !words("Components").contains(&"main") {
        return Vec::new();
    }
    let (uris, suites) = (words("URIs"), words("Suites"));
    uris.iter()
        .flat_map(|uri| suites.iter().map(|suite| Source { uri: (*uri).into(), suite: (*suite).into() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(codename: &str, files: &[(&str, &str)]) -> Result<Mirrors, SourcesError> {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("apt");
        std::fs::create_dir_all(etc.join("sources.list.d")).unwrap();
        for (name, text) in files {
            std::fs::write(etc.join(name), text).unwrap();
        }
        let release = dir.path().join("os-release");
        std::fs::write(&release, format!("ID=debian\nVERSION_CODENAME={codename}\n")).unwrap();
        Mirrors::of_host(&etc, &release)
    }

    #[test]
    fn stanzas_of_a_debian_host_give_its_mirrors_and_not_those_of_other_vendors() {
        let debian = "Types: deb\n# a note\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n\
                      Types: deb\nURIs: http://mirror.test/security\nSuites: bookworm-security\nComponents: main contrib\n";
        let vendor = "Types: deb\nURIs: http://vendor.test\nSuites: nodistro\nComponents: main\n";
        let mirrors = host(
            "bookworm",
            &[
                ("sources.list.d/a-vendor.sources", vendor),
                ("sources.list.d/debian.sources", debian),
                ("sources.list.d/cloud.list", "deb https://cloud.test/apt cloud-sdk-bookworm main\n"),
            ],
        )
        .unwrap();
        assert_eq!(
            mirrors,
            Mirrors { main: "http://mirror.test/debian".into(), security: "http://mirror.test/security".into() }
        );
    }

    #[test]
    fn one_line_sources_with_options_are_read_and_commented_ones_are_not() {
        let list = "#deb http://old.test/debian stable main\n\
                    deb-src http://src.test/debian stable main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian stable main contrib # note\n\
                    deb http://mirror.test/security stable/updates main\n";
        let mirrors = host("trixie", &[("sources.list", list)]).unwrap();
        assert_eq!(mirrors.main, "http://mirror.test/debian");
        assert_eq!(mirrors.security, "http://mirror.test/security");
    }

    #[test]
    fn a_host_without_a_security_mirror_or_with_a_disabled_one_is_told_so() {
        let list = "deb http://mirror.test/debian bookworm main\n";
        let off =
            "Enabled: no\nTypes: deb\nURIs: http://mirror.test/security\nSuites: bookworm-security\nComponents: main\n";
        let error = host("bookworm", &[("sources.list", list), ("sources.list.d/s.sources", off)]).unwrap_err();
        assert!(error.to_string().contains("security archive"), "{error}");
    }

    #[test]
    fn the_guests_sources_trust_one_keyring() {
        let mirrors = Mirrors { main: "http://a.test".into(), security: "http://b.test".into() };
        let text = mirrors.to_sources(Path::new("/k.gpg"));
        assert_eq!(deb822(&text).len(), 3);
        assert_eq!(text.matches("Signed-By: /k.gpg").count(), 2);
    }
}
