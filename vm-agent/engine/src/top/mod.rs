//! The processes of a container as ps(1) of procps shows them. No ps is run: neither the container's, which is not to
//! be trusted, nor one of the machine, which has none.

mod column;
mod process;

pub(crate) use column::{Column, columns};

use crate::{Timestamp, spec::Names};
use process::{Machine, Process};
use std::{collections::BTreeSet, fs, path::Path};

/// The processes of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessTable {
    /// The heads of the columns.
    pub titles: Vec<String>,
    /// A row for each process, by process id.
    pub processes: Vec<Vec<String>>,
}

/// Reads the processes of a control group and those below it. `names` are the container's.
pub(crate) fn table(directory: &Path, columns: &[Column], now: Timestamp, memory: u64, names: Names) -> ProcessTable {
    let machine = Machine::read(now, memory, names);
    let mut pids = BTreeSet::new();
    collect(directory, &mut pids);
    let row = |process: Process| columns.iter().map(|column| column.of(&process, &machine)).collect();
    ProcessTable {
        titles: columns.iter().map(|column| column.title().to_owned()).collect(),
        // One that has ended meanwhile has no row.
        processes: pids.into_iter().filter_map(Process::read).map(row).collect(),
    }
}

/// A container may make groups below its own.
fn collect(directory: &Path, pids: &mut BTreeSet<i32>) {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        collect(&entry.path(), pids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_shown_in_every_form() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("below")).unwrap();
        let pid = std::process::id().to_string();
        fs::write(dir.path().join("below/cgroup.procs"), format!("{pid}\n2147483647\n")).unwrap();
        let now = Timestamp(i64::try_from(nanos()).unwrap());
        for (options, titles) in [
            ("", "UID PID PPID C STIME TTY TIME CMD"),
            ("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            ("-o pid,comm,nlwp", "PID COMMAND NLWP"),
        ] {
            let table = table(dir.path(), &columns(options).unwrap(), now, 1 << 30, Names::default());
            assert_eq!(table.titles.join(" "), titles);
            assert_eq!(table.processes.len(), 1, "the one that does not exist has no row");
            let row = &table.processes[0];
            assert_eq!(row.len(), table.titles.len());
            let at = table.titles.iter().position(|title| title == "PID").unwrap();
            assert_eq!(row[at], pid);
            assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        }
    }

    fn nanos() -> u128 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
    }
}
