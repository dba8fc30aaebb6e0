//! One process as procfs tells it (proc_pid_stat(5), proc_pid_status(5)).

use crate::{Timestamp, spec::Names};
use std::fs;

/// Ticks of procfs per second.
const TICKS: u64 = 100;
/// A command line longer than this is cut, bytes.
const MOST_WORDS: usize = 4096;
/// As useradd(8) has it, bytes.
const LONGEST_NAME: usize = 32;

/// What the columns need of the machine.
pub(super) struct Machine {
    /// Seconds since the Unix epoch.
    pub(super) now: i64,
    /// When it was booted, seconds since the Unix epoch.
    pub(super) booted: i64,
    /// Bytes.
    pub(super) memory: u64,
    /// The container's.
    pub(super) names: Names,
}

impl Machine {
    pub(super) fn read(now: Timestamp, memory: u64, names: Names) -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let booted = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        Self { now: now.seconds(), booted: booted.unwrap_or(now.seconds()), memory, names }
    }

    pub(super) fn user(&self, id: u32) -> String {
        owner(id, self.names.users.get(&id))
    }

    pub(super) fn group(&self, id: u32) -> String {
        owner(id, self.names.groups.get(&id))
    }
}

/// One process.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) name: String,
    pub(super) state: char,
    pub(super) ppid: i64,
    pub(super) group: i64,
    pub(super) session: i64,
    pub(super) terminal: i64,
    pub(super) foreground: i64,
    /// User and kernel together, seconds.
    pub(super) seconds: u64,
    pub(super) nice: i64,
    pub(super) threads: i64,
    /// Seconds after the boot.
    pub(super) started: u64,
    /// Bytes.
    pub(super) virtual_memory: u64,
    /// KiB.
    pub(super) resident: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Its words, or its name in brackets.
    pub(super) command: String,
}

impl Process {
    /// Reads it; `None` once it has ended.
    pub(super) fn read(pid: i32) -> Option<Self> {
        let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok();
        let mut process = parse_stat(&String::from_utf8_lossy(&file("stat")?))?;
        let status = String::from_utf8_lossy(&file("status")?).into_owned();
        let second =
            |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.split_ascii_whitespace().nth(1));
        // The effective ids are what ps shows.
        process.uid = second("Uid:").and_then(|id| id.parse().ok()).unwrap_or(0);
        process.gid = second("Gid:").and_then(|id| id.parse().ok()).unwrap_or(0);
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        process.resident = resident.and_then(|kib| kib.trim().parse().ok()).unwrap_or(0);
        let words = file("cmdline").unwrap_or_default();
        process.command = command(&words, &process.name);
        Some(process)
    }
}

/// The name is the container's choice and may hold anything, parentheses too.
fn parse_stat(stat: &str) -> Option<Process> {
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let name = stat.get(open + 1..close)?;
    let fields: Vec<&str> = stat.get(close + 1..)?.split_ascii_whitespace().collect();
    // Fields are numbered from 3 on here.
    let field = |number: usize| fields.get(number - 3).copied();
    let number = |at: usize| field(at).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let unsigned = |at: usize| field(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    Some(Process {
        pid: stat.get(..open)?.trim().parse().ok()?,
        name: plain(name),
        state: field(3)?.chars().next()?,
        ppid: number(4),
        group: number(5),
        session: number(6),
        terminal: number(7),
        foreground: number(8),
        seconds: unsigned(14).saturating_add(unsigned(15)) / TICKS,
        nice: number(19),
        threads: number(20),
        started: unsigned(22) / TICKS,
        virtual_memory: unsigned(23),
        ..Process::default()
    })
}

fn command(words: &[u8], name: &str) -> String {
    let words = &words[..words.len().min(MOST_WORDS)];
    let text = String::from_utf8_lossy(words);
    let text = text.trim_end_matches('\0').replace('\0', " ");
    if text.trim().is_empty() { format!("[{name}]") } else { plain(&text) }
}

/// The number where there is no name, or one that nobody could read. The superuser has one name everywhere.
fn owner(id: u32, name: Option<&String>) -> String {
    match name {
        _ if id == 0 => "root".to_owned(),
        Some(name) if (1..=LONGEST_NAME).contains(&name.len()) && !name.contains(char::is_whitespace) => plain(name),
        _ => id.to_string(),
    }
}

/// Nothing in it steers a terminal or ends a line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_containers_choice_confuses_nothing() {
        let stat = "7 (a) S 1 \n(b)) R 3 7 7 34816 7 0 0 0 0 0 250 50 0 0 20 -5 2 0 1000 4096 1 0";
        let process = parse_stat(stat).unwrap();
        assert_eq!((process.pid, process.name.as_str(), process.state), (7, "a) S 1 ?(b)", 'R'));
        assert_eq!((process.ppid, process.seconds, process.nice, process.threads), (3, 3, -5, 2));
        assert_eq!((process.started, process.virtual_memory, process.terminal), (10, 4096, 34816));
        for bad in ["", "7", "7 (a", "7 (a) "] {
            assert_eq!(parse_stat(bad), None, "{bad}");
        }
    }

    #[test]
    fn owners_have_the_containers_names_where_they_are_names() {
        let names = [(0, "toor"), (33, "www"), (34, "a b"), (35, ""), (36, "e\u{1b}[2J")];
        let users = names.map(|(id, name)| (id, name.to_owned())).into();
        let machine = Machine::read(Timestamp(0), 1, Names { users, groups: [(5, "tty".to_owned())].into() });
        let shown = [0, 33, 34, 35, 36, 99].map(|id| machine.user(id));
        assert_eq!(shown, ["root", "www", "34", "35", "e?[2J", "99"]);
        assert_eq!((machine.group(5), machine.group(33)), ("tty".to_owned(), "33".to_owned()));
    }

    #[test]
    fn a_command_line_is_words_or_a_name_in_brackets() {
        assert_eq!(command(b"sh\0-c\0a\nb\x1b[2J\0", "sh"), "sh -c a?b?[2J");
        assert_eq!(command(b"", "kthread"), "[kthread]");
    }
}
