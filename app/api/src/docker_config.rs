//! Docker's own configuration of this user, `~/.docker/config.json`: logins and contexts are shared with docker.

use crate::error::Error;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// The variable that names another folder.
pub const VARIABLE: &str = "DOCKER_CONFIG";

/// The folder of docker's configuration.
#[derive(Clone, Debug)]
pub struct DockerConfig {
    folder: PathBuf,
}

impl DockerConfig {
    /// `DOCKER_CONFIG`, else `~/.docker`.
    ///
    /// # Errors
    /// [`Error::Home`] when neither is known.
    pub fn from_env() -> Result<Self, Error> {
        let given = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        given
            .or_else(|| std::env::home_dir().map(|home| home.join(".docker")))
            .map(Self::at)
            .ok_or_else(|| Error::Home("the home directory of this user is unknown; set DOCKER_CONFIG".into()))
    }

    /// The configuration in `folder`, which need not be there.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `config.json`.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    /// What `config.json` holds; nothing without the file.
    ///
    /// # Errors
    /// When it cannot be read, or holds no object. What it holds is not repeated: there may be logins.
    pub fn read(&self) -> Result<Map<String, Value>, Error> {
        let path = self.file();
        let bad = |why: String| Error::Invalid(format!("{}: {why}; mend the file or remove it", path.display()));
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Map::new()),
            read => read.map_err(Error::io(format!("read {}", path.display())))?,
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(bad("it holds no object".into())),
            Err(error) => Err(bad(format!("it is no JSON (line {}, column {})", error.line(), error.column()))),
        }
    }

    /// Changes `config.json` and leaves what is not touched as it is.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn change(&self, change: impl FnOnce(&mut Map<String, Value>)) -> Result<(), Error> {
        let mut fields = self.read()?;
        change(&mut fields);
        std::fs::create_dir_all(&self.folder).map_err(Error::io(format!("create {}", self.folder.display())))?;
        write(&self.file(), &Value::Object(fields))
    }
}

/// Writes a file whole or not at all. It may hold logins: a new one is its owner's alone, an old one keeps its rights,
/// and one that is a link elsewhere stays so.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, content: &Value) -> Result<(), Error> {
    let mut text = Vec::new();
    let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, tabs);
    serde::Serialize::serialize(content, &mut writer).map_err(|error| Error::Invalid(error.to_string()))?;
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let fresh = target.with_extension(format!("json.{}", std::process::id()));
    let replace = || {
        let file = private(&fresh)?;
        if let Ok(old) = std::fs::metadata(&target) {
            file.set_permissions(old.permissions())?;
        }
        (&file).write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &target)
    };
    replace().map_err(|source| {
        // What was begun is nobody's; the old file is whole.
        std::fs::remove_file(&fresh).ok();
        Error::Io { what: format!("write {}", path.display()), source }
    })
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().create(true).write(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private(path: &Path) -> std::io::Result<File> {
    File::create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_touched_stays_and_a_broken_file_is_told_without_its_logins() {
        let folder = tempfile::tempdir().unwrap();
        let config = DockerConfig::at(folder.path().join("new"));
        config.change(|fields| drop(fields.insert("a".into(), json!(1)))).unwrap();
        std::fs::write(config.file(), r#"{"auths": {"r": {"auth": "x"}}, "a": 1}"#).unwrap();
        config.change(|fields| drop(fields.insert("a".into(), json!(2)))).unwrap();
        assert_eq!(Value::Object(config.read().unwrap()), json!({"auths": {"r": {"auth": "x"}}, "a": 2}));
        for broken in [r#"{"auths": {"r": {"auth": "canary"#, "[\"canary\"]", "\"canary\""] {
            std::fs::write(config.file(), broken).unwrap();
            let said = config.read().unwrap_err().to_string();
            assert!(said.contains("config.json: it ") && !said.contains("canary"), "{said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_alone_and_a_link_stays_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real.json");
        let link = folder.path().join("config.json");
        write(&real, &json!({})).unwrap();
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::os::unix::fs::symlink(&real, &link).unwrap();
        DockerConfig::at(folder.path()).change(|fields| drop(fields.insert("a".into(), json!(1)))).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "{\n\t\"a\": 1\n}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
