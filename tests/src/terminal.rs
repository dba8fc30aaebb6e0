//! A terminal with a program in it, and somebody who types.

use crate::eventually;
use nix::pty::{OpenptyResult, Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long the screen may take to show what is waited for, even where the VM is emulated.
const PATIENCE: Duration = Duration::from_secs(30);

/// The terminal. The program has ended before this does.
pub struct Terminal {
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    /// What was waited for so far ends here.
    seen: usize,
    program: Child,
}

impl Terminal {
    /// Starts `command` as the first program of a terminal of so many cells.
    ///
    /// # Panics
    /// When the system has no terminal for it, or the program does not start.
    #[must_use]
    pub fn start(command: &Command, rows: u16, columns: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).expect("a terminal");
        let end = || slave.try_clone().expect("the terminal's end");
        // setsid makes it the program's controlling terminal, from which it hears of keys and sizes.
        let mut program = Command::new("setsid");
        program.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args()).env("TERM", "xterm");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => program.env(name, value),
                None => program.env_remove(name),
            };
        }
        let program = program.stdin(end()).stdout(end()).stderr(end()).spawn().expect("setsid is installed");
        drop(slave);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut screen = File::from(master.try_clone().expect("the terminal's other end"));
        let all = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // Its end is an error: nobody has the other side open.
            while let Ok(length @ 1..) = screen.read(&mut chunk) {
                all.lock().expect("the screen").extend_from_slice(&chunk[..length]);
            }
        });
        Self { keyboard: master.into(), shown, seen: 0, program }
    }

    /// Types keys.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("type");
    }

    /// Waits until `text` is shown behind what was waited for before.
    ///
    /// # Panics
    /// When it is not, with everything that is.
    pub fn shows(&mut self, text: &str) {
        let started = std::time::Instant::now();
        loop {
            let shown = self.shown.lock().expect("the screen").clone();
            let found = shown[self.seen..].windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                self.seen += at + text.len();
                return;
            }
            let all = String::from_utf8_lossy(&shown);
            assert!(started.elapsed() < PATIENCE, "{text:?} is not shown within {PATIENCE:?}:\n{all}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Gives it another size.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.keyboard, size).expect("resize");
    }

    /// Waits for the program's end; its exit code.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn exit_code(mut self) -> Option<i32> {
        eventually("the program in the terminal ends", PATIENCE, || self.program.try_wait().expect("wait")).code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After a failed case it may still run.
        drop(self.program.kill());
        drop(self.program.wait());
    }
}
