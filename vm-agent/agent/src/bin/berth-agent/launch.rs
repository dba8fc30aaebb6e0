//! Starting a program of ours: what it is handed, and where its words go.

use crate::children::{Children, Started};
use crate::{cgroups, console};
use berth_protocol::boot::BootConfig;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Longest line taken from it at once, bytes; a longer one is broken, so that nothing can fill PID 1's memory.
const LONGEST_LINE: u64 = 8 * 1024;

/// A program that is kept alive, and its cgroup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Where the guest image has it.
    pub(crate) path: &'static str,
    pub(crate) group: &'static str,
}

/// The engine.
pub(crate) const ENGINE: Program = Program { name: "engine", path: "/usr/bin/berth-engine", group: cgroups::ENGINE };
/// What carries packets to the host.
pub(crate) const UPLINK: Program = Program { name: "uplink", path: "/usr/bin/berth-uplink", group: cgroups::UPLINK };

/// How a program is started.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: Program,
    pub(crate) config: BootConfig,
    pub(crate) children: Arc<Children>,
}

/// Starts it with the boot config as JSON on its standard input: no argument, no environment, no file shows it.
pub(crate) fn start(launch: &Launch) -> std::io::Result<Started> {
    let (words, out) = std::io::pipe()?;
    let mut command = Command::new(launch.program.path);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin").env("HOME", "/root").current_dir("/");
    command.stdin(handover(&launch.config)?).stderr(out.try_clone()?).stdout(out);
    let started = launch.children.start(&mut command)?;
    // The command holds our ends of the pipe: without this its words would never end.
    drop(command);
    if let Err(error) = cgroups::join(Path::new(cgroups::TREE), launch.program.group, started.child.id()) {
        console::say(&console::chain(&error));
    }
    let name = launch.program.name;
    std::thread::Builder::new().name(format!("{name}-words")).spawn(move || relay(name, words))?;
    Ok(started)
}

fn handover(config: &BootConfig) -> std::io::Result<File> {
    let mut file = File::from(memfd_create(c"boot-config", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&serde_json::to_vec(config)?)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

fn relay(name: &str, words: impl Read) {
    let who = format!("berth-{name}");
    let mut reader = BufReader::new(words);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => console::line(&who, &String::from_utf8_lossy(&line)),
        }
    }
}
