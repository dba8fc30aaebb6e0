//! The commands and events between program and pages, and their TypeScript.

use crate::{commands, live};
use tauri_specta::{Builder, collect_commands, collect_events};

/// Everything that crosses.
pub(crate) fn builder() -> Builder<tauri::Wry> {
    Builder::new()
        // Only this program writes what the window reads: one shape per type.
        .disable_serde_phases()
        .commands(collect_commands![
            commands::machine::connect,
            commands::machine::machine_status,
            commands::machine::start_machine,
            commands::machine::stop_machine,
            commands::machine::run_welcome,
            commands::containers::list_containers,
            commands::containers::start_container,
            commands::containers::stop_container,
            commands::containers::restart_container,
            commands::containers::pause_container,
            commands::containers::unpause_container,
            commands::containers::kill_container,
            commands::containers::remove_container,
            commands::containers::rename_container,
            commands::containers::inspect_container,
            commands::containers::commit_container,
            commands::follow::follow_logs,
            commands::follow::follow_usage,
            commands::follow::end_stream,
            commands::terminal::open_terminal,
            commands::terminal::write_terminal,
            commands::terminal::resize_terminal,
            commands::run::run_container,
            commands::run::port_use,
            commands::run::list_images,
            commands::run::update_container,
            commands::ports::follow_ports,
            commands::ports::share_port,
            commands::images::image_users,
            commands::images::pull_image,
            commands::images::tag_image,
            commands::images::remove_image,
            commands::images::prune_images,
            commands::images::explore_image,
            commands::images::image_history,
            commands::networks::list_networks,
            commands::networks::create_network,
            commands::networks::remove_network,
            commands::networks::prune_networks,
            commands::networks::connect_network,
            commands::networks::disconnect_network,
            commands::shell::open_page,
            commands::shell::speak,
        ])
        .events(collect_events![live::MachineChanged, live::MachineLost, live::EngineChanged])
}

#[cfg(test)]
mod tests {
    use super::*;
    use specta_typescript::Typescript;

    const BINDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/shared/bindings.ts");

    fn bindings() -> String {
        let file = tempfile::NamedTempFile::with_suffix(".ts").unwrap();
        builder().export(Typescript::default(), file.path()).unwrap();
        std::fs::read_to_string(file.path()).unwrap()
    }

    /// Fails when a command, an event or a type has changed and the committed bindings have not. To write them anew:
    /// `BERTH_WRITE_BINDINGS=1 cargo test -p berth-desktop`
    #[test]
    fn the_committed_bindings_are_those_of_this_program() {
        let fresh = bindings();
        if std::env::var_os("BERTH_WRITE_BINDINGS").is_some() {
            std::fs::write(BINDINGS, &fresh).unwrap();
        }
        assert!(
            fresh == std::fs::read_to_string(BINDINGS).unwrap(),
            "ui/src/shared/bindings.ts is stale; write it anew with: BERTH_WRITE_BINDINGS=1 cargo test -p berth-desktop"
        );
    }

    /// The window may call each command, and nothing else of ours.
    #[test]
    fn the_capability_names_every_command() {
        let capability: serde_json::Value = serde_json::from_str(include_str!("../capabilities/main.json")).unwrap();
        let granted = capability["permissions"].as_array().unwrap().iter().filter_map(|name| name.as_str());
        let mut granted: Vec<_> = granted.filter_map(|name| name.strip_prefix("allow-")).collect();
        granted.sort_unstable();
        let bindings = bindings();
        let calls = bindings.lines().filter(|line| line.contains(": (") && line.contains("__TAURI_INVOKE"));
        let mut calls: Vec<_> =
            calls.filter_map(|line| line.split('"').nth(1)).map(|name| name.replace('_', "-")).collect();
        calls.sort_unstable();
        assert_eq!(granted, calls);
    }
}
