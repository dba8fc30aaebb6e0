//! Options of `run` and `create` about how output is kept.

use super::run::each;
use crate::failure::Failure;
use berth_api::run::{
    isolation,
    logging::{self, LogSpec},
};
use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct LoggingOptions {
    /// How its output is kept: json-file, local or none
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// Options of the log, such as max-size=10m and max-file=3
    #[arg(long, value_name = "KEY=VALUE")]
    log_opt: Vec<String>,
}

impl LoggingOptions {
    /// As the engine is asked.
    ///
    /// # Errors
    /// What docker's command line refuses, in its words.
    pub(super) fn read(&self) -> Result<LogSpec, Failure> {
        let options = each(&self.log_opt, "--log-opt", isolation::pair)?;
        Ok(logging::spec(self.log_driver.clone(), options)?)
    }
}
