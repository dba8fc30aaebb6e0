//! Options of `run` and `create` about how a container is asked whether it is well.

use super::run::named;
use crate::failure::Failure;
use berth_api::run::{
    health::{self, HealthSpec},
    quantity,
};
use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct HealthOptions {
    /// Ask it by this command
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,
    /// So often, such as 30s
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    health_interval: Option<String>,
    /// An answer may take so long
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    health_timeout: Option<String>,
    /// It is unhealthy after so many failures
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    health_retries: Option<i64>,
    /// Failures do not count for so long after its start
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    health_start_period: Option<String>,
    /// So often in that time
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    health_start_interval: Option<String>,
    /// Do not ask it, whatever its image says
    #[arg(long)]
    no_healthcheck: bool,
}

impl HealthOptions {
    /// As the engine is asked; `None` leaves it to the image.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(super) fn read(&self) -> Result<Option<HealthSpec>, Failure> {
        let duration = |text: &Option<String>, option: &str| {
            text.as_deref().map_or(Ok(0), |text| named(text, option, quantity::duration))
        };
        let asked = HealthSpec {
            command: self.health_cmd.clone().unwrap_or_default(),
            interval: duration(&self.health_interval, "--health-interval")?,
            timeout: duration(&self.health_timeout, "--health-timeout")?,
            retries: self.health_retries.unwrap_or_default(),
            start_period: duration(&self.health_start_period, "--health-start-period")?,
            start_interval: duration(&self.health_start_interval, "--health-start-interval")?,
            disabled: self.no_healthcheck,
        };
        Ok(health::check(asked)?)
    }
}
