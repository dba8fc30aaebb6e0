//! Containers: the list, and what is done to one of them.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::Client;
use berth_api::{ContainerRow, Problem, client::Commit, container::RemoveOptions};

/// Every container, newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_containers(client: Client<'_>) -> Result<Vec<ContainerRow>, Problem> {
    Ok(client.containers(true).await?)
}

/// Starts a container.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_container(client: Client<'_>, id: String) -> Result<(), Problem> {
    Ok(client.start_container(&id).await?)
}

/// Stops a container as gently as its image asks.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_container(client: Client<'_>, id: String) -> Result<(), Problem> {
    Ok(client.stop_container(&id, None, None).await?)
}

/// Stops a container and starts it again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn restart_container(client: Client<'_>, id: String) -> Result<(), Problem> {
    Ok(client.restart_container(&id, None, None).await?)
}

/// Freezes a container.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pause_container(client: Client<'_>, id: String) -> Result<(), Problem> {
    Ok(client.pause_container(&id).await?)
}

/// Lets a frozen container go on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn unpause_container(client: Client<'_>, id: String) -> Result<(), Problem> {
    Ok(client.unpause_container(&id).await?)
}

/// Ends a container at once.
#[tauri::command]
#[specta::specta]
pub(crate) async fn kill_container(client: Client<'_>, id: String) -> Result<(), Problem> {
    Ok(client.kill_container(&id, "KILL").await?)
}

/// Removes a container; `force` kills one that runs. Its volumes stay.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_container(client: Client<'_>, id: String, force: bool) -> Result<(), Problem> {
    Ok(client.remove_container(&id, RemoveOptions { force, volumes: false }).await?)
}

/// Gives a container another name.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rename_container(client: Client<'_>, id: String, name: String) -> Result<(), Problem> {
    Ok(client.rename_container(&id, &name).await?)
}

/// Everything the engine knows of a container, as a JSON text.
#[tauri::command]
#[specta::specta]
pub(crate) async fn inspect_container(client: Client<'_>, id: String) -> Result<String, Problem> {
    Ok(client.inspect_container(&id).await?.to_string())
}

/// Makes an image of a container; gives its id. The container is frozen meanwhile.
#[tauri::command]
#[specta::specta]
pub(crate) async fn commit_container(
    client: Client<'_>,
    id: String,
    reference: String,
    message: String,
) -> Result<String, Problem> {
    let commit = Commit { reference: Some(reference), message, pause: true, ..Commit::default() };
    Ok(client.commit(&id, &commit).await?)
}
