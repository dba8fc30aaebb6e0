//! Berth, the window and tray: a client of berthd that shows what `berth_api` tells and passes on what a person asks.
//! Closing it stops no machine and no container.
#![cfg_attr(test, allow(clippy::unwrap_used))]
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod browser;
mod commands;
mod live;
mod streams;
mod terminals;
mod tray;
mod window;
mod wire;

use anyhow::Context as _;
use berth_api::{BerthHome, Client};
use tauri::Manager as _;

fn main() -> anyhow::Result<()> {
    let home = BerthHome::from_env()?;
    let mut context = tauri::generate_context!();
    window::name_after(&home, context.config_mut());
    let wire = wire::builder();
    tauri::Builder::default()
        // First: a second start must not get as far as anything else.
        .plugin(tauri_plugin_single_instance::Builder::new().callback(|app, _, _| window::show(app)).build())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .manage(Client::new(home.clone()))
        .manage(streams::Streams::default())
        .manage(terminals::Terminals::default())
        .invoke_handler(wire.invoke_handler())
        .setup(move |app| {
            wire.mount_events(app);
            app.manage(tray::Tray::new(app.handle())?);
            window::open(app.handle(), &home)?;
            live::follow(app.handle().clone());
            Ok(())
        })
        .run(context)
        .context("the window could not be opened")
}
