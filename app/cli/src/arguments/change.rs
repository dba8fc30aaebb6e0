//! Options of the verbs that change containers.

use super::run::named;
use crate::failure::Failure;
use berth_api::{
    container,
    run::{quantity, restart},
};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Relative weight of its block I/O, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,
    /// The period its processor quota counts in, microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<i64>,
    /// How long it may compute in each period, microseconds
    #[arg(long, allow_negative_numbers = true, value_name = "MICROSECONDS")]
    cpu_quota: Option<i64>,
    /// Relative weight of its processes, 1024 is normal
    #[arg(short, long, value_name = "SHARES")]
    cpu_shares: Option<i64>,
    /// Limit its processors, such as 1.5
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<String>,
    /// The processors it may use, such as 0-2,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// The memory nodes it may use, such as 0,1
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Limit its memory, such as 512m
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<String>,
    /// Memory kept for it under pressure
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<String>,
    /// Limit its memory and swap together; -1 for no limit on swap
    #[arg(long, allow_hyphen_values = true, value_name = "BYTES")]
    memory_swap: Option<String>,
    /// Limit its processes; -1 for no limit
    #[arg(long, allow_negative_numbers = true, value_name = "NUMBER")]
    pids_limit: Option<i64>,
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
        let bytes = |text: &Option<String>, option| {
            text.as_deref().map(|text| named(text, option, quantity::bytes)).transpose()
        };
        let memory_swap = match self.memory_swap.as_deref() {
            Some("-1") => Some(-1),
            _ => bytes(&self.memory_swap, "--memory-swap")?,
        };
        Ok(container::Update {
            blkio_weight: self.blkio_weight,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpu_shares: self.cpu_shares,
            nano_cpus: self.cpus.as_deref().map(|text| named(text, "--cpus", quantity::nano_cpus)).transpose()?,
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            memory: bytes(&self.memory, "-m, --memory")?,
            memory_reservation: bytes(&self.memory_reservation, "--memory-reservation")?,
            memory_swap,
            pids_limit: self.pids_limit,
            restart: self.restart.as_deref().map(|text| named(text, "--restart", restart::parse)).transpose()?,
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContainerVerb {
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
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser;

    #[test]
    fn amounts_are_read_as_those_of_run() {
        let parsed = |arguments: &[&str]| {
            let Command::Update(update) =
                Cli::try_parse_from([&["berth", "update"], arguments].concat()).unwrap().command
            else {
                panic!("not update")
            };
            update.changes()
        };
        let update = parsed(&["--cpus", "1.5", "-m", "64m", "--memory-swap", "-1", "--pids-limit", "-1", "x"]).unwrap();
        assert_eq!((update.nano_cpus, update.memory), (Some(1_500_000_000), Some(64 << 20)));
        assert_eq!((update.memory_swap, update.pids_limit, update.restart), (Some(-1), Some(-1), None));
        let Err(Failure::Problem(problem)) = parsed(&["-m", "much", "x"]) else { panic!("accepted") };
        assert_eq!(problem.message, "invalid argument \"much\" for \"-m, --memory\" flag: invalid size: 'much'");
    }
}
