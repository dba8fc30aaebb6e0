//! Options of the verbs about networks.

use super::{Connect, Inspect, Names, run::each};
use crate::failure::{Failure, invalid};
use berth_api::{
    Error,
    network::{NetworkSpec, subnets},
};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// List networks
    #[command(visible_alias = "list")]
    Ls {
        /// Only those that fit, such as driver=bridge, name=shop, label=KEY, type=custom or dangling=true
        #[arg(short, long, value_name = "FILTER")]
        filter: Vec<String>,
        /// Only ids
        #[arg(short, long)]
        quiet: bool,
        /// Whole ids
        #[arg(long)]
        no_trunc: bool,
        /// "table", "json", or a template such as '{{.Name}}: {{.Driver}}'
        #[arg(long, default_value = "table", value_name = "FORMAT")]
        format: String,
    },
    /// Create a network
    Create(Box<CreateNetwork>),
    /// Put a container on a network
    Connect(Box<Connect>),
    /// Take a container off a network
    Disconnect {
        /// Even if it cannot be told
        #[arg(short, long)]
        force: bool,
        /// The network
        network: String,
        /// The container
        container: String,
    },
    /// Show everything about networks, as JSON
    Inspect(Inspect),
    /// Remove networks
    #[command(visible_alias = "remove")]
    Rm {
        /// A network that is not there is no error
        #[arg(short, long)]
        force: bool,
        #[command(flatten)]
        names: Names,
    },
    /// Remove all networks that no container is on
    Prune {
        /// Do not ask
        #[arg(short, long)]
        force: bool,
        /// Only those that fit, such as until=24h or label=KEY
        #[arg(long, value_name = "FILTER")]
        filter: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateNetwork {
    /// What makes it: bridge, macvlan or ipvlan
    #[arg(short, long, default_value = "bridge", value_name = "DRIVER", hide_default_value = true)]
    driver: String,
    /// An option of the driver: KEY=VALUE
    #[arg(short, long = "opt", value_name = "KEY=VALUE")]
    opt: Vec<String>,
    /// Label it: KEY=VALUE
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// A subnet of it, such as 10.7.0.0/24
    #[arg(long, value_name = "SUBNET")]
    subnet: Vec<String>,
    /// Give containers addresses of this part of the subnet only
    #[arg(long, value_name = "SUBNET")]
    ip_range: Vec<String>,
    /// The address of the subnet's gateway
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<String>,
    /// An address that no container gets: NAME=ADDRESS
    #[arg(long, value_name = "NAME=ADDRESS")]
    aux_address: Vec<String>,
    /// With IPv4; --ipv4=false without
    #[arg(long)]
    ipv4: Option<bool>,
    /// With IPv6
    #[arg(long)]
    ipv6: Option<bool>,
    /// Nothing of it reaches the outside
    #[arg(long)]
    internal: bool,
    /// Accepted as in docker; every container may be put on it
    #[arg(long)]
    attachable: bool,
    /// What gives the addresses; there is one
    #[arg(long, default_value = "default", value_name = "DRIVER", hide = true)]
    ipam_driver: String,
    /// An option of that
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    ipam_opt: Vec<String>,
    /// For swarms, which Berth has not
    #[arg(long, hide = true)]
    ingress: bool,
    /// For swarms, which Berth has not
    #[arg(long, value_name = "SCOPE", default_value = "", hide = true)]
    scope: String,
    /// For swarms, which Berth has not
    #[arg(long, hide = true)]
    config_only: bool,
    /// For swarms, which Berth has not
    #[arg(long, value_name = "NETWORK", default_value = "", hide = true)]
    config_from: String,
    /// Its name
    name: String,
}

impl CreateNetwork {
    /// As the engine is asked.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(crate) fn spec(self) -> Result<NetworkSpec, Failure> {
        let kept = each(&self.aux_address, "--aux-address", pair)?;
        let subnets =
            subnets(&self.subnet, &self.ip_range, &self.gateway, &kept).map_err(|error| invalid(error.to_string()))?;
        Ok(NetworkSpec {
            name: self.name,
            driver: self.driver,
            options: each(&self.opt, "-o, --opt", pair)?,
            labels: each(&self.label, "--label", pair)?,
            ipam_driver: self.ipam_driver,
            ipam_options: each(&self.ipam_opt, "--ipam-opt", pair)?,
            subnets,
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            internal: self.internal,
            attachable: self.attachable,
            ingress: self.ingress,
            scope: self.scope,
            config_only: self.config_only,
            config_from: self.config_from,
        })
    }
}

/// `KEY[=VALUE]`.
fn pair(text: &str) -> Result<(String, String), Error> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((key.to_owned(), value.to_owned()))
}
