//! What the program does when its output goes nowhere.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(unix)]

use std::{io, os::unix::process::ExitStatusExt, process::Command};

#[test]
fn it_ends_in_silence_when_nobody_reads() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let ended = Command::new(env!("CARGO_BIN_EXE_berth")).args(["completion", "bash"]).stdout(writer).output().unwrap();
    assert_eq!((ended.status.signal(), ended.stderr.as_slice()), (Some(13), &b""[..]), "SIGPIPE and no panic");
}
