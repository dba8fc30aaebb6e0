//! The command line: OCI's verbs with runc's options, `exec`, the monitors, and what an engine needs of user namespaces.

use std::{
    ffi::OsString,
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    str::FromStr,
};

use crate::{
    container::{ContainerId, SignalNumber},
    failure::Failure,
    init::IdMaps,
    monitor::LogOptions,
};

/// Where containers are kept unless `--root` says otherwise.
const DEFAULT_ROOT: &str = "/run/berth/runtime";

/// One invocation.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) root: PathBuf,
    /// Where errors are written as JSON lines too.
    pub(crate) error_log: Option<PathBuf>,
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Verb {
    Create { id: ContainerId, bundle: PathBuf, pid_file: Option<PathBuf>, console_socket: Option<PathBuf> },
    Start { id: ContainerId },
    State { id: ContainerId },
    Kill { id: ContainerId, signal: SignalNumber, all: bool },
    Delete { id: ContainerId, force: bool },
    Exec { id: ContainerId, process: PathBuf, pid_file: Option<PathBuf>, console_socket: Option<PathBuf>, detach: bool },
    Pause { id: ContainerId },
    Resume { id: ContainerId },
    Update { id: ContainerId, resources: PathBuf },
    PinUsers { maps: IdMaps, users: PathBuf, network: PathBuf },
    BindMapped { users: PathBuf, source: PathBuf, target: PathBuf },
    Features,
    Monitor { id: ContainerId, bundle: PathBuf, log: Option<LogOptions>, open_input: bool },
    MonitorExec { id: ContainerId, directory: PathBuf, open_input: bool },
    CompressLog { file: PathBuf },
}

impl Invocation {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    /// Names the argument that is missing or not understood.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let mut arguments = Arguments::split(arguments)?;
        let root = arguments.value("root").map_or_else(|| DEFAULT_ROOT.into(), PathBuf::from);
        let error_log = arguments.value("log").map(PathBuf::from);
        let name = arguments.verb.take().ok_or_else(|| Failure::other(USAGE))?;
        let (verb, error_log) = match name.as_str() {
            "create" => (
                Verb::Create {
                    bundle: arguments.value("bundle").map_or_else(|| ".".into(), PathBuf::from),
                    pid_file: arguments.value("pid-file").map(PathBuf::from),
                    console_socket: arguments.value("console-socket").map(PathBuf::from),
                    id: arguments.id()?,
                },
                error_log,
            ),
            "start" => (Verb::Start { id: arguments.id()? }, error_log),
            "state" => (Verb::State { id: arguments.id()? }, error_log),
            "kill" => {
                let all = arguments.flag("all");
                let id = arguments.id()?;
                let signal = arguments.positional.pop_front().unwrap_or_else(|| "SIGTERM".to_owned());
                (Verb::Kill { id, all, signal: signal.parse()? }, error_log)
            }
            "delete" => (Verb::Delete { force: arguments.flag("force"), id: arguments.id()? }, error_log),
            "exec" => {
                let missing = || Failure::other("exec needs --process FILE, the description of a process");
                (
                    Verb::Exec {
                        process: arguments.value("process").ok_or_else(missing)?.into(),
                        pid_file: arguments.value("pid-file").map(PathBuf::from),
                        console_socket: arguments.value("console-socket").map(PathBuf::from),
                        detach: arguments.flag("detach"),
                        id: arguments.id()?,
                    },
                    error_log,
                )
            }
            "pause" => (Verb::Pause { id: arguments.id()? }, error_log),
            "resume" => (Verb::Resume { id: arguments.id()? }, error_log),
            "update" => {
                let file = arguments.value("resources");
                let resources =
                    file.ok_or_else(|| Failure::other("update needs --resources FILE (- is standard input)"))?;
                (Verb::Update { id: arguments.id()?, resources: resources.into() }, error_log)
            }
            "pin-users" => {
                let maps = arguments.id_range()?;
                let [users, network] =
                    arguments.paths("pin-users needs USERS and NETWORK, the files to name them by")?;
                (Verb::PinUsers { maps, users, network }, error_log)
            }
            "bind-mapped" => {
                let missing = || Failure::other("bind-mapped needs --users FILE, which names a user namespace");
                let users = arguments.value("users").ok_or_else(missing)?.into();
                let [source, target] = arguments.paths("bind-mapped needs SOURCE and TARGET, two directories")?;
                (Verb::BindMapped { users, source, target }, error_log)
            }
            "features" => (Verb::Features, error_log),
            "monitor" => {
                let log = error_log.map(|file| arguments.log(file)).transpose()?;
                let bundle = arguments.value("bundle").ok_or_else(|| Failure::other("monitor needs --bundle DIR"))?;
                let open_input = arguments.flag("open-stdin");
                (Verb::Monitor { id: arguments.id()?, bundle: bundle.into(), log, open_input }, None)
            }
            "monitor-exec" => {
                let missing = || Failure::other("monitor-exec needs --bundle DIR, with process.json in it");
                let directory = arguments.value("bundle").ok_or_else(missing)?.into();
                let open_input = arguments.flag("open-stdin");
                (Verb::MonitorExec { id: arguments.id()?, directory, open_input }, error_log)
            }
            "compress-log" => {
                let missing = || Failure::other("compress-log needs the name of the log");
                (Verb::CompressLog { file: arguments.positional.pop_front().ok_or_else(missing)?.into() }, error_log)
            }
            other => return Err(Failure::other(format!("unknown command {other:?}; {USAGE}"))),
        };
        arguments.finish()?;
        Ok(Self { root, error_log, verb })
    }
}

