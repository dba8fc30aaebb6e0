//! Docker's words for how a container is: `Up 5 minutes`, `Exited (0) 2 hours ago`.

use super::{ContainerState, Health, HealthStatus, StateDetails};
use crate::Timestamp;

/// The words for the list.
pub(crate) fn status_text(state: &StateDetails, now: Timestamp) -> String {
    let since = |at: Option<Timestamp>| human(now.0.saturating_sub(at.map_or(now.0, |at| at.0)) / 1_000_000_000);
    match state.status {
        ContainerState::Created => "Created".to_owned(),
        ContainerState::Running => match &state.health {
            None => format!("Up {}", since(state.started_at)),
            Some(Health { status: HealthStatus::Starting, .. }) => {
                format!("Up {} (health: starting)", since(state.started_at))
            }
            Some(health) => format!("Up {} ({})", since(state.started_at), health.status),
        },
        ContainerState::Paused => format!("Up {} (Paused)", since(state.started_at)),
        ContainerState::Restarting => {
            format!("Restarting ({}) {} ago", state.exit_code, since(state.finished_at))
        }
        ContainerState::Removing => "Removal In Progress".to_owned(),
        ContainerState::Dead => "Dead".to_owned(),
        ContainerState::Exited => format!("Exited ({}) {} ago", state.exit_code, since(state.finished_at)),
    }
}

/// A length of time as `go-units` says it.
fn human(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 14 => format!("{} days", hours / 24),
        () if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_docker_tells_them() {
        for (seconds, words) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (125, "2 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"),
            (13 * 86400, "13 days"),
            (14 * 86400, "2 weeks"),
            (61 * 86400, "2 months"),
            (800 * 86400, "2 years"),
        ] {
            assert_eq!(human(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn a_state_is_told_as_docker_tells_it() {
        let mut state = super::super::life::Life::new().details;
        let now = Timestamp(1_000_000_000_000);
        assert_eq!(status_text(&state, now), "Created");
        state.status = ContainerState::Running;
        state.started_at = Some(Timestamp(now.0 - 300_000_000_000));
        assert_eq!(status_text(&state, now), "Up 5 minutes");
        state.health = Some(Health { status: HealthStatus::Starting, failing_streak: 0, log: vec![] });
        assert_eq!(status_text(&state, now), "Up 5 minutes (health: starting)");
        state.health.as_mut().unwrap().status = HealthStatus::Healthy;
        assert_eq!(status_text(&state, now), "Up 5 minutes (healthy)");
        state.status = ContainerState::Paused;
        assert_eq!(status_text(&state, now), "Up 5 minutes (Paused)");
        state.status = ContainerState::Exited;
        state.exit_code = 137;
        state.finished_at = Some(Timestamp(now.0 - 2_000_000_000));
        assert_eq!(status_text(&state, now), "Exited (137) 2 seconds ago");
    }
}
