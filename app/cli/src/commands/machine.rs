//! `up`, `down`, `status`, `welcome`.

use crate::{
    failure::{Failure, Outcome, invalid},
    output::outln,
    render::steps::{Steps, label, millis},
};
use berth_api::{Client, MachineState, MachineStatus, Share, StepState, welcome};

pub(super) async fn up(client: &Client) -> Outcome {
    let mut steps = Steps::new();
    let already = client.status().await?.state == MachineState::Running;
    let status = client.ensure_running(|status| {
        if !already {
            steps.show(status);
        }
    });
    let status = status.await?;
    drop(steps);
    outln!("{}", sentence(&status, already));
    Ok(0)
}

fn sentence(status: &MachineStatus, already: bool) -> String {
    let boot = status.boot_millis.map(|took| format!(", booted in {}", millis(took))).unwrap_or_default();
    let kind = status.acceleration.as_ref().map(|how| format!(" ({}{boot})", how.kind)).unwrap_or_default();
    format!("the Berth machine {}{kind}", if already { "runs already" } else { "runs" })
}

pub(super) async fn down(client: &Client) -> Outcome {
    let before = client.status().await?.state;
    client.shutdown().await?;
    outln!(
        "{}",
        if before == MachineState::Stopped {
            "the Berth machine was not running"
        } else {
            "the Berth machine has stopped"
        }
    );
    Ok(0)
}

pub(super) async fn status(client: &Client, json: bool) -> Outcome {
    let status = client.status().await?;
    if json {
        outln!("{}", serde_json::to_string_pretty(&status).map_err(|error| invalid(error.to_string()))?);
        return Ok(0);
    }
    outln!("machine       {}", status.state);
    if let Some(how) = &status.acceleration {
        outln!("acceleration  {}: {}", how.kind, how.why);
    }
    if let Some(took) = status.boot_millis {
        outln!("booted in     {}", millis(took));
    }
    if let Some(version) = &status.engine_version {
        outln!("engine        {version}");
    }
    if let Some(kernel) = &status.kernel {
        outln!("kernel        Linux {kernel}");
    }
    outln!("docker host   {}", status.docker_host);
    outln!("home          {}", status.home);
    if !status.steps.is_empty() {
        outln!();
    }
    for step in &status.steps {
        let took = step.millis.map(millis).unwrap_or_default();
        let state = match step.state {
            StepState::Waiting => "waiting",
            StepState::Running => "running",
            StepState::Done => "done",
            StepState::Failed => "failed",
        };
        outln!("  {:<28}{state:<9}{took:>9}", label(&step.name));
    }
    if let Some(problem) = &status.error {
        outln!();
        crate::failure::say(problem);
    }
    Ok(0)
}

pub(super) async fn welcome(client: &Client) -> Outcome {
    let share = Share::locate()?;
    let mut steps = Steps::new();
    if client.status().await?.state != MachineState::Running {
        client.ensure_running(|status| steps.show(status)).await?;
    }
    drop(steps);
    let welcome = welcome::run(client, &share, |_| {}).await.map_err(Failure::from)?;
    outln!("{}", welcome.url);
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_api::{Acceleration, BerthHome};

    #[test]
    fn up_ends_with_how_and_how_fast() {
        let mut status = MachineStatus::stopped(&BerthHome::at("/h"));
        status.boot_millis = Some(2345);
        status.acceleration = Some(Acceleration { kind: "emulation".into(), why: "no KVM".into() });
        assert_eq!(sentence(&status, false), "the Berth machine runs (emulation, booted in 2.35 s)");
    }
}
