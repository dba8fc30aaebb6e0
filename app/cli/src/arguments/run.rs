//! Options of `run` and `create`, and the request they make.

use super::{
    endpoint::EndpointOptions,
    health::HealthOptions,
    isolation::IsolationOptions,
    limits::{DeviceRateOptions, LimitOptions},
    logging::LoggingOptions,
};
use crate::failure::{Failure, invalid, io};
use berth_api::run::{Attach, PublishSpec, RestartSpec, RunRequest, environment, publish, restart, volume};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Run {
    /// Run it in the background and print its id
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// The keys that leave its terminal, such as ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS")]
    pub(crate) detach_keys: Option<String>,
    /// Pass signals on to it; --sig-proxy=false where it should not get them
    #[arg(long, default_value_t = true)]
    pub(crate) sig_proxy: bool,
    #[command(flatten)]
    pub(crate) create: CreateOptions,
}

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct CreateOptions {
    /// Attach to stdin, stdout or stderr only
    #[arg(short, long, value_name = "STREAM")]
    attach: Vec<String>,
    /// Its name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Publish a port: [[ADDRESS:]HOST:]CONTAINER[/tcp]
    #[arg(short, long, value_name = "PORTS")]
    pub(crate) publish: Vec<String>,
    /// Publish every port that the image exposes on a free one
    #[arg(short = 'P', long)]
    publish_all: bool,
    /// Set a variable: KEY=VALUE, or KEY for the value it has here
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Mount a volume: NAME:PATH[:ro]
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,
    /// Its working directory
    #[arg(short, long, value_name = "PATH")]
    workdir: Option<String>,
    /// Its user: NAME or NUMBER, with :GROUP if wanted
    #[arg(short, long)]
    user: Option<String>,
    /// Remove it when it ends
    #[arg(long)]
    pub(crate) rm: bool,
    /// Run this program instead of the image's entrypoint
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Label it: KEY=VALUE
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
    /// Its host name
    #[arg(short = 'h', long)]
    pub(crate) hostname: Option<String>,
    #[command(flatten)]
    endpoint: EndpointOptions,
    /// When to start it again: no, always, unless-stopped, on-failure[:TIMES]
    #[arg(long, value_name = "POLICY", default_value = "no")]
    restart: String,
    /// Its root filesystem cannot be written
    #[arg(long)]
    read_only: bool,
    /// The signal that stops it, instead of the image's
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Seconds it may take to stop before it is killed; -1 for no end
    #[arg(long, allow_negative_numbers = true, value_name = "SECONDS")]
    stop_timeout: Option<i32>,
    /// A port that it listens on, or a range, without publishing it
    #[arg(long, value_name = "PORT[/tcp]")]
    expose: Vec<String>,
    /// Write its id to a file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) cidfile: Option<PathBuf>,
    /// Give it a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Keep its standard input open
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Pull the image: always, missing or never
    #[arg(long, value_name = "WHEN", default_value = "missing", value_parser = ["always", "missing", "never"])]
    pub(crate) pull: String,
    /// The platform of the image, such as linux/arm64; the machine's own without it
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Accepted as in docker, where it is obsolete
    #[arg(long, hide = true)]
    disable_content_trust: bool,
    /// Do not show the progress of a pull
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    device_rates: DeviceRateOptions,
    #[command(flatten)]
    health: HealthOptions,
    #[command(flatten)]
    logging: LoggingOptions,
    #[command(flatten)]
    isolation: IsolationOptions,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The image, then the command and its arguments instead of the image's own
    #[arg(required = true, trailing_var_arg = true, value_name = "IMAGE [COMMAND]")]
    pub(crate) image_and_command: Vec<String>,
}

impl CreateOptions {
    /// The request, with files read and variables of this side looked up.
    ///
    /// # Errors
    /// What docker would refuse, and what this engine cannot do yet.
    pub(crate) fn request(&self) -> Result<RunRequest, Failure> {
        let [image, command @ ..] = self.image_and_command.as_slice() else {
            return Err(invalid("an image is needed"));
        };
        let isolation = self.isolation.read()?;
        Ok(RunRequest {
            image: image.clone(),
            name: self.name.clone(),
            command: command.to_vec(),
            entrypoint: self.entrypoint.clone(),
            env: environment(&self.env_file, &self.env)?,
            publish: self.ports()?,
            publish_all: self.publish_all,
            volumes: each(&self.volume, "-v, --volume", volume::parse)?,
            workdir: self.workdir.clone(),
            user: self.user.clone(),
            labels: self.labels()?,
            hostname: self.hostname.clone(),
            networks: self.endpoint.read(&isolation.links)?,
            platform: self.platform.clone(),
            restart: self.restart()?,
            read_only: self.read_only,
            tty: self.tty,
            interactive: self.interactive,
            attach: self.attached()?,
            auto_remove: self.rm,
            expose: each(&self.expose, "--expose", publish::exposed)?.into_iter().flatten().collect(),
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_timeout,
            limits: self.limits.read()?,
            device_rates: self.device_rates.read()?,
            health: self.health.read()?,
            log: self.logging.read()?,
            isolation,
        })
    }

