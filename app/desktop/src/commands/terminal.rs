//! Terminals in containers.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::{Channel, Client};
use crate::{streams::Streams, terminals::Terminals};
use berth_api::Problem;
use tauri::State;

/// Opens a shell in a container; what it writes comes in base64 until it ends.
#[tauri::command]
#[specta::specta]
#[expect(clippy::too_many_arguments, reason = "the shape that Tauri calls: three of them are the program's own")]
pub(crate) async fn open_terminal(
    client: Client<'_>,
    streams: State<'_, Streams>,
    terminals: State<'_, Terminals>,
    stream: u32,
    id: String,
    columns: u16,
    rows: u16,
    on_output: Channel<String>,
) -> Result<(), Problem> {
    streams.run(stream, terminals.show(stream, &client, &id, (columns, rows), &on_output)).await
}

/// Types into a terminal.
#[tauri::command]
#[specta::specta]
pub(crate) async fn write_terminal(terminals: State<'_, Terminals>, stream: u32, text: String) -> Result<(), Problem> {
    terminals.write(stream, text).await
}

/// Tells a terminal its size.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resize_terminal(
    client: Client<'_>,
    terminals: State<'_, Terminals>,
    stream: u32,
    columns: u16,
    rows: u16,
) -> Result<(), Problem> {
    terminals.resize(stream, &client, columns, rows).await
}
