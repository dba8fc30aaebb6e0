//! What changes is told to the window as it happens; the window never polls.

use crate::tray::Tray;
use berth_api::{
    Client, Error, MachineState, MachineStatus, Problem,
    client::{EventMessage, EventMessageTypeEnum, EventQuery},
};
use futures_util::{FutureExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tauri::{AppHandle, Manager as _};
use tokio::task::JoinSet;

/// How soon a lost berthd or engine is looked for again.
const RETRY: Duration = Duration::from_millis(300);
/// The list is read about when the stream of events opens: what happened a little earlier is asked for too, so that
/// nothing falls between the two. Seconds.
const OVERLAP: u64 = 2;
/// Events closer together than this are told as one: a project of 50 containers must not list 50 times.
const GATHER: Duration = Duration::from_millis(40);

/// The machine is in another state or at another step.
#[derive(Clone, Debug, Serialize, Deserialize, specta::Type, tauri_specta::Event)]
pub(crate) struct MachineChanged(MachineStatus);

/// The state of the machine cannot be told any more.
#[derive(Clone, Debug, Serialize, Deserialize, specta::Type, tauri_specta::Event)]
pub(crate) struct MachineLost(Problem);

/// Something came, went or changed: the lists of these kinds are to be read again.
#[derive(Clone, Debug, Serialize, Deserialize, specta::Type, tauri_specta::Event)]
pub(crate) struct EngineChanged(Vec<Kind>);

/// What the engine keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Containers.
    Container,
    /// Images.
    Image,
    /// Networks, and who is on them.
    Network,
    /// Volumes.
    Volume,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Container, Self::Image, Self::Network, Self::Volume];

    /// The list that an event changes. What happens inside a container changes none.
    fn of(event: &EventMessage) -> Option<Self> {
        let action = event.action.as_deref().unwrap_or_default();
        match event.typ? {
            EventMessageTypeEnum::CONTAINER if QUIET.iter().any(|quiet| action.starts_with(quiet)) => None,
            EventMessageTypeEnum::CONTAINER => Some(Self::Container),
            EventMessageTypeEnum::IMAGE => Some(Self::Image),
            EventMessageTypeEnum::NETWORK => Some(Self::Network),
            EventMessageTypeEnum::VOLUME => Some(Self::Volume),
            _ => None,
        }
    }
}

/// Beginnings of what happens to a container and leaves its line in the list as it was.
const QUIET: [&str; 8] = ["exec_", "attach", "detach", "resize", "top", "export", "archive-path", "extract-to-dir"];

/// Follows the machine and its engine as long as the window lives.
pub(crate) fn follow(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        let client = app.state::<Client>().inner().clone();
        loop {
            if let Ok(events) = client.events().await {
                let ended = machine(&app, &client, events).await;
                // Without a berthd the state is "stopped"; any other failure is worth a sentence.
                match ended.and(client.status().await) {
                    Ok(status) => tell(&app, status),
                    Err(error) => emit(&app, MachineLost(error.into())),
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    });
}

/// Tells every state until berthd ends, and follows the engine while it runs.
async fn machine(
    app: &AppHandle,
    client: &Client,
    events: impl futures_util::Stream<Item = Result<MachineStatus, Error>>,
) -> Result<(), Error> {
    let mut events = pin!(events);
    // Dropping the set ends what it runs.
    let mut engine = JoinSet::new();
    while let Some(status) = events.next().await {
        let status = status?;
        let running = status.state == MachineState::Running;
        tell(app, status);
        if !running {
            engine.shutdown().await;
        } else if engine.is_empty() {
            engine.spawn(lists(app.clone(), client.clone()));
        }
    }
    Ok(())
}

/// Tells of every change to what the engine keeps; after a break of the stream, once of all to make up for what was
/// missed.
async fn lists(app: AppHandle, client: Client) {
    loop {
        let query = EventQuery { since: earlier(), ..EventQuery::default() };
        if let Ok(events) = client.engine_events(&query) {
            let mut events = pin!(events);
            emit(&app, EngineChanged(Kind::ALL.to_vec()));
            while let Some(Ok(first)) = events.next().await {
                let mut changed: BTreeSet<_> = Kind::of(&first).into_iter().collect();
                tokio::time::sleep(GATHER).await;
                while let Some(Some(Ok(next))) = events.next().now_or_never() {
                    changed.extend(Kind::of(&next));
                }
                if !changed.is_empty() {
                    emit(&app, EngineChanged(changed.into_iter().collect()));
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// [`OVERLAP`] ago, seconds since the Unix epoch.
fn earlier() -> Option<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(now.as_secs().saturating_sub(OVERLAP)).ok()
}

fn tell(app: &AppHandle, status: MachineStatus) {
    app.state::<Tray>().tell(status.state);
    emit(app, MachineChanged(status));
}

fn emit(app: &AppHandle, event: impl tauri_specta::Event + Serialize + Clone) {
    // It fails only while the window is being closed, when nobody listens.
    drop(event.emit(app));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_a_list_is_told() {
        let kind = |typ, action: &str| {
            Kind::of(&EventMessage { typ: Some(typ), action: Some(action.into()), ..EventMessage::default() })
        };
        use EventMessageTypeEnum::{CONTAINER, DAEMON, IMAGE, NETWORK};
        assert_eq!(kind(CONTAINER, "health_status: healthy"), Some(Kind::Container));
        assert_eq!(kind(IMAGE, "pull"), Some(Kind::Image));
        assert_eq!(kind(NETWORK, "connect"), Some(Kind::Network));
        for quiet in ["exec_start: sh", "exec_die", "resize", "archive-path"] {
            assert_eq!(kind(CONTAINER, quiet), None, "{quiet}");
        }
        assert_eq!(kind(DAEMON, "reload"), None);
    }
}
