//! What the desktop around the window does: its browser, its tray.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::Client;
use crate::{
    browser,
    tray::{Language, Tray},
};
use berth_api::Problem;
use tauri::{AppHandle, State};

/// Opens a page of a container in the browser.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_page(app: AppHandle, client: Client<'_>, url: String) -> Result<(), Problem> {
    browser::open(&app, &client, &url).await
}

/// The language of the tray's menu.
#[tauri::command]
#[specta::specta]
pub(crate) fn speak(tray: State<'_, Tray>, language: Language) {
    tray.speak(language);
}
