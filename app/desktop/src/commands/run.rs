//! Running a container from an image.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::{Channel, Client};
use berth_api::{
    ImageRow, PortUse, Problem, PullProgress,
    run::{LimitsForm, RunForm},
};

/// Creates and starts a container, pulling its image when it is missing; gives its id.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_container(
    client: Client<'_>,
    form: RunForm,
    on_progress: Channel<PullProgress>,
) -> Result<String, Problem> {
    // A window that no longer listens is no reason to stop half-way.
    Ok(client.run(&form.request()?, |progress| drop(on_progress.send(progress))).await?)
}

/// Who has a port of this computer now.
#[tauri::command]
#[specta::specta]
pub(crate) async fn port_use(client: Client<'_>, port: u16, udp: bool) -> Result<PortUse, Problem> {
    Ok(client.port_use(port, udp).await?)
}

/// Every image that there is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_images(client: Client<'_>) -> Result<Vec<ImageRow>, Problem> {
    Ok(client.images().await?)
}

/// Changes limits and restart policy of a container; what is empty stays.
#[tauri::command]
#[specta::specta]
pub(crate) async fn update_container(
    client: Client<'_>,
    id: String,
    limits: LimitsForm,
    restart: String,
) -> Result<(), Problem> {
    Ok(client.update_container(&id, &limits.update(&restart)?).await?)
}
