//! The columns of ps(1), and the options that choose them.

use super::process::{Machine, Process};
use crate::{Error, Result};
use time::OffsetDateTime;

/// One column: how it is asked for, its title, and its cells.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    cell: Cell,
}

type Cell = fn(&Process, &Machine) -> String;

impl Column {
    /// Its head.
    pub(super) fn title(&self) -> &'static str {
        self.title
    }

    /// Its cell for a process.
    pub(super) fn of(&self, process: &Process, machine: &Machine) -> String {
        (self.cell)(process, machine)
    }
}

/// What `ps -o` knows: names, title, cell.
const COLUMNS: &[(&[&str], &str, Cell)] = &[
    (&["pid", "tgid"], "PID", |p, _| p.pid.to_string()),
    (&["ppid"], "PPID", |p, _| p.ppid.to_string()),
    (&["pgid", "pgrp"], "PGID", |p, _| p.group.to_string()),
    (&["sid", "sess", "session"], "SID", |p, _| p.session.to_string()),
    (&["uid", "euid"], "UID", |p, _| p.uid.to_string()),
    (&["gid", "egid"], "GID", |p, _| p.gid.to_string()),
    (&["user", "euser", "uname"], "USER", |p, m| m.user(p.uid)),
    (&["group", "egroup"], "GROUP", |p, m| m.group(p.gid)),
    (&["comm", "ucmd", "ucomm"], "COMMAND", |p, _| p.name.clone()),
    (&["cmd"], "CMD", |p, _| p.command.clone()),
    (&["args", "command"], "COMMAND", |p, _| p.command.clone()),
    (&["c"], "C", |p, m| (share(p, m) / 10).to_string()),
    (&["pcpu", "%cpu"], "%CPU", |p, m| tenths(share(p, m))),
    (&["pmem", "%mem"], "%MEM", |p, m| tenths(p.resident.saturating_mul(1024 * 1000) / m.memory.max(1))),
    (&["vsz", "vsize"], "VSZ", |p, _| (p.virtual_memory / 1024).to_string()),
    (&["rss", "rssize", "rsz"], "RSS", |p, _| p.resident.to_string()),
    (&["tty", "tt", "tname"], "TT", |p, _| terminal(p.terminal)),
    (&["s", "state"], "S", |p, _| p.state.to_string()),
    (&["stat"], "STAT", |p, _| flags(p)),
    (&["ni", "nice"], "NI", |p, _| p.nice.to_string()),
    (&["nlwp", "thcount"], "NLWP", |p, _| p.threads.to_string()),
    (&["time", "cputime"], "TIME", |p, _| long_time(p.seconds)),
    (&["etime"], "ELAPSED", |p, m| elapsed(age(p, m))),
    (&["etimes"], "ELAPSED", |p, m| age(p, m).to_string()),
    (&["stime"], "STIME", |p, m| started(p, m)),
    (&["start", "bsdstart"], "START", |p, m| started(p, m)),
];

/// `ps -ef`.
const FULL: &[(&str, &str)] = &[
    ("user", "UID"),
    ("pid", "PID"),
    ("ppid", "PPID"),
    ("c", "C"),
    ("stime", "STIME"),
    ("tty", "TTY"),
    ("time", "TIME"),
    ("cmd", "CMD"),
];
/// `ps aux`; its TIME is of the short kind.
const USER: &[(&str, &str)] = &[
    ("user", "USER"),
    ("pid", "PID"),
    ("pcpu", "%CPU"),
    ("pmem", "%MEM"),
    ("vsz", "VSZ"),
    ("rss", "RSS"),
    ("tty", "TTY"),
    ("stat", "STAT"),
    ("start", "START"),
    ("time", "TIME"),
    ("args", "COMMAND"),
];

/// The columns that options of ps choose: `-ef` (also without any), `aux`, and `-o` with names.
///
/// # Errors
/// Options and columns that are not known, and a choice without PID, which docker refuses too.
pub(crate) fn columns(options: &str) -> Result<Vec<Column>> {
    let mut words = options.split_ascii_whitespace();
    let mut layout = None;
    let mut chosen: Vec<Column> = Vec::new();
    while let Some(word) = words.next() {
        let letters = word.trim_start_matches('-');
        let known = !letters.is_empty() && letters.bytes().all(|letter| b"aAdefFglouUwx".contains(&letter));
        if word.starts_with("--") || !known {
            return Err(unknown(&format!("the option {word:?}")));
        }
        if letters.contains('o') {
            // `-eo pid,cmd` and `-o pid -o cmd`.
            let names = words.next().ok_or_else(|| unknown("-o without names of columns"))?;
            for name in names.split(',').filter(|name| !name.is_empty()) {
                chosen.push(named(name)?);
            }
        } else if letters.contains('u') {
            layout = Some(USER);
        } else if letters.contains(['f', 'F', 'l']) {
            layout = Some(FULL);
        }
    }
    if chosen.is_empty() {
        let layout = layout.unwrap_or(FULL);
        for (name, title) in layout {
            let mut column = Column { title, ..named(name)? };
            if *title == "TIME" && layout.len() == USER.len() {
                column.cell = |p, _| format!("{}:{:02}", p.seconds / 60, p.seconds % 60);
            }
            chosen.push(column);
        }
    }
    if !chosen.iter().any(|column| column.title == "PID") {
        return Err(Error::InvalidParameter("Couldn't find PID field in ps output".to_owned()));
    }
    Ok(chosen)
}