    fn restart(&self) -> Result<RestartSpec, Failure> {
        let restart = named(&self.restart, "--restart", restart::parse)?;
        if self.rm && restart != RestartSpec::No {
            return Err(invalid("conflicting options: cannot specify both --restart and --rm"));
        }
        Ok(restart)
    }

    /// The streams of `-a`; output and errors without it, and input when that is kept open.
    fn attached(&self) -> Result<Attach, Failure> {
        if self.attach.is_empty() {
            return Ok(Attach { stdin: self.interactive, stdout: true, stderr: true });
        }
        let mut attach = Attach::default();
        for stream in &self.attach {
            *match stream.to_lowercase().as_str() {
                "stdin" => &mut attach.stdin,
                "stdout" => &mut attach.stdout,
                "stderr" => &mut attach.stderr,
                _ => {
                    return Err(invalid(format!(
                        "invalid argument {stream:?} for \"-a, --attach\" flag: valid streams are STDIN, STDOUT and STDERR"
                    )));
                }
            } = true;
        }
        Ok(attach)
    }

    /// Whether `-a` says what is attached to.
    pub(crate) fn chooses_streams(&self) -> bool {
        !self.attach.is_empty()
    }

    /// Those of files first, so that `-l` wins.
    fn labels(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut all = Vec::new();
        for path in &self.label_file {
            let name = path.display().to_string();
            let content = std::fs::read_to_string(path).map_err(io(format!("open {name}")))?;
            all.extend(environment::label_file(&name, &content)?);
        }
        all.extend(each(&self.label, "-l, --label", environment::label)?);
        Ok(all)
    }

    fn ports(&self) -> Result<Vec<PublishSpec>, Failure> {
        Ok(each(&self.publish, "-p, --publish", publish::parse)?.into_iter().flatten().collect())
    }
}

/// The variables of `--env-file` and `-e`. Files first, so that `-e` wins.
///
/// # Errors
/// What docker would refuse.
pub(super) fn environment(files: &[PathBuf], variables: &[String]) -> Result<Vec<String>, Failure> {
    let own = |key: &str| std::env::var(key).ok();
    let mut all = Vec::new();
    for path in files {
        let name = path.display().to_string();
        let content = std::fs::read_to_string(path).map_err(io(format!("open {name}")))?;
        all.extend(environment::file(&name, &content, own)?);
    }
    all.extend(each(variables, "-e, --env", |text| environment::variable(text, own))?.into_iter().flatten());
    Ok(all)
}

/// Parses every value of an option; the error names the option as docker's does.
pub(super) fn each<T>(
    values: &[String],
    option: &str,
    parse: impl Fn(&str) -> Result<T, berth_api::Error>,
) -> Result<Vec<T>, Failure> {
    values.iter().map(|value| named(value, option, &parse)).collect()
}

