//! Gives Tauri the list of commands, so that each needs a permission, and says what is missing before Tauri does.

use std::path::Path;

/// Every command of `src/commands.rs`. A command that is missing here is refused to the window.
const COMMANDS: &[&str] = &[
    "connect",
    "machine_status",
    "start_machine",
    "stop_machine",
    "run_welcome",
    "list_containers",
    "start_container",
    "stop_container",
    "restart_container",
    "pause_container",
    "unpause_container",
    "kill_container",
    "remove_container",
    "rename_container",
    "inspect_container",
    "commit_container",
    "follow_logs",
    "follow_usage",
    "end_stream",
    "open_terminal",
    "write_terminal",
    "resize_terminal",
    "run_container",
    "port_use",
    "list_images",
    "update_container",
    "follow_ports",
    "share_port",
    "image_users",
    "pull_image",
    "tag_image",
    "remove_image",
    "prune_images",
    "explore_image",
    "image_history",
    "list_networks",
    "create_network",
    "remove_network",
    "prune_networks",
    "connect_network",
    "disconnect_network",
    "open_page",
    "speak",
];

fn main() {
    let pages = Path::new("../../ui/dist/index.html");
    println!("cargo::rerun-if-changed={}", pages.display());
    if std::env::var_os("CARGO_FEATURE_CUSTOM_PROTOCOL").is_some() && !pages.exists() {
        println!("cargo::error=ui/dist is missing; build it first: npm --prefix ui ci && npm --prefix ui run build");
        return;
    }
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)).expect("tauri.conf.json is valid");
}