/// A column by its name, or with a title of the user's own: `pid=NUMBER`.
fn named(name: &str) -> Result<Column> {
    let column = COLUMNS.iter().find(|(names, ..)| names.contains(&name.to_ascii_lowercase().as_str()));
    let (_, title, cell) = column.ok_or_else(|| unknown(&format!("the column {name:?}")))?;
    Ok(Column { title, cell: *cell })
}

fn unknown(what: &str) -> Error {
    Error::InvalidParameter(format!(
        "top does not know {what}: it takes -ef, aux, and -o with columns such as pid,ppid,user,pcpu,rss,etime,args"
    ))
}

fn age(process: &Process, machine: &Machine) -> u64 {
    let since_boot = u64::try_from(machine.now - machine.booted).unwrap_or(0);
    since_boot.saturating_sub(process.started)
}

/// The part of its life that it computed, thousandths.
fn share(process: &Process, machine: &Machine) -> u64 {
    process.seconds.saturating_mul(1000) / age(process, machine).max(1)
}

fn tenths(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

/// A device number of a terminal: major 136 to 143 are pseudo-terminals, 4 the machine's own
/// (Documentation/admin-guide/devices.txt).
fn terminal(device: i64) -> String {
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    match major {
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        5 if minor == 1 => "console".to_owned(),
        _ => "?".to_owned(),
    }
}

fn flags(process: &Process) -> String {
    let mut flags = process.state.to_string();
    if process.nice < 0 {
        flags.push('<');
    } else if process.nice > 0 {
        flags.push('N');
    }
    if process.session == i64::from(process.pid) {
        flags.push('s');
    }
    if process.threads > 1 {
        flags.push('l');
    }
    if process.foreground == process.group {
        flags.push('+');
    }
    flags
}

/// `[days-]hours:minutes:seconds`.
fn long_time(seconds: u64) -> String {
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if seconds < 86_400 { clock } else { format!("{}-{clock}", seconds / 86_400) }
}

/// `[[days-]hours:]minutes:seconds`.
fn elapsed(seconds: u64) -> String {
    if seconds < 3600 { format!("{:02}:{:02}", seconds / 60, seconds % 60) } else { long_time(seconds) }
}

/// The time of day for the last 24 hours, else the day.
fn started(process: &Process, machine: &Machine) -> String {
    let at = machine.booted.saturating_add(i64::try_from(process.started).unwrap_or(i64::MAX));
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(at) else { return "?".to_owned() };
    if machine.now.saturating_sub(at) < 86_400 {
        format!("{:02}:{:02}", moment.hour(), moment.minute())
    } else {
        let month = moment.month().to_string();
        format!("{}{:02}", month.get(..3).unwrap_or(&month), moment.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Names;

    #[test]
    fn options_choose_columns_or_are_refused() {
        let titles = |options: &str| {
            columns(options)
                .map(|all| all.iter().map(Column::title).collect::<Vec<_>>().join(" "))
                .map_err(|e| e.to_string())
        };
        assert_eq!(titles("-ef"), titles(""));
        assert_eq!(titles("-aux"), titles("aux"));
        assert_eq!(titles("-eo pid,user,args").unwrap(), "PID USER COMMAND");
        assert_eq!(titles("-o pid -o %cpu").unwrap(), "PID %CPU");
        assert_eq!(titles("-o comm").unwrap_err(), "Couldn't find PID field in ps output");
        assert!(titles("-o pid,wchan").unwrap_err().starts_with("top does not know the column \"wchan\""));
        for refused in ["--forest", "-o", "-C", "; reboot"] {
            assert!(titles(refused).unwrap_err().starts_with("top does not know"), "{refused}");
        }
    }

    #[test]
    fn cells_look_as_those_of_ps() {
        let machine = Machine { now: 1_800_000_000, booted: 1_799_990_000, memory: 1 << 30, names: Names::default() };
        let process = Process {
            pid: 7,
            state: 'S',
            session: 7,
            group: 7,
            foreground: 7,
            terminal: 0x8803,
            seconds: 100,
            threads: 2,
            started: 9000,
            resident: 10_486,
            ..Process::default()
        };
        let cell = |name: &str| named(name).unwrap().of(&process, &machine);
        assert_eq!((cell("tty"), cell("stat"), cell("time")), ("pts/3".into(), "Ssl+".into(), "00:01:40".into()));
        assert_eq!((cell("pcpu"), cell("c"), cell("pmem")), ("10.0".into(), "10".into(), "1.0".into()));
        assert_eq!((cell("etime"), cell("stime")), ("16:40".into(), "07:43".into()));
        assert_eq!((long_time(90_061), terminal(0)), ("1-01:01:01".into(), "?".into()));
        let old = Machine { now: machine.now + 90_000, ..machine };
        assert_eq!(named("start").unwrap().of(&process, &old), "Jan15");
    }
}
