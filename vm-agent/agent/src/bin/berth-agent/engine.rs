//! Starting the engine process: what it is handed, and where its words go.

use crate::children::{Children, Started};
use crate::{cgroups, console};
use berth_protocol::boot::BootConfig;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// The engine in the guest image.
pub(crate) const PROGRAM: &str = "/usr/bin/berth-engine";
/// Longest line taken from it at once, bytes; a longer one is broken, so that nothing can fill PID 1's memory.
const LONGEST_LINE: u64 = 8 * 1024;

/// How the engine is started.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) config: BootConfig,
    pub(crate) children: Arc<Children>,
}

/// Starts it with the boot config as JSON on its standard input: no argument, no environment, no file shows it.
pub(crate) fn start(launch: &Launch) -> std::io::Result<Started> {
    let (words, out) = std::io::pipe()?;
    let mut command = Command::new(&launch.program);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin").env("HOME", "/root").current_dir("/");
    command.stdin(handover(&launch.config)?).stderr(out.try_clone()?).stdout(out);
    let started = launch.children.start(&mut command)?;
    // The command holds our ends of the pipe: without this its words would never end.
    drop(command);
    if let Err(error) = cgroups::join_engine(Path::new(cgroups::TREE), started.child.id()) {
        console::say(&console::chain(&error));
    }
    std::thread::Builder::new().name("engine-words".into()).spawn(move || relay(words))?;
    Ok(started)
}

fn handover(config: &BootConfig) -> std::io::Result<File> {
    let mut file = File::from(memfd_create(c"boot-config", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&serde_json::to_vec(config)?)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

fn relay(words: impl Read) {
    let mut reader = BufReader::new(words);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => console::line("berth-engine", &String::from_utf8_lossy(&line)),
        }
    }
}
