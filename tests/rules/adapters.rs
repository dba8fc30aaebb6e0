//! Only adapters may ask which system they are built for.

use crate::tree::{root, sources};

/// Sources that may say `cfg(target_os)`, `cfg(unix)` or `cfg(windows)`: adapters, the platform module of the host, and
/// where the client finds its local socket, starts the daemon, keeps files to itself, and handles signals, the terminal
/// and copied files.
const MAY_ASK: &[&str] = &[
    "app/machine-qemu/",
    "app/host/src/platform/",
    "app/api/src/local.rs",
    "app/api/src/daemon.rs",
    "app/api/src/docker_config.rs",
    "app/api/src/home.rs",
    "app/cli/src/copy/mod.rs",
    "app/cli/src/signals.rs",
    "app/cli/src/terminal/",
    "app/desktop/build.rs",
];

#[test]
fn the_system_is_asked_for_in_adapters_only() {
    let mut broken = Vec::new();
    for path in sources(&["rs"]) {
        let inside = path.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
        if !inside.starts_with("app/")
            || inside.contains("/tests/")
            || MAY_ASK.iter().any(|allowed| inside.starts_with(allowed))
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            // A test may need what only some systems have.
            let of_a_test = lines.get(number + 1).is_some_and(|next| next.trim() == "#[test]");
            if !of_a_test
                && line.contains("cfg")
                && ["target_os", "(unix", "(windows"].iter().any(|word| line.contains(word))
            {
                broken.push(format!("{inside}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "move these into an adapter:\n{}", broken.join("\n"));
}