pub(super) fn named<T>(
    value: &str,
    option: &str,
    parse: impl Fn(&str) -> Result<T, berth_api::Error>,
) -> Result<T, Failure> {
    parse(value).map_err(|error| invalid(format!("invalid argument {value:?} for {option:?} flag: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, ContainerVerb, tests::verb};
    use super::*;

    fn request(arguments: &[&str]) -> Result<RunRequest, Failure> {
        let cli = Cli::typed([&["berth", "run"], arguments].concat()).unwrap();
        let ContainerVerb::Run(run) = verb(cli) else { panic!("not run") };
        run.create.request()
    }

    #[test]
    fn options_become_a_request() {
        let request = request(&[
            "--name",
            "web",
            "-p",
            "8080:80",
            "-e",
            "A=1",
            "-v",
            "data:/d",
            "-m",
            "512m",
            "--cpus=1.5",
            "--restart",
            "on-failure:2",
            "-l",
            "a=b",
            "nginx",
            "nginx",
            "-g",
            "daemon off;",
        ])
        .unwrap();
        assert_eq!(request.image, "nginx");
        assert_eq!(request.command, ["nginx", "-g", "daemon off;"]);
        assert_eq!((request.limits.memory, request.limits.nano_cpus), (Some(512 << 20), Some(1_500_000_000)));
        assert_eq!(request.publish[0].host_port, Some(8080));
        assert_eq!((request.env, request.restart), (vec!["A=1".to_owned()], RestartSpec::OnFailure { retries: 2 }));
    }

    #[test]
    fn what_is_removed_at_its_end_is_not_started_again() {
        assert!(request(&["--rm", "--restart", "no", "nginx"]).unwrap().auto_remove);
        let Err(Failure::Problem(problem)) = request(&["--rm", "--restart", "always", "nginx"]) else {
            panic!("accepted")
        };
        assert_eq!(problem.message, "conflicting options: cannot specify both --restart and --rm");
    }

    #[test]
    fn options_of_isolation_are_dockers() {
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("profile.json");
        std::fs::write(&profile, "{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }").unwrap();
        let seccomp = format!("seccomp={}", profile.display());
        let given = request(&[
            "--privileged",
            "--init",
            "--pid",
            "container:db",
            "--security-opt",
            &seccomp,
            "--device",
            "/dev/fuse:r",
            "--oom-score-adj",
            "-500",
            "--dns-opt",
            "ndots:2",
            "--mount",
            "type=tmpfs,target=/t",
            "nginx",
            "--privileged",
        ])
        .unwrap();
        assert_eq!(given.command, ["--privileged"], "what follows the image is the command's");
        let isolation = given.isolation;
        assert!(isolation.privileged && isolation.init == Some(true));
        assert_eq!(isolation.security_opt, ["seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"]);
        assert_eq!((isolation.devices[0].permissions.as_str(), isolation.oom_score_adj), ("r", Some(-500)));
        assert_eq!((isolation.mounts[0].kind.as_str(), isolation.dns_options), ("tmpfs", vec!["ndots:2".to_owned()]));
        let Err(Failure::Problem(problem)) = request(&["--pid", "mine", "nginx"]) else { panic!("accepted") };
        assert_eq!(problem.message, "--pid: invalid PID mode");
    }

    #[test]
    fn variables_of_the_command_line_win_over_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        std::fs::write(&file, "A=file\n").unwrap();
        let request = request(&["-e", "A=line", "--env-file", file.to_str().unwrap(), "nginx"]).unwrap();
        assert_eq!(request.env, ["A=file", "A=line"]);
    }

    #[test]
    fn streams_and_labels_are_chosen_as_in_docker() {
        let attach = |arguments: &[&str]| request(arguments).map(|request| request.attach);
        assert_eq!(attach(&["nginx"]).unwrap(), Attach { stdin: false, stdout: true, stderr: true });
        assert_eq!(attach(&["-i", "nginx"]).unwrap(), Attach { stdin: true, stdout: true, stderr: true });
        let chosen = attach(&["-a", "STDIN", "-a", "stderr", "nginx"]).unwrap();
        assert_eq!(chosen, Attach { stdin: true, stdout: false, stderr: true });
        let Err(Failure::Problem(problem)) = attach(&["-a", "what", "nginx"]) else { panic!("accepted") };
        assert!(problem.message.ends_with("valid streams are STDIN, STDOUT and STDERR"), "{}", problem.message);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels");
        std::fs::write(&file, "a=file\nb\n").unwrap();
        let labels = request(&["-l", "a=line", "--label-file", file.to_str().unwrap(), "nginx"]).unwrap().labels;
        assert_eq!(labels, [("a", "file"), ("b", ""), ("a", "line")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn what_docker_refuses_by_itself_is_refused_in_its_words() {
        for (arguments, said) in [
            (&["--memory-swappiness", "101", "x"][..], "invalid value: 101. Valid memory swappiness range is 0-100"),
            (&["--mac-address", "x", "x"], "x is not a valid mac address"),
            (&["--network-alias", "a", "x"], "network-scoped aliases are only supported for user-defined networks"),
            (&["--link", "a:b:c", "x"], "invalid argument \"a:b:c\" for \"--link\" flag: bad format for links: a:b:c"),
        ] {
            let Err(Failure::Problem(problem)) = request(arguments) else { panic!("accepted {arguments:?}") };
            assert_eq!(problem.message, said);
        }
    }

    #[test]
    fn a_bad_value_names_its_option() {
        let Err(Failure::Problem(problem)) = request(&["-p", "x", "nginx"]) else { panic!("accepted") };
        assert_eq!(problem.message, "invalid argument \"x\" for \"-p, --publish\" flag: invalid containerPort: x");
    }
}
