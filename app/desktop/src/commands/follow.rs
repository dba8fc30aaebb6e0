//! What streams to the window.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::{Channel, Client};
use crate::streams::{self, Streams};
use berth_api::{
    Problem,
    container::{LogLine, LogOptions, Usage},
};
use tauri::State;

/// A container's output: its last lines and what it writes from then on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn follow_logs(
    client: Client<'_>,
    streams: State<'_, Streams>,
    stream: u32,
    id: String,
    tail: u32,
    on_lines: Channel<Vec<LogLine>>,
) -> Result<(), Problem> {
    let options = LogOptions { follow: true, tail: Some(tail.into()), ..LogOptions::default() };
    streams.run(stream, async { streams::pass_on(client.log_lines(&id, options).await?, &on_lines).await }).await
}

/// What a container uses, every second.
#[tauri::command]
#[specta::specta]
pub(crate) async fn follow_usage(
    client: Client<'_>,
    streams: State<'_, Streams>,
    stream: u32,
    id: String,
    on_usage: Channel<Usage>,
) -> Result<(), Problem> {
    streams.run(stream, async { streams::pass_on(client.usage(&id).await?, &on_usage).await }).await
}

/// Ends a stream; one that has ended is left alone.
#[tauri::command]
#[specta::specta]
pub(crate) fn end_stream(streams: State<'_, Streams>, stream: u32) {
    streams.end(stream);
}
