//! The one window. It shows the pages that are inside this program, and no others: a link, a dropped file or a script
//! that wants to go elsewhere stays where it is.

use berth_api::BerthHome;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use tauri::{AppHandle, Config, Manager as _, Url, WebviewWindowBuilder, webview::NewWindowResponse};

const LABEL: &str = "main";

/// Opens the window. What a person chose in it is kept with everything else of this home.
pub(crate) fn open(app: &AppHandle, home: &BerthHome) -> tauri::Result<()> {
    let config = app.config().app.windows.iter().find(|window| window.label == LABEL);
    let config = config.ok_or(tauri::Error::WindowNotFound)?;
    WebviewWindowBuilder::from_config(app, config)?
        .data_directory(home.root().join("window"))
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()
        .map(drop)
}

/// Brings the window to the front.
pub(crate) fn show(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL) {
        // What a window manager refuses is its business.
        drop(window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus()));
    }
}

/// One window for each home: a second start with the same home shows the first one's window.
pub(crate) fn name_after(home: &BerthHome, config: &mut Config) {
    if !home.is_default() {
        let mut hasher = DefaultHasher::new();
        home.root().hash(&mut hasher);
        config.identifier = format!("{}.home-{:016x}", config.identifier, hasher.finish());
    }
}

/// Whether Tauri serves `url` itself: by a scheme of its own, on Windows and Android by a host of its own. A program
/// for development, which is none that ships, loads from Vite.
fn is_ours(url: &Url) -> bool {
    let own = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    };
    own || (cfg!(not(feature = "custom-protocol")) && url.as_str().starts_with("http://127.0.0.1:5173/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(url: &str) -> bool {
        is_ours(&Url::parse(url).unwrap())
    }

    #[test]
    fn each_home_has_a_window_of_its_own() {
        let name = |home: &str| {
            let mut config = Config { identifier: "dev.berth.desktop".into(), ..Config::default() };
            name_after(&BerthHome::at(home), &mut config);
            config.identifier
        };
        assert_eq!(name("/srv/a"), name("/srv/a"));
        assert_ne!(name("/srv/a"), name("/srv/b"));
        assert!(name("/srv/a").starts_with("dev.berth.desktop."));
    }

    #[test]
    fn only_pages_inside_the_program_are_shown() {
        assert!(ours("tauri://localhost/"));
        assert!(ours("tauri://localhost/index.html"));
        assert!(ours("http://tauri.localhost/"));
        for url in [
            "http://localhost:8080/",
            "https://tauri.localhost.example.com/",
            "tauri://elsewhere/",
            "file:///etc/passwd",
            "data:text/html,x",
            "javascript:alert(1)",
        ] {
            assert!(!ours(url), "{url}");
        }
    }
}
