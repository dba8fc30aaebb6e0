//! The instructions of a Dockerfile that change an image's configuration, as `commit --change` takes them (moby
//! `builder/dockerfile`, `BuildFromConfig`).

mod health;
mod words;

use crate::{ContainerPort, Error, Result};
use berth_image::ContainerDefaults;
use words::{exec_form, expand, pairs, words};

/// The shell of the shell form.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Applies instructions to a configuration, in order; one text may hold several lines.
///
/// # Errors
/// What docker refuses, in its words where it has some.
pub(crate) fn apply(changes: &[String], config: &mut ContainerDefaults) -> Result<()> {
    let text = changes.join("\n").replace("\\\n", "");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((line, ""));
        one(&name.to_ascii_lowercase(), rest.trim(), config)?;
    }
    Ok(())
}

fn one(name: &str, rest: &str, config: &mut ContainerDefaults) -> Result<()> {
    let upper = name.to_ascii_uppercase();
    let refuse = |why: String| Err(Error::InvalidParameter(why));
    let known = [
        "cmd",
        "entrypoint",
        "healthcheck",
        "env",
        "expose",
        "label",
        "onbuild",
        "stopsignal",
        "user",
        "volume",
        "workdir",
    ];
    if !known.contains(&name) {
        return refuse(format!("{name} is not a valid change command"));
    }
    if rest.is_empty() && !matches!(name, "cmd" | "entrypoint") {
        return refuse(format!("{upper} requires at least one argument"));
    }
    let env = config.env.clone();
    let expanded = |text: &str| expand(text, &env).map_err(Error::InvalidParameter);
    match name {
        "cmd" => config.cmd = Some(command(rest, config)),
        "entrypoint" => {
            config.entrypoint = Some(command(rest, config)).filter(|words| !words.is_empty());
            // A command of the image below was meant for its own entrypoint (moby `dispatchEntrypoint`).
            config.cmd = None;
        }
        "env" => {
            for (key, value) in pairs("ENV", rest, &env).map_err(Error::InvalidParameter)? {
                let entry = format!("{key}={value}");
                match config.env.iter_mut().find(|old| old.split('=').next() == Some(key.as_str())) {
                    Some(old) => *old = entry,
                    None => config.env.push(entry),
                }
            }
        }
        "label" => config.labels.extend(pairs("LABEL", rest, &env).map_err(Error::InvalidParameter)?),
        "expose" => {
            for word in words(rest, &env).map_err(Error::InvalidParameter)? {
                config.exposed_ports.extend(ports(&word)?);
            }
        }
        "volume" => {
            let all = match exec_form(rest) {
                Some(words) => words,
                None => words(rest, &env).map_err(Error::InvalidParameter)?,
            };
            if all.iter().any(|path| path.trim().is_empty()) {
                return refuse("VOLUME specified can not be an empty string".to_owned());
            }
            config.volumes.extend(all.into_iter().map(|path| path.trim().to_owned()));
        }
        "user" => config.user = expanded(rest)?,
        "workdir" => {
            let dir = expanded(rest)?;
            let whole = if dir.starts_with('/') { dir } else { format!("{}/{dir}", config.working_dir) };
            config.working_dir = crate::files::clean(&whole);
        }
        "stopsignal" => {
            let signal = expanded(rest)?;
            crate::signal::parse(&signal)?;
            config.stop_signal = Some(signal);
        }
        "healthcheck" => config.healthcheck = Some(health::parse(rest).map_err(Error::InvalidParameter)?),
        _ => {
            let trigger = rest.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            match trigger.as_str() {
                "ONBUILD" => return refuse("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned()),
                "MAINTAINER" | "FROM" => return refuse(format!("{trigger} isn't allowed as an ONBUILD trigger")),
                _ => config.on_build.get_or_insert_default().push(rest.to_owned()),
            }
        }
    }
    Ok(())
}

/// JSON words, or a line for a shell.
fn command(rest: &str, config: &ContainerDefaults) -> Vec<String> {
    if let Some(words) = exec_form(rest) {
        return words;
    }
    let shell = config.shell.clone().filter(|shell| !shell.is_empty());
    let shell = shell.unwrap_or_else(|| SHELL.map(str::to_owned).to_vec());
    shell.into_iter().chain([rest.to_owned()]).collect()
}

/// `80`, `80/udp`, `8000-8010/tcp`.
fn ports(word: &str) -> Result<Vec<String>> {
    let bad = || Error::InvalidParameter(format!("Invalid containerPort: {word}"));
    let (range, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad);
    let (from, to) = (number(from)?, number(to)?);
    if from > to {
        return Err(bad());
    }
    let port = |number: u16| {
        let port: ContainerPort = format!("{number}/{protocol}").parse().map_err(|_| bad())?;
        Ok(port.to_string())
    };
    (from..=to).map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changes: &[&str]) -> ContainerDefaults {
        let mut config = ContainerDefaults {
            env: vec!["PATH=/bin".into(), "A=1".into()],
            cmd: Some(vec!["old".into()]),
            working_dir: "/srv".into(),
            ..ContainerDefaults::default()
        };
        let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
        apply(&changes, &mut config).unwrap();
        config
    }

    fn refused(change: &str) -> String {
        apply(&[change.to_owned()], &mut ContainerDefaults::default()).unwrap_err().to_string()
    }

    #[test]
    fn every_instruction_does_what_it_does_in_a_dockerfile() {
        let config = after(&[
            "CMD [\"serve\", \"-x\"]",
            "ENV A=2 B=\"two words\" C=$A-${PATH}\nENV D four words",
            "expose 80 8000-8001/udp",
            "LABEL one=1 \"two words\"='2 3'",
            "VOLUME [\"/data\"]",
            "volume /a /b",
            "USER www:$A",
            "WORKDIR app",
            "STOPSIGNAL SIGQUIT",
            "ONBUILD RUN make",
            "HEALTHCHECK --interval=5s --retries=2 CMD curl -f http://localhost/",
        ]);
        assert_eq!(config.cmd.unwrap(), ["serve", "-x"]);
        assert_eq!(config.env, ["PATH=/bin", "A=2", "B=two words", "C=1-/bin", "D=four words"]);
        assert_eq!(config.exposed_ports.iter().collect::<Vec<_>>(), ["80/tcp", "8000/udp", "8001/udp"]);
        assert_eq!((config.labels["one"].as_str(), config.labels["two words"].as_str()), ("1", "2 3"));
        assert_eq!(config.volumes.iter().collect::<Vec<_>>(), ["/a", "/b", "/data"]);
        assert_eq!((config.user.as_str(), config.working_dir.as_str()), ("www:2", "/srv/app"));
        assert_eq!(
            (config.stop_signal.unwrap(), config.on_build.unwrap()),
            ("SIGQUIT".into(), vec!["RUN make".into()])
        );
        let health = config.healthcheck.unwrap();
        assert_eq!(health.test, ["CMD-SHELL", "curl -f http://localhost/"]);
        assert_eq!((health.interval, health.retries), (5_000_000_000, 2));
    }

    #[test]
    fn the_shell_form_gets_a_shell_and_an_entrypoint_clears_the_command() {
        let config = after(&["ENTRYPOINT exec top -b"]);
        assert_eq!(config.entrypoint.unwrap(), ["/bin/sh", "-c", "exec top -b"]);
        assert_eq!(config.cmd, None);
        assert_eq!(after(&["CMD []"]).cmd.unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        assert_eq!(refused("RUN make"), "run is not a valid change command");
        assert_eq!(refused("FROM x"), "from is not a valid change command");
        assert_eq!(refused("ENV"), "ENV requires at least one argument");
        assert_eq!(refused("EXPOSE many"), "Invalid containerPort: many");
        assert_eq!(refused("ENV A"), "ENV must have two arguments");
        assert!(refused("ENV A=\"open").contains("unexpected end"));
        assert_eq!(refused("ONBUILD ONBUILD x"), "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
        assert!(refused("STOPSIGNAL NOPE").contains("NOPE"));
        assert_eq!(refused("HEALTHCHECK MAYBE"), "Unknown type \"MAYBE\" in HEALTHCHECK (try CMD)");
    }
}
