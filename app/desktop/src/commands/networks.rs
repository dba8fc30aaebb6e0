//! Networks: the list with who is on them, and what is done to one of them.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::Client;
use berth_api::{
    Problem,
    client::Filters,
    network::{NetworkForm, NetworkRow},
    run::Endpoint,
};

/// Every network, by name.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_networks(client: Client<'_>) -> Result<Vec<NetworkRow>, Problem> {
    Ok(client.network_rows().await?)
}

/// Creates a network; gives its id.
#[tauri::command]
#[specta::specta]
pub(crate) async fn create_network(client: Client<'_>, form: NetworkForm) -> Result<String, Problem> {
    let (id, _) = client.create_network(form.spec()?).await?;
    Ok(id)
}

/// Removes a network that no container is on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_network(client: Client<'_>, id: String) -> Result<(), Problem> {
    Ok(client.remove_network(&id).await?)
}

/// Removes the networks that no container is on; gives their names.
#[tauri::command]
#[specta::specta]
pub(crate) async fn prune_networks(client: Client<'_>) -> Result<Vec<String>, Problem> {
    Ok(client.prune_networks(Filters::new()).await?)
}

/// Puts a container on a network.
#[tauri::command]
#[specta::specta]
pub(crate) async fn connect_network(client: Client<'_>, id: String, container: String) -> Result<(), Problem> {
    Ok(client.connect_network(&id, &container, &Endpoint::default()).await?)
}

/// Takes a container off a network.
#[tauri::command]
#[specta::specta]
pub(crate) async fn disconnect_network(client: Client<'_>, id: String, container: String) -> Result<(), Problem> {
    Ok(client.disconnect_network(&id, &container, false).await?)
}