const USAGE: &str = "use one of: create, start, state, kill, delete, exec, pause, resume, update, features, monitor, \
                     monitor-exec, compress-log, pin-users, bind-mapped";

/// Options that take a value; those of runc's that change nothing here are accepted and passed over.
const VALUED: [&str; 13] = [
    "root",
    "log",
    "log-format",
    "log-max-size",
    "log-max-files",
    "log-attributes",
    "bundle",
    "pid-file",
    "console-socket",
    "process",
    "resources",
    "ids",
    "users",
];
const FLAGS: [(&str, &str); 10] = [
    ("--log-compress", "log-compress"),
    ("--all", "all"),
    ("-a", "all"),
    ("--force", "force"),
    ("-f", "force"),
    ("--detach", "detach"),
    ("-d", "detach"),
    ("--open-stdin", "open-stdin"),
    ("--debug", "debug"),
    ("--no-pivot", "no-pivot"),
];

#[derive(Default)]
struct Arguments {
    verb: Option<String>,
    values: Vec<(&'static str, OsString)>,
    flags: Vec<&'static str>,
    positional: std::collections::VecDeque<String>,
}

impl Arguments {
    fn split(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let mut split = Self::default();
        let mut arguments = arguments.into_iter();
        let mut only_positional = false;
        while let Some(argument) = arguments.next() {
            let text = argument.to_str().ok_or_else(|| Failure::other("an argument is not UTF-8"))?;
            if only_positional || text == "-" || !text.starts_with('-') {
                match split.verb {
                    None => split.verb = Some(text.to_owned()),
                    Some(_) => split.positional.push_back(text.to_owned()),
                }
            } else if text == "--" {
                only_positional = true;
            } else if let Some((_, name)) = FLAGS.iter().find(|(flag, _)| *flag == text) {
                split.flags.push(name);
            } else {
                let (name, inline) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (text, None),
                };
                let name = match name {
                    "-b" => "bundle",
                    "-p" => "process",
                    "-r" => "resources",
                    _ => name.trim_start_matches('-'),
                };
                let unknown = || Failure::other(format!("unknown option {text}"));
                let known = VALUED.iter().find(|known| **known == name).ok_or_else(unknown)?;
                let value = inline.map(OsString::from).or_else(|| arguments.next());
                split.values.push((known, value.ok_or_else(|| Failure::other(format!("{text} needs a value")))?));
            }
        }
        Ok(split)
    }

