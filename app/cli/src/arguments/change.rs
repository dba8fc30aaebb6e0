//! Options of the verbs that change containers.

use super::{limits::LimitOptions, run::named};
use crate::failure::Failure;
use berth_api::{container, run::restart};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    limits: LimitOptions,
    /// When to start it again: no, always, unless-stopped, on-failure[:TIMES]
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,
    #[command(flatten)]
    pub(crate) names: super::Names,
}

impl Update {
    /// The changes.
    ///
    /// # Errors
    /// An amount that is none, in docker's words.
    pub(crate) fn changes(&self) -> Result<container::Update, Failure> {
        Ok(container::Update {
            limits: self.limits.read()?,
            restart: self.restart.as_deref().map(|text| named(text, "--restart", restart::parse)).transpose()?,
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContainerCommand {
    #[command(flatten)]
    Verb(Box<super::ContainerVerb>),
    /// List containers
    #[command(visible_alias = "list")]
    Ls(super::Ps),
    /// Show everything about containers, as JSON
    Inspect(super::Inspect),
    /// Remove all containers that do not run
    Prune {
        /// Do not ask
        #[arg(short, long)]
        force: bool,
        /// Only those that fit, such as until=24h or label=KEY
        #[arg(long, value_name = "FILTER")]
        filter: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, ContainerVerb, tests::verb};
    use super::*;

    #[test]
    fn amounts_are_read_as_those_of_run() {
        let parsed = |arguments: &[&str]| {
            let parsed = Cli::typed([&["berth", "update"], arguments].concat()).unwrap();
            let ContainerVerb::Update(update) = verb(parsed) else { panic!("not update") };
            update.changes()
        };
        let update = parsed(&["--cpus", "1.5", "-m", "64m", "--memory-swap", "-1", "--pids-limit", "-1", "x"]).unwrap();
        let limits = update.limits;
        assert_eq!((limits.nano_cpus, limits.memory), (Some(1_500_000_000), Some(64 << 20)));
        assert_eq!((limits.memory_swap, limits.pids_limit, update.restart), (Some(-1), Some(-1), None));
        let Err(Failure::Problem(problem)) = parsed(&["-m", "much", "x"]) else { panic!("accepted") };
        assert_eq!(problem.message, "invalid argument \"much\" for \"-m, --memory\" flag: invalid size: 'much'");
    }
}
