//! `context`: the files by which the docker CLI finds this machine.
//!
//! Docker keeps a context in `contexts/meta/<SHA-256 of its name>/meta.json` under its configuration folder, and the
//! name of the current one in `config.json` (docker/cli `cli/context/store`).

use crate::{
    failure::{Failure, Outcome, io},
    output::outln,
};
use berth_api::{Client, DockerConfig, docker_config};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const NAME: &str = "berth";
const CURRENT: &str = "currentContext";

pub(super) fn context(client: &Client, make_current: bool, remove: bool) -> Outcome {
    let config = DockerConfig::from_env()?;
    if remove {
        take_away(&config)?;
        outln!("docker no longer knows the context {NAME:?}");
        return Ok(0);
    }
    register(config.folder(), &client.home().docker_host())?;
    if make_current {
        set_current(&config, Some(NAME))?;
        outln!("docker uses this machine now; back to its own with: docker context use default");
    } else {
        outln!("docker finds this machine as its context {NAME:?}; use it with: docker context use {NAME}");
    }
    Ok(0)
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
    Ok(docker_config::write(&meta.join("meta.json"), &content)?)
}

fn take_away(config: &DockerConfig) -> Result<(), Failure> {
    let meta = meta_folder(config.folder());
    match std::fs::remove_dir_all(&meta) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io(format!("remove {}", meta.display()))(error));
        }
        _ => {}
    }
    let current = config.read()?.get(CURRENT).is_some_and(|name| name == NAME);
    if current { set_current(config, None) } else { Ok(()) }
}

/// Changes one field of docker's `config.json` and leaves the others, logins among them, as they are.
fn set_current(config: &DockerConfig, name: Option<&str>) -> Result<(), Failure> {
    let change = |fields: &mut serde_json::Map<_, _>| match name {
        Some(name) => drop(fields.insert(CURRENT.into(), name.into())),
        None => drop(fields.remove(CURRENT)),
    };
    Ok(config.change(change)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_other_settings_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let config = DockerConfig::at(folder.path());
        std::fs::write(config.file(), r#"{"auths": {"r": {"auth": "x"}}, "currentContext": "other"}"#).unwrap();
        register(folder.path(), "unix:///b.sock").unwrap();
        set_current(&config, Some(NAME)).unwrap();
        let read = config.read().unwrap();
        assert_eq!((&read["auths"]["r"]["auth"], &read[CURRENT]), (&json!("x"), &json!(NAME)));
        take_away(&config).unwrap();
        let read = config.read().unwrap();
        assert_eq!((&read["auths"]["r"]["auth"], read.get(CURRENT)), (&json!("x"), None));
        assert!(!meta_folder(folder.path()).exists());
    }
}