    fn value(&mut self, name: &str) -> Option<OsString> {
        self.values.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn parsed<T: FromStr>(&mut self, name: &str, what: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let parsed = value.to_str().and_then(|text| text.parse().ok());
        parsed.map(Some).ok_or_else(|| Failure::other(format!("--{name} {} is not {what}", value.display())))
    }

    fn log(&mut self, file: PathBuf) -> Result<LogOptions, Failure> {
        let attributes = self.parsed::<serde_json::Value>("log-attributes", "a JSON object")?;
        if attributes.as_ref().is_some_and(|json| !json.is_object()) {
            return Err(Failure::other("--log-attributes is not a JSON object"));
        }
        Ok(LogOptions {
            file,
            max_size: self.parsed::<NonZeroU64>("log-max-size", "a number of bytes")?,
            max_files: self.parsed("log-max-files", "a number of files")?.unwrap_or(NonZeroU32::MIN),
            compress: self.flag("log-compress"),
            attributes: attributes.map(|json| json.to_string()),
        })
    }

    /// `--ids FIRST:COUNT`, the ids outside of those from 0 on.
    fn id_range(&mut self) -> Result<IdMaps, Failure> {
        let bad = || Failure::other("pin-users needs --ids FIRST:COUNT, a range of ids");
        let value = self.value("ids").ok_or_else(bad)?;
        let (first, count) = value.to_str().and_then(|text| text.split_once(':')).ok_or_else(bad)?;
        IdMaps::from(first.parse().map_err(|_| bad())?, count.parse().map_err(|_| bad())?)
    }

    fn paths<const N: usize>(&mut self, missing: &str) -> Result<[PathBuf; N], Failure> {
        let mut paths = [const { PathBuf::new() }; N];
        for path in &mut paths {
            *path = self.positional.pop_front().ok_or_else(|| Failure::other(missing))?.into();
        }
        Ok(paths)
    }

    fn flag(&self, name: &str) -> bool {
        self.flags.contains(&name)
    }

    fn id(&mut self) -> Result<ContainerId, Failure> {
        self.positional.pop_front().ok_or_else(|| Failure::other("a container id is missing"))?.parse()
    }

    fn finish(&self) -> Result<(), Failure> {
        match self.positional.front() {
            Some(extra) => Err(Failure::other(format!("unexpected argument {extra:?}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Invocation, Failure> {
        Invocation::parse(line.split_ascii_whitespace().map(OsString::from))
    }

    #[test]
    fn the_verbs_of_oci_with_the_options_of_runc() {
        let line = "--root /r --log /l --log-format json create --bundle /b --pid-file=/p c1";
        let create = parse(line).unwrap();
        assert_eq!((create.root, create.error_log), ("/r".into(), Some("/l".into())));
        let expected = Verb::Create {
            id: "c1".parse().unwrap(),
            bundle: "/b".into(),
            pid_file: Some("/p".into()),
            console_socket: None,
        };
        assert_eq!(create.verb, expected);
        let kill = parse("kill --all c1 KILL").unwrap();
        assert_eq!(kill.verb, Verb::Kill { id: "c1".parse().unwrap(), signal: "9".parse().unwrap(), all: true });
        assert_eq!(kill.root, PathBuf::from(DEFAULT_ROOT));
        assert_eq!(parse("kill c1").unwrap().verb, parse("kill c1 15").unwrap().verb);
        let update = Verb::Update { id: "c1".parse().unwrap(), resources: "-".into() };
        assert_eq!(parse("update --resources - c1").unwrap().verb, update);
        assert_eq!(parse("update c1 -r -").unwrap().verb, update);
        assert_eq!(parse("pause c1").unwrap().verb, Verb::Pause { id: "c1".parse().unwrap() });
    }

    #[test]
    fn the_log_of_monitor_is_the_containers() {
        let monitor = parse("--root /r monitor --bundle /b --log /l c1").unwrap();
        assert_eq!(monitor.error_log, None);
        let log = LogOptions {
            file: "/l".into(),
            max_size: None,
            max_files: NonZeroU32::MIN,
            compress: false,
            attributes: None,
        };
        let expected = |log| Verb::Monitor { id: "c1".parse().unwrap(), bundle: "/b".into(), log, open_input: false };
        assert_eq!(monitor.verb, expected(Some(log.clone())));
        let rotated = "monitor --bundle /b --log /l --log-max-size 10 --log-max-files 3 --log-compress --log-attributes {\"a\":\"b\"} c1";
        let log = LogOptions {
            max_size: NonZeroU64::new(10),
            max_files: NonZeroU32::new(3).unwrap(),
            compress: true,
            attributes: Some("{\"a\":\"b\"}".into()),
            ..log
        };
        assert_eq!(parse(rotated).unwrap().verb, expected(Some(log)));
        assert_eq!(parse("monitor --bundle /b c1").unwrap().verb, expected(None), "kept nowhere");
        assert_eq!(parse("compress-log /l").unwrap().verb, Verb::CompressLog { file: "/l".into() });
    }

    #[test]
    fn what_is_wanted_of_user_namespaces_is_named_by_files() {
        let (users, network) = (PathBuf::from("/u"), PathBuf::from("/n"));
        let pin = Verb::PinUsers { maps: IdMaps::from(524_288, 65_536).unwrap(), users: users.clone(), network };
        assert_eq!(parse("pin-users --ids 524288:65536 /u /n").unwrap().verb, pin);
        let bind = Verb::BindMapped { users, source: "/s".into(), target: "/t".into() };
        assert_eq!(parse("bind-mapped --users /u /s /t").unwrap().verb, bind);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, expected) in [
            ("", "use one of"),
            ("run x", "unknown command \"run\""),
            ("start", "container id is missing"),
            ("start a b", "unexpected argument \"b\""),
            ("create --what x", "unknown option --what"),
            ("create x --bundle", "--bundle needs a value"),
            ("state ../x", "invalid container id"),
            ("monitor --log /l x", "needs --bundle"),
            ("monitor --bundle /b --log /l --log-max-size 0 x", "--log-max-size 0 is not a number of bytes"),
            ("monitor --bundle /b --log /l --log-attributes [] x", "--log-attributes is not a JSON object"),
            ("exec x", "needs --process"),
            ("update x", "update needs --resources FILE"),
            ("pin-users /u /n", "needs --ids FIRST:COUNT"),
            ("pin-users --ids 1 /u /n", "needs --ids FIRST:COUNT"),
            ("pin-users --ids 4294967295:1 /u /n", "4294967295:1 is no range of ids"),
            ("pin-users --ids 1:0 /u /n", "1:0 is no range of ids"),
            ("pin-users --ids 1:1 /u", "needs USERS and NETWORK"),
            ("bind-mapped /s /t", "needs --users FILE"),
            ("bind-mapped --users /u /s /t /x", "unexpected argument \"/x\""),
        ] {
            let message = parse(line).unwrap_err().message;
            assert!(message.contains(expected), "{line}: {message}");
        }
    }
}
