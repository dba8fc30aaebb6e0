//! Docker's flags: each may be given a value, as in `--rm=false`, and the last one counts.
//!
//! The definition has them as plain `bool`, or as `Option<bool>` where it matters whether one was given. Here all of
//! them get a value to parse, and none to show: help and completion read as if there were no values.

use super::Cli;
use clap::{
    Arg, ArgAction, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{any::TypeId, error::Error, ffi::OsString, fmt};

/// What was given to a flag is no boolean. The text is docker's.
#[derive(Debug)]
struct NotBoolean(String);

impl fmt::Display for NotBoolean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NotBoolean {}

/// Why the command line was not understood.
#[derive(Debug)]
pub(crate) enum Misunderstood {
    /// A flag has a value that is none, in docker's words.
    Flag(String),
    /// Anything else, help included.
    Other(clap::Error),
}

/// Docker's exit code for a command line that shows help or makes no sense: 125 for a wrong option, 1 for anything else.
pub(crate) fn exit_code(error: &clap::Error) -> u8 {
    let about = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        ErrorKind::MissingRequiredArgument => 1,
        _ if about.starts_with('-') => 125,
        _ => 1,
    }
}

impl Cli {
    /// What `words` say; the first is the program's name.
    ///
    /// # Errors
    /// Words that make no sense, and the wish for help.
    pub(crate) fn typed<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Result<Self, Misunderstood> {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        let matches = each_flag(Self::command(), parsed).try_get_matches_from(&words);
        matches.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|error| {
            if let Some(NotBoolean(text)) = error.source().and_then(|source| source.downcast_ref()) {
                return Misunderstood::Flag(text.clone());
            }
            let help = [ErrorKind::DisplayHelp, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
            let shown = help.contains(&error.kind()).then(|| Self::shown().try_get_matches_from(&words).err());
            Misunderstood::Other(shown.flatten().filter(|shown| help.contains(&shown.kind())).unwrap_or(error))
        })
    }

    /// The definition, for help and completion.
    pub(crate) fn shown() -> Command {
        each_flag(Self::command(), |flag| flag.action(ArgAction::SetTrue).num_args(0))
    }
}

fn each_flag(command: Command, change: fn(Arg) -> Arg) -> Command {
    let is_flag = |arg: &Arg| {
        let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue);
        takes && arg.get_value_parser().type_id() == TypeId::of::<bool>()
    };
    command
        .mut_args(|arg| if is_flag(&arg) { change(arg) } else { arg })
        .mut_subcommands(|command| each_flag(command, change))
}

fn parsed(flag: Arg) -> Arg {
    let is_false_without = matches!(flag.get_action(), ArgAction::SetTrue) && flag.get_default_values().is_empty();
    let (id, name) = (flag.get_id().clone(), name(&flag));
    let boolean = move |text: &str| {
        boolean(text).ok_or_else(|| {
            NotBoolean(format!(
                "invalid argument {text:?} for {name:?} flag: strconv.ParseBool: parsing {text:?}: invalid syntax"
            ))
        })
    };
    let flag = flag.action(ArgAction::Set).num_args(0..=1).require_equals(true).default_missing_value("true");
    let flag = flag.value_name("BOOL").value_parser(boolean).overrides_with(id);
    if is_false_without { flag.default_value("false") } else { flag }
}

/// As docker writes it in messages: `-d, --detach`.
fn name(flag: &Arg) -> String {
    let long = flag.get_long().map(|long| format!("--{long}"));
    flag.get_short().map(|short| format!("-{short}")).into_iter().chain(long).collect::<Vec<_>>().join(", ")
}

