//! What the window may ask for. Each command is a call into `berth_api`; build.rs and capabilities/main.json list it too.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use crate::{
    browser,
    tray::{Language, Tray},
};
use berth_api::{
    Client, ContainerRow, MachineStatus, Problem, Share, Welcome,
    container::RemoveOptions,
    daemon,
    welcome::{self, Stage},
};
use tauri::{AppHandle, State, ipc::Channel};

/// Starts berthd when none answers. The machine is left as it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn connect(client: State<'_, Client>) -> Result<MachineStatus, Problem> {
    daemon::start(client.home()).await?;
    Ok(client.status().await?)
}

/// The machine's state.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_status(client: State<'_, Client>) -> Result<MachineStatus, Problem> {
    Ok(client.status().await?)
}

/// Starts the machine and waits until it runs; the steps come as events.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_machine(client: State<'_, Client>) -> Result<MachineStatus, Problem> {
    Ok(client.ensure_running(|_| {}).await?)
}

/// Stops the machine in order.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_machine(client: State<'_, Client>) -> Result<MachineStatus, Problem> {
    Ok(client.stop().await?)
}

/// Every container, newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_containers(client: State<'_, Client>) -> Result<Vec<ContainerRow>, Problem> {
    Ok(client.containers(true).await?)
}

/// Starts a container.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_container(client: State<'_, Client>, id: String) -> Result<(), Problem> {
    Ok(client.start_container(&id).await?)
}

/// Stops a container as gently as its image asks.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_container(client: State<'_, Client>, id: String) -> Result<(), Problem> {
    Ok(client.stop_container(&id, None, None).await?)
}

/// Removes a container; `force` kills one that runs. Its volumes stay.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_container(client: State<'_, Client>, id: String, force: bool) -> Result<(), Problem> {
    Ok(client.remove_container(&id, RemoveOptions { force, volumes: false }).await?)
}

/// Makes the welcome container run and gives its page's address once that answers.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_welcome(client: State<'_, Client>, on_stage: Channel<Stage>) -> Result<Welcome, Problem> {
    // A window that no longer listens is no reason to stop half-way.
    Ok(welcome::run(&client, &Share::locate()?, |stage| drop(on_stage.send(stage))).await?)
}

/// Opens a page of a container in the browser.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_page(app: AppHandle, client: State<'_, Client>, url: String) -> Result<(), Problem> {
    browser::open(&app, &client, &url).await
}

/// The language of the tray's menu.
#[tauri::command]
#[specta::specta]
pub(crate) fn speak(tray: State<'_, Tray>, language: Language) {
    tray.speak(language);
}
