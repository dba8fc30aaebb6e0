//! Options of `ports`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Ports {
    /// "table", "json", or a template such as '{{.Container}} {{.HostPort}} {{.State}}'
    #[arg(long, default_value = "table", value_name = "FORMAT", hide_default_value = true)]
    pub(crate) format: String,
    #[command(subcommand)]
    pub(crate) verb: Option<PortsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PortsVerb {
    /// Open ports to everyone in the network, now and for good; one published with an address of its own stays there
    Share {
        /// Every port of which nothing else is said later
        #[arg(long)]
        all: bool,
        /// For this computer only again
        #[arg(long)]
        off: bool,
        /// Ports of this computer, such as 8080 or 53/udp
        #[arg(value_name = "PORT")]
        ports: Vec<String>,
    },
}
