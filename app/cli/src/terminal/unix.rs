//! Raw mode by termios(3).

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::{
    io,
    sync::{Mutex, PoisonError},
};

/// What the terminal was like.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

pub(super) fn make_raw() -> io::Result<()> {
    let input = io::stdin();
    let before = tcgetattr(&input)?;
    let mut raw = before.clone();
    cfmakeraw(&mut raw);
    tcsetattr(&input, SetArg::TCSADRAIN, &raw)?;
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    Ok(())
}

pub(super) fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that is gone needs no mode.
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &before).ok();
    }
}
