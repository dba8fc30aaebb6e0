//! Lines on the serial console, which the host keeps in a file. Writing never fails loudly: there is nobody to tell.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Name of this program in front of its lines.
const ME: &str = "berth-agent";

/// One line of PID 1.
pub(crate) fn say(text: &str) {
    line(ME, text);
}

/// One line of `who`, unless it says so itself.
pub(crate) fn line(who: &str, text: &str) {
    let text = text.trim_end();
    let named = text.strip_prefix(who).is_some_and(|rest| rest.starts_with(':'));
    let line = if named { format!("{text}\n") } else { format!("{who}: {text}\n") };
    // A single write, so that lines of two processes do not mix.
    let mut console = device().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = console.as_mut() {
        file.write_all(line.as_bytes()).ok();
    } else {
        std::io::stderr().write_all(line.as_bytes()).ok();
    }
}

fn device() -> &'static Mutex<Option<File>> {
    static DEVICE: OnceLock<Mutex<Option<File>>> = OnceLock::new();
    DEVICE.get_or_init(|| Mutex::new(File::options().write(true).open("/dev/console").ok()))
}

/// An error with everything that caused it, as one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        at = cause.source();
    }
    text
}
