//! A display without a screen, for the window's cases.

use crate::eventually;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An X server of 1280 x 800 points; it ends with this value.
pub struct Display {
    server: Child,
    number: u32,
}

impl Display {
    /// Starts it on a free number.
    ///
    /// # Panics
    /// When Xvfb is missing or does not come up.
    #[must_use]
    pub fn start() -> Self {
        let number = (90..200).find(|number| !socket(*number).exists()).expect("a free display number");
        let server = Command::new("Xvfb")
            .args([&format!(":{number}"), "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        eventually("the display is up", Duration::from_secs(20), || socket(number).exists().then_some(()));
        Self { server, number }
    }

    /// `:99`, for `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> String {
        format!(":{}", self.number)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn socket(number: u32) -> PathBuf {
    PathBuf::from(format!("/tmp/.X11-unix/X{number}"))
}
