//! Options of `exec`, `attach` and `start`.

use super::run::environment;
use crate::failure::Failure;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Let it run in the background
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Send it this side's standard input
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Set a variable: KEY=VALUE, or KEY for the value it has here
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Its user: NAME or NUMBER, with :GROUP if wanted
    #[arg(short, long)]
    pub(crate) user: Option<String>,
    /// Its working directory
    #[arg(short, long, value_name = "PATH")]
    pub(crate) workdir: Option<String>,
    /// Give it every capability
    #[arg(long)]
    pub(crate) privileged: bool,
    /// The keys that leave its terminal, such as ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS")]
    pub(crate) detach_keys: Option<String>,
    /// The container, then the command and its arguments
    #[arg(required = true, num_args = 2.., trailing_var_arg = true, value_name = "CONTAINER COMMAND")]
    pub(crate) container_and_command: Vec<String>,
}

impl Exec {
    /// Its variables, with files read and variables of this side looked up.
    ///
    /// # Errors
    /// What docker would refuse.
    pub(crate) fn environment(&self) -> Result<Vec<String>, Failure> {
        environment(&self.env_file, &self.env)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Show its output, pass signals on to it, and end with its exit code
    #[arg(short, long)]
    pub(crate) attach: bool,
    /// Send it this side's standard input, if it keeps its own open
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Pass signals on to it; --sig-proxy=false where it should not get them
    #[arg(long, default_value_t = true)]
    pub(crate) sig_proxy: bool,
    /// The keys that leave its terminal, such as ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS")]
    pub(crate) detach_keys: Option<String>,
    #[command(flatten)]
    pub(crate) names: super::Names,
}

#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Do not send standard input
    #[arg(long)]
    pub(crate) no_stdin: bool,
    /// Pass signals on to it; --sig-proxy=false where it should not get them
    #[arg(long, default_value_t = true)]
    pub(crate) sig_proxy: bool,
    /// The keys that leave its terminal, such as ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS")]
    pub(crate) detach_keys: Option<String>,
    /// The container
    pub(crate) container: String,
}