/// Go's words (`strconv.ParseBool`).
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ContainerVerb, Run, tests::verb};
    use super::*;

    fn run(words: &[&str]) -> Run {
        let ContainerVerb::Run(run) = verb(Cli::typed([&["berth", "run"], words].concat()).unwrap()) else {
            panic!("not run")
        };
        run
    }

    #[test]
    fn a_flag_takes_gos_booleans_and_the_last_one_counts() {
        for (words, rm, detach) in [
            (&["--rm", "x"][..], true, false),
            (&["--rm=false", "-d=T", "x"], false, true),
            (&["--rm=1", "--rm=0", "--detach=t", "x"], false, true),
            (&["--rm=f", "--rm", "-d=FALSE", "x"], true, false),
            (&["x", "--rm", "-d"], false, false),
        ] {
            let run = run(words);
            assert_eq!((run.create.rm, run.detach), (rm, detach), "{words:?}");
        }
        let together = run(&["-itd=false", "--sig-proxy=0", "x", "y"]);
        assert!(together.create.interactive && together.create.tty && !together.detach && !together.sig_proxy);
        assert_eq!(together.create.image_and_command, ["x", "y"]);
        assert!(run(&["x"]).sig_proxy && run(&["--sig-proxy", "x"]).sig_proxy);
        let after = run(&["--rm", "false"]);
        assert_eq!((after.create.rm, after.create.image_and_command), (true, vec!["false".to_owned()]));
    }

    #[test]
    fn every_flag_of_every_verb_takes_a_value_and_refuses_what_is_none_in_dockers_words() {
        fn visit(command: &Command, path: &[&str], seen: &mut usize) {
            for flag in command.get_arguments().filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue)) {
                let given = format!("--{}", flag.get_long().unwrap());
                let words = |value: &str| [&["berth"], path, &[format!("{given}={value}").as_str()]].concat().join(" ");
                let refused = Cli::typed(words("x").split(' ').map(str::to_owned));
                let Err(Misunderstood::Flag(text)) = refused else { panic!("{}: {refused:?}", words("x")) };
                let what = "flag: strconv.ParseBool: parsing \"x\": invalid syntax";
                assert!(text.starts_with("invalid argument \"x\" for \"") && text.ends_with(what), "{text}");
                assert!(text.contains(&given), "{text}");
                // Whatever else is missing, the value is none of the reasons.
                if let Err(Misunderstood::Flag(text)) = Cli::typed(words("false").split(' ').map(str::to_owned)) {
                    panic!("{text}");
                }
                *seen += 1;
            }
            for inner in command.get_subcommands() {
                visit(inner, &[path, &[inner.get_name()]].concat(), seen);
            }
        }
        let mut seen = 0;
        visit(&Cli::shown(), &[], &mut seen);
        assert!(seen > 50, "{seen} flags");
        let Err(Misunderstood::Flag(text)) = Cli::typed(["berth", "run", "-d=", "x"]) else { panic!("accepted") };
        assert_eq!(
            text,
            "invalid argument \"\" for \"-d, --detach\" flag: strconv.ParseBool: parsing \"\": invalid syntax"
        );
    }

    #[test]
    fn help_and_completion_show_flags_without_values() {
        Cli::shown().debug_assert();
        each_flag(Cli::command(), parsed).debug_assert();
        for words in [&["berth", "run", "--help"][..], &["berth", "help", "cp"], &["berth", "context", "-h"]] {
            let Err(Misunderstood::Other(help)) = Cli::typed(words.iter().copied()) else { panic!("no help") };
            let help = help.to_string();
            assert!(help.contains("Options:") && !help.contains("BOOL") && !help.contains("[=<"), "{help}");
        }
    }

    #[test]
    fn a_wrong_option_ends_with_125_and_a_wrong_word_with_1() {
        for (words, code) in [
            (&["run", "--no-such-option", "x"][..], 125),
            (&["run", "--stop-timeout", "soon", "x"], 125),
            (&["ps", "--no-such-option"], 125),
            (&["ps", "word"], 1),
            (&["stop"], 1),
            (&["no-such-verb"], 1),
            (&["run", "--help"], 0),
            (&["--version"], 0),
        ] {
            let Err(Misunderstood::Other(error)) = Cli::typed([&["berth"], words].concat()) else {
                panic!("{words:?} was understood")
            };
            assert_eq!(exit_code(&error), code, "{words:?}");
        }
    }
}
