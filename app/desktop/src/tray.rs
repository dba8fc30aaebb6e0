//! The icon in the tray: the machine's state, the way back to the window, and the end of the window.

use crate::window;
use berth_api::MachineState;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use tauri::{
    AppHandle,
    menu::{Menu, MenuEvent, MenuItem, PredefinedMenuItem},
    tray::{TrayIcon, TrayIconBuilder},
};

/// The texts are those of the window, so that both are translated in one place.
const MESSAGES: [(Language, &str); 2] = [
    (Language::En, include_str!("../../../ui/messages/en.json")),
    (Language::Ko, include_str!("../../../ui/messages/ko.json")),
];
const OPEN: &str = "open";
const QUIT: &str = "quit";

/// A language of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// English.
    En,
    /// Korean.
    Ko,
}

/// The icon and its menu.
pub(crate) struct Tray {
    icon: TrayIcon,
    state: MenuItem<tauri::Wry>,
    open: MenuItem<tauri::Wry>,
    quit: MenuItem<tauri::Wry>,
    shown: Mutex<(Language, Option<MachineState>)>,
}

impl Tray {
    pub(crate) fn new(app: &AppHandle) -> tauri::Result<Self> {
        let state = MenuItem::with_id(app, "state", "Berth", false, None::<&str>)?;
        let open = MenuItem::with_id(app, OPEN, "", true, None::<&str>)?;
        let quit = MenuItem::with_id(app, QUIT, "", true, None::<&str>)?;
        let line = PredefinedMenuItem::separator(app)?;
        let menu = Menu::with_items(app, &[&state, &line, &open, &quit])?;
        let mut icon = TrayIconBuilder::with_id("berth").menu(&menu).tooltip("Berth").on_menu_event(chosen);
        if let Some(image) = app.default_window_icon() {
            icon = icon.icon(image.clone());
        }
        let tray = Self { icon: icon.build(app)?, state, open, quit, shown: Mutex::new((Language::En, None)) };
        tray.draw();
        Ok(tray)
    }

    /// Shows the machine's state.
    pub(crate) fn tell(&self, state: MachineState) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(state);
        self.draw();
    }

    /// Shows everything in `language`.
    pub(crate) fn speak(&self, language: Language) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).0 = language;
        self.draw();
    }

    fn draw(&self) {
        let (language, state) = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let state = text(language, title(state));
        let drawn = self
            .state
            .set_text(&state)
            .and_then(|()| self.open.set_text(text(language, "tray_open")))
            .and_then(|()| self.quit.set_text(text(language, "tray_quit")))
            .and_then(|()| self.icon.set_tooltip(Some(format!("Berth: {state}"))));
        // A desktop without a tray has nothing to draw on, and the window says the same.
        drop(drawn);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that Tauri calls")]
fn chosen(app: &AppHandle, event: MenuEvent) {
    match event.id().as_ref() {
        OPEN => window::show(app),
        QUIT => app.exit(0),
        _ => {}
    }
}

/// The message that names a state.
fn title(state: Option<MachineState>) -> &'static str {
    match state {
        None => "machine_title_connecting",
        Some(MachineState::Stopped) => "machine_title_stopped",
        Some(MachineState::Starting) => "machine_title_starting",
        Some(MachineState::Running) => "machine_title_running",
        Some(MachineState::Stopping) => "machine_title_stopping",
        Some(MachineState::Failed) => "machine_title_failed",
    }
}

/// A message without parameters; its key when there is none, which the test below forbids.
fn text(language: Language, key: &str) -> String {
    MESSAGES
        .iter()
        .find(|(spoken, _)| *spoken == language)
        .and_then(|(_, json)| serde_json::from_str::<serde_json::Value>(json).ok())
        .and_then(|messages| messages[key].as_str().map(str::to_owned))
        .unwrap_or_else(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_the_menu_is_there_in_every_language() {
        use MachineState::{Failed, Running, Starting, Stopped, Stopping};
        let states = [None, Some(Stopped), Some(Starting), Some(Running), Some(Stopping), Some(Failed)];
        let keys: Vec<_> = states.into_iter().map(title).chain(["tray_open", "tray_quit"]).collect();
        for (language, _) in MESSAGES {
            for key in &keys {
                assert_ne!(text(language, key), **key, "{language:?} lacks {key}");
            }
        }
    }
}
