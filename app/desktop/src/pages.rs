//! The window shows the pages that are inside this program, and no others: a link, a dropped file or a script that
//! wants to go elsewhere stays where it is.

use tauri::{Url, Wry, plugin::TauriPlugin};

/// Refuses every navigation away from our own pages.
pub(crate) fn guard() -> TauriPlugin<Wry> {
    tauri::plugin::Builder::new("pages").on_navigation(|_, url| is_ours(url)).build()
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
