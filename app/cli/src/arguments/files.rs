//! Options of the verbs about a container's files.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Cp {
    /// Give what is copied into a container to the container's user
    #[arg(short, long)]
    pub(crate) archive: bool,
    /// Follow a link in the last place of SOURCE
    #[arg(short = 'L', long)]
    pub(crate) follow_link: bool,
    /// Show no progress; so it is, unless standard output is a terminal
    #[arg(short, long)]
    pub(crate) quiet: Option<bool>,
    /// CONTAINER:PATH, a path of this system, or - for a tar archive from standard input
    pub(crate) source: String,
    /// CONTAINER:PATH, a path of this system, or - for a tar archive to standard output
    pub(crate) destination: String,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The archive to write; standard output without it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,
    /// The container
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Commit {
    /// Who made it
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub(crate) author: String,
    /// Change a setting of the image, by a line of a Dockerfile
    #[arg(short, long, value_name = "LINE")]
    pub(crate) change: Vec<String>,
    /// What is new in it
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub(crate) message: String,
    /// Freeze the container meanwhile; --pause=false where it should run on
    #[arg(short, long, default_value_t = true)]
    pub(crate) pause: bool,
    /// The container
    pub(crate) name: String,
    /// Name of the image, and its tag
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) reference: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, ContainerVerb, tests::verb};

    #[test]
    fn a_copy_knows_streams_and_says_nothing_when_told() {
        for (arguments, quiet, source) in [
            (&["web:/a", "-"][..], None, "web:/a"),
            (&["-q", "-", "web:/"], Some(true), "-"),
            (&["--quiet=false", "a", "web:/"], Some(false), "a"),
        ] {
            let parsed = Cli::typed([&["berth", "cp"], arguments].concat()).unwrap();
            let ContainerVerb::Cp(cp) = verb(parsed) else { panic!("not cp") };
            assert_eq!((cp.quiet, cp.source.as_str()), (quiet, source), "{arguments:?}");
        }
    }

    #[test]
    fn a_commit_pauses_unless_told_not_to() {
        for (arguments, pause) in
            [(&["web"][..], true), (&["-p", "web", "app:1"], true), (&["--pause=false", "web"], false)]
        {
            let parsed = Cli::typed([&["berth", "commit"], arguments].concat()).unwrap();
            let ContainerVerb::Commit(commit) = verb(parsed) else { panic!("not commit") };
            assert_eq!((commit.pause, commit.name.as_str()), (pause, "web"), "{arguments:?}");
        }
    }
}
