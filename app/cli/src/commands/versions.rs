//! `version`.

use crate::failure::Outcome;
use crate::output::outln;
use berth_api::{Client, MachineState};

pub(super) async fn version(client: &Client) -> Outcome {
    outln!("berth    {}", berth_api::VERSION);
    let status = client.status().await?;
    if status.state != MachineState::Running {
        outln!("engine   not known: the machine is {}", status.state);
        return Ok(0);
    }
    outln!("berthd   {}", status.version);
    let engine = client.engine_version().await?;
    let field = |value: Option<String>| value.unwrap_or_else(|| "not known".into());
    outln!("engine   {}", field(engine.version));
    outln!("api      {} (from {})", field(engine.api_version), field(engine.min_api_version));
    outln!("kernel   Linux {} on {}", field(engine.kernel_version), field(engine.arch));
    Ok(0)
}
