//! `context`: the files by which the docker CLI finds this machine.
//!
//! Docker keeps a context in `contexts/meta/<SHA-256 of its name>/meta.json` under its configuration folder, and the
//! name of the current one in `config.json` (docker/cli `cli/context/store`).

use crate::failure::{Failure, Outcome, invalid, io};
use crate::output::outln;
use berth_api::Client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

const NAME: &str = "berth";
const CURRENT: &str = "currentContext";

pub(super) fn context(client: &Client, make_current: bool, remove: bool) -> Outcome {
    let folder = docker_folder()?;
    if remove {
        take_away(&folder)?;
        outln!("docker no longer knows the context {NAME:?}");
        return Ok(0);
    }
    register(&folder, &client.home().docker_host())?;
    if make_current {
        set_current(&folder, Some(NAME))?;
        outln!("docker uses this machine now; back to its own with: docker context use default");
    } else {
        outln!("docker finds this machine as its context {NAME:?}; use it with: docker context use {NAME}");
    }
    Ok(0)
}

/// `DOCKER_CONFIG`, else `~/.docker`.
fn docker_folder() -> Result<PathBuf, Failure> {
    let given = std::env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
    given
        .or_else(|| std::env::home_dir().map(|home| home.join(".docker")))
        .ok_or_else(|| invalid("the home directory of this user is unknown; set DOCKER_CONFIG"))
}

fn meta_folder(folder: &Path) -> PathBuf {
    folder.join("contexts").join("meta").join(hex::encode(Sha256::digest(NAME)))
}

fn register(folder: &Path, host: &str) -> Result<(), Failure> {
    let meta = meta_folder(folder);
    let content = json!({
        "Name": NAME,
        "Metadata": {"Description": "The Berth machine"},
        "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": false}},
    });
    std::fs::create_dir_all(&meta).map_err(io(format!("create {}", meta.display())))?;
    write(&meta.join("meta.json"), &content)
}

fn take_away(folder: &Path) -> Result<(), Failure> {
    let meta = meta_folder(folder);
    match std::fs::remove_dir_all(&meta) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io(format!("remove {}", meta.display()))(error));
        }
        _ => {}
    }
    let current = read_config(folder)?.get(CURRENT).is_some_and(|name| name == NAME);
    if current { set_current(folder, None) } else { Ok(()) }
}

/// Changes one field of docker's `config.json` and leaves the others, logins among them, as they are.
fn set_current(folder: &Path, name: Option<&str>) -> Result<(), Failure> {
    let mut config = read_config(folder)?;
    let fields = config.as_object_mut().ok_or_else(|| invalid("docker's config.json holds no object"))?;
    match name {
        Some(name) => fields.insert(CURRENT.into(), name.into()),
        None => fields.remove(CURRENT),
    };
    write(&folder.join("config.json"), &config)
}

fn read_config(folder: &Path) -> Result<Value, Failure> {
    let path = folder.join("config.json");
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| invalid(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(json!({})),
        Err(error) => Err(io(format!("read {}", path.display()))(error)),
    }
}

/// Writes a file whole or not at all, with the rights the old one has: it may hold logins.
fn write(path: &Path, content: &Value) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(content).map_err(|error| invalid(error.to_string()))?;
    let fresh = path.with_extension("json.new");
    let replace = || {
        let file = std::fs::File::create(&fresh)?;
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        (&file).write_all(&text)?;
        std::fs::rename(&fresh, path)
    };
    replace().map_err(io(format!("write {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_other_settings_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        std::fs::write(&config, r#"{"auths": {"r": {"auth": "x"}}, "currentContext": "other"}"#).unwrap();
        register(folder.path(), "unix:///b.sock").unwrap();
        set_current(folder.path(), Some(NAME)).unwrap();
        let read = read_config(folder.path()).unwrap();
        assert_eq!((&read["auths"]["r"]["auth"], &read[CURRENT]), (&json!("x"), &json!(NAME)));
        take_away(folder.path()).unwrap();
        let read = read_config(folder.path()).unwrap();
        assert_eq!((&read["auths"]["r"]["auth"], read.get(CURRENT)), (&json!("x"), None));
        assert!(!meta_folder(folder.path()).exists());
    }
}
