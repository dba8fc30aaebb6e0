//! What the end-to-end cases share: a Berth home of their own, the programs users run, a registry, a display.

mod build;
mod display;
mod home;
mod http;
mod lan;
pub mod native;
mod program;
mod registry;
mod secured;
mod terminal;

pub use build::Build;
pub use display::Display;
pub use home::Home;
pub use http::{Page, WORD, get, serve_a_word};
pub use lan::{HERE, HERE_V6, SILENT, ip, on_own_network};
pub use program::{Ran, run, run_with};
pub use registry::{Registry, Spoil, configuration};
pub use secured::{HOST_FROM_GUEST, Secured};
pub use terminal::Terminal;

use std::time::{Duration, Instant};

/// A port of the loopback interface that was free a moment ago.
///
/// # Panics
/// When the system gives none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Asks `condition` until it holds; panics with `what` when it does not within `limit`.
///
/// # Panics
/// As it says.
pub fn eventually<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
