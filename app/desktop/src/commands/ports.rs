//! Published ports: how they are as it changes, and who may reach them.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::{Channel, Client};
use crate::streams::{self, Streams};
use berth_api::{Problem, PublishedPort, SharePorts};
use tauri::State;

/// Every published port now, and all of them again after every change.
#[tauri::command]
#[specta::specta]
pub(crate) async fn follow_ports(
    client: Client<'_>,
    streams: State<'_, Streams>,
    stream: u32,
    on_ports: Channel<Vec<PublishedPort>>,
) -> Result<(), Problem> {
    streams.run(stream, async { streams::pass_on(client.port_events().await?, &on_ports).await }).await
}

/// Opens a port, such as `8080/tcp`, to everyone in the network, or to this computer only.
#[tauri::command]
#[specta::specta]
pub(crate) async fn share_port(client: Client<'_>, port: String, on: bool) -> Result<Vec<PublishedPort>, Problem> {
    Ok(client.share_ports(&SharePorts { port: Some(port), on }).await?)
}
