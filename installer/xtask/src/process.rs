//! Runs a program with its output in a log file; a failure names the program, its exit and the last lines it wrote.

use crate::checkout::Checkout;
use crate::steps::{Note, Problem};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `command`, writing what it prints to `<logs>/<name>.log` and the newest line to `note`.
pub(crate) fn run(checkout: &Checkout, name: &str, command: &mut Command, note: &Note) -> Result<()> {
    let shown = note.get();
    let (status, _) = capture(checkout, name, command, |line| note.set(line.to_owned()))?;
    note.set(shown);
    if status.success() { Ok(()) } else { Err(failure(checkout, name, command, status)) }
}

/// Runs `command` and gives every line it prints to `line` as well as to the log. Returns the lines.
pub(crate) fn capture(
    checkout: &Checkout,
    name: &str,
    command: &mut Command,
    mut line: impl FnMut(&str),
) -> Result<(std::process::ExitStatus, Vec<String>)> {
    std::fs::create_dir_all(checkout.logs())?;
    let path = checkout.logs().join(format!("{name}.log"));
    let mut log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|error| {
        Problem::because(
            format!("cannot start {program}: {error}"),
            "install it, or run `cargo xtask up` which installs what is missing",
        )
    })?;
    // The command keeps the pipe's write end; without this the reader would never see its end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut lines = Vec::new();
    for text in BufReader::new(reader).split(b'\n') {
        let text = String::from_utf8_lossy(&text?).into_owned();
        writeln!(log, "{text}")?;
        line(text.trim_end());
        lines.push(text);
    }
    Ok((child.wait()?, lines))
}

/// The error of a command that ran and failed.
pub(crate) fn failure(
    checkout: &Checkout,
    name: &str,
    command: &Command,
    status: std::process::ExitStatus,
) -> anyhow::Error {
    let path = checkout.logs().join(format!("{name}.log"));
    let tail = tail(&path, 25);
    Problem::because(
        format!("{} ended with {status}; its last lines:\n{tail}", command.get_program().to_string_lossy()),
        format!("the whole output is in {}", path.display()),
    )
}

/// The last `count` lines of a file, indented.
pub(crate) fn tail(path: &Path, count: usize) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let start = lines.len().saturating_sub(count);
    lines[start..].iter().map(|line| format!("      {line}\n")).collect()
}
