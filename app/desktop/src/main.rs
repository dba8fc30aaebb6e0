//! Berth, the window and tray: a client of berthd that shows what `berth_api` tells and passes on what a person asks.
//! Closing it stops no machine and no container.
#![cfg_attr(test, allow(clippy::unwrap_used))]
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod browser;
mod commands;
mod live;
mod pages;
mod tray;
mod wire;

use anyhow::Context as _;
use berth_api::{BerthHome, Client};
use tauri::Manager as _;

fn main() -> anyhow::Result<()> {
    let client = Client::new(BerthHome::from_env()?);
    let wire = wire::builder();
    tauri::Builder::default()
        // First: a second start must not get as far as anything else.
        .plugin(tauri_plugin_single_instance::Builder::new().callback(|app, _, _| tray::show_window(app)).build())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .plugin(pages::guard())
        .manage(client)
        .invoke_handler(wire.invoke_handler())
        .setup(move |app| {
            wire.mount_events(app);
            app.manage(tray::Tray::new(app.handle())?);
            live::follow(app.handle().clone());
            Ok(())
        })
        .run(tauri::generate_context!())
        .context("the window could not be opened")
}
