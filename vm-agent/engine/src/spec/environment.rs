//! The environment of a container's process.

use crate::{Error, Result, container::ContainerConfig};

/// Docker's search path.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Docker's own variables, then the container's, which win; `HOME` from the user's entry unless it is given.
pub(super) fn of(config: &ContainerConfig, hostname: &str, home: &str) -> Vec<String> {
    let mut env = vec![PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if config.tty {
        env.push("TERM=xterm".to_owned());
    }
    merge(&mut env, &config.env);
    if !env.iter().any(|entry| name(entry) == "HOME") {
        env.push(format!("HOME={home}"));
    }
    env
}

/// Lays `over` on top: an entry replaces the one of its name, a bare name removes it.
pub(crate) fn merge(env: &mut Vec<String>, over: &[String]) {
    for entry in over {
        let place = env.iter().position(|have| name(have) == name(entry));
        match (place, entry.contains('=')) {
            (Some(place), true) => env[place].clone_from(entry),
            (Some(place), false) => drop(env.remove(place)),
            (None, true) => env.push(entry.clone()),
            (None, false) => {}
        }
    }
}

/// Refuses entries that no process could get.
pub(super) fn check(config: &ContainerConfig) -> Result<()> {
    for entry in &config.env {
        if name(entry).is_empty() || entry.contains('\0') {
            return Err(Error::InvalidParameter(format!("invalid environment variable: {entry}")));
        }
    }
    Ok(())
}

fn name(entry: &str) -> &str {
    entry.split('=').next().unwrap_or(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_own_variables_win() {
        let config = ContainerConfig {
            env: ["PATH=/bin", "A=1=2", "A=3", "TERM"].map(str::to_owned).to_vec(),
            tty: true,
            ..ContainerConfig::default()
        };
        assert_eq!(of(&config, "box", "/root"), ["PATH=/bin", "HOSTNAME=box", "A=3", "HOME=/root"]);
    }
}
