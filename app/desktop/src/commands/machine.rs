//! The machine, and the first container on it.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::{Channel, Client};
use crate::streams::Streams;
use berth_api::{
    MachineStatus, Problem, Share, Welcome, daemon,
    welcome::{self, Stage},
};
use tauri::State;

/// Starts berthd when none answers. The machine is left as it is. The first word of a page: what an earlier one had
/// streaming has no reader any more.
#[tauri::command]
#[specta::specta]
pub(crate) async fn connect(client: Client<'_>, streams: State<'_, Streams>) -> Result<MachineStatus, Problem> {
    streams.end_all();
    daemon::start(client.home()).await?;
    Ok(client.status().await?)
}

/// The machine's state.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_status(client: Client<'_>) -> Result<MachineStatus, Problem> {
    Ok(client.status().await?)
}

/// Starts the machine and waits until it runs; the steps come as events.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_machine(client: Client<'_>) -> Result<MachineStatus, Problem> {
    Ok(client.ensure_running(|_| {}).await?)
}

/// Stops the machine in order.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_machine(client: Client<'_>) -> Result<MachineStatus, Problem> {
    Ok(client.stop().await?)
}

/// Makes the welcome container run and gives its page's address once that answers.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_welcome(client: Client<'_>, on_stage: Channel<Stage>) -> Result<Welcome, Problem> {
    // A window that no longer listens is no reason to stop half-way.
    Ok(welcome::run(&client, &Share::locate()?, |stage| drop(on_stage.send(stage))).await?)
}
