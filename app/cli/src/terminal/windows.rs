//! Raw mode of a Windows console: keys as virtual terminal sequences, output likewise (learn.microsoft.com, "Console
//! Virtual Terminal Sequences").
#![expect(unsafe_code, reason = "console modes have no wrapper")]

use std::{
    io,
    sync::{Mutex, PoisonError},
};
use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, DISABLE_NEWLINE_AUTO_RETURN, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT,
    ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_INPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING, GetConsoleMode,
    GetStdHandle, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleMode,
};

/// What input and output were like.
static BEFORE: Mutex<Option<(CONSOLE_MODE, CONSOLE_MODE)>> = Mutex::new(None);

pub(super) fn make_raw() -> io::Result<()> {
    let (input, output) = (mode(STD_INPUT_HANDLE)?, mode(STD_OUTPUT_HANDLE)?);
    let cooked = ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT;
    set(STD_INPUT_HANDLE, (input & !cooked) | ENABLE_VIRTUAL_TERMINAL_INPUT)?;
    let sequences = ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING | DISABLE_NEWLINE_AUTO_RETURN;
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some((input, output));
    set(STD_OUTPUT_HANDLE, output | sequences).inspect_err(|_| restore())
}

pub(super) fn restore() {
    if let Some((input, output)) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A console that is gone needs no mode.
        set(STD_INPUT_HANDLE, input).ok();
        set(STD_OUTPUT_HANDLE, output).ok();
    }
}

fn mode(which: STD_HANDLE) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: the handle is this process's own, and the mode is written to a variable that outlives the call.
    let done = unsafe { GetConsoleMode(GetStdHandle(which), &raw mut mode) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(mode) }
}

fn set(which: STD_HANDLE, mode: CONSOLE_MODE) -> io::Result<()> {
    // SAFETY: the handle is this process's own; the mode is a plain number.
    let done = unsafe { SetConsoleMode(GetStdHandle(which), mode) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
