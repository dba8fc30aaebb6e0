//! Options of the verbs that show containers.

use crate::failure::{Failure, invalid};
use berth_api::client::Filters;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Those that do not run too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only those that fit, such as status=exited, name=web or label=KEY=VALUE
    #[arg(short, long, value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// The newest so many, running or not
    #[arg(short = 'n', long, allow_negative_numbers = true, value_name = "NUMBER")]
    pub(crate) last: Option<i32>,
    /// The newest one
    #[arg(short, long)]
    pub(crate) latest: bool,
    /// Show what each has written
    #[arg(short, long)]
    pub(crate) size: bool,
    /// Only ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whole ids and commands
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// "table", "json", or a template such as '{{.Names}}: {{.Status}}'
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub(crate) format: String,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Those that do not run too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Once, instead of each second
    #[arg(long)]
    pub(crate) no_stream: bool,
    /// Whole ids
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// "table", "json", or a template such as '{{.Name}} {{.CPUPerc}}'
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub(crate) format: String,
    /// Names or ids; all that run without any
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// The container
    pub(crate) name: String,
    /// Options of ps: -ef, aux, or -o with names of columns
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS OPTIONS")]
    pub(crate) options: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only those that fit, such as type=container, event=die or container=NAME
    #[arg(short, long, value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Those since then too: a time, seconds since 1970, or an age (10m, 2h30m)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Up to then
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// "json", or a template such as '{{.Type}} {{.Action}} {{.Actor.ID}}'
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// "json", or a template such as '{{.State.Status}}'
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// What a container has written too
    #[arg(short, long)]
    pub(crate) size: bool,
    /// Look among these only: container, image, network or volume
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Port {
    /// The container
    pub(crate) name: String,
    /// One port of the container, such as 80 or 80/tcp
    #[arg(value_name = "PORT")]
    pub(crate) port: Option<String>,
}

/// `name=value` each; one name may have several values.
///
/// # Errors
/// One without `=`, in docker's words.
pub(crate) fn filters(given: &[String]) -> Result<Filters, Failure> {
    let mut all = Filters::new();
    for filter in given {
        let (name, value) = filter.split_once('=').ok_or_else(|| {
            invalid(format!(
                "invalid argument {filter:?} for \"-f, --filter\" flag: invalid filter {filter:?} (expected name=value)"
            ))
        })?;
        all.entry(name.trim().to_lowercase()).or_default().push(value.trim().to_owned());
    }
    Ok(all)
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum SystemVerb {
    /// Show what takes room on the machine's disk
    Df {
        /// Each image, container and volume
        #[arg(short, long, conflicts_with = "format")]
        verbose: bool,
        /// "json", or a template such as '{{.Type}} {{.Size}}'
        #[arg(long, value_name = "FORMAT")]
        format: Option<String>,
    },
    /// Remove containers that do not run, and images that have no name
    Prune {
        /// Images with a name too, unless a container has them
        #[arg(short, long)]
        all: bool,
        /// Volumes without a name too, unless a container has them
        #[arg(long)]
        volumes: bool,
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
    use super::*;

    #[test]
    fn a_filter_may_have_several_values() {
        let all = filters(&["status=exited".into(), "Status=created".into(), "label=a=b".into()]).unwrap();
        assert_eq!(all["status"], ["exited", "created"]);
        assert_eq!(all["label"], ["a=b"]);
        assert!(filters(&["exited".into()]).is_err());
    }
}
