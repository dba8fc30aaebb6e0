//! The terminal this command runs in: its size, and raw mode, in which every key goes through unchanged.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use std::io::{self, IsTerminal};

/// Raw mode for as long as this lives; the terminal is as before afterwards, also after a panic.
pub(crate) struct Raw(());

impl Raw {
    /// Begins it.
    ///
    /// # Errors
    /// When standard input is no terminal.
    pub(crate) fn begin() -> io::Result<Self> {
        system::make_raw()?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            system::restore();
            before(panic);
        }));
        Ok(Self(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        system::restore();
    }
}

/// Whether standard input is a terminal.
pub(crate) fn is_input() -> bool {
    io::stdin().is_terminal()
}

/// Rows and columns; `None` without a terminal.
pub(crate) fn size() -> Option<(u16, u16)> {
    console::Term::stdout().size_checked()
}
