//! The files of a log: the one that is written, `container.log`, and finished ones with numbers that go up,
//! `container.log.7`, or `container.log.7.gz` when they are compressed. A number is given once, so that who reads knows
//! by it what comes next.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{LogOptions, compress};
use crate::kernel::file::begin_writing;

/// So many bytes together are sent on their way to the disk: a container's end waits for the last of its log, and a
/// machine with gigabytes of memory would otherwise keep all of it until then.
const SENT_TOGETHER: u64 = 8 << 20;

/// The files, with the last one open.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    file: File,
    /// Length of the file up to the end of its last whole entry.
    length: u64,
    /// Up to here it is on its way to the disk, or there.
    sent: u64,
    /// At this length a file is full.
    max_size: u64,
    /// How many finished files are kept.
    max_finished: usize,
    /// Their numbers.
    finished: VecDeque<u64>,
    /// Finished ones are compressed.
    compress: bool,
}

impl Files {
    pub(super) fn open(options: &LogOptions) -> io::Result<Self> {
        let path = options.file.clone();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)?;
        let length = file.metadata()?.len();
        let mut files = Self {
            max_size: options.max_size.map_or(u64::MAX, Into::into),
            max_finished: usize::try_from(options.max_files.get() - 1).unwrap_or(usize::MAX),
            finished: finished(&path)?.into(),
            compress: options.compress,
            path,
            file,
            length,
            sent: length,
        };
        let mut last = *b"\n";
        if let Some(before) = length.checked_sub(1) {
            files.file.read_exact_at(&mut last, before)?;
        }
        if last != *b"\n" {
            // Torn by a power cut: what comes is not to be taken for the rest of it.
            files.write(b"\n")?;
        }
        Ok(files)
    }

    /// Whether an entry behind `more` bytes belongs into another file.
    pub(super) fn is_full(&self, more: usize) -> bool {
        self.length.saturating_add(more as u64) >= self.max_size
    }

    /// Appends whole entries, or nothing.
    pub(super) fn write(&mut self, entries: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(entries);
        match written {
            Ok(()) => self.length += entries.len() as u64,
            Err(_) => self.file.set_len(self.length).unwrap_or_default(),
        }
        let waiting = self.length - self.sent;
        if waiting >= SENT_TOGETHER {
            // Where a file system cannot do it, all is written at the end.
            begin_writing(&self.file, self.sent, waiting).ok();
            self.sent = self.length;
        }
        written
    }

    /// Finishes the file and goes on in an empty one. On failure the log goes on where it is.
    pub(super) fn turn(&mut self) -> io::Result<()> {
        let next = self.sibling("next");
        // Left by a monitor that was killed here.
        fs::remove_file(&next).or_else(missing_is_fine)?;
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o640).open(&next)?;
        let number = self.finished.back().map_or(1, |last| last + 1);
        let name = self.sibling(number);
        if self.max_finished > 0 {
            fs::rename(&self.path, &name)?;
        }
        if let Err(error) = fs::rename(&next, &self.path) {
            fs::rename(&name, &self.path).ok();
            return Err(error);
        }
        (self.file, self.length, self.sent) = (file, 0, 0);
        if self.max_finished > 0 {
            self.finished.push_back(number);
        }
        while self.finished.len() > self.max_finished
            && let Some(oldest) = self.finished.pop_front()
        {
            let plain = self.sibling(oldest);
            fs::remove_file(&plain).or_else(missing_is_fine)?;
            fs::remove_file(sibling(&plain, compress::ENDING)).or_else(missing_is_fine)?;
        }
        if self.compress && self.max_finished > 0 {
            compress::begin(&self.path)?;
        }
        Ok(())
    }

    /// Waits until everything is on the disk. Those that are there already cost nothing.
    pub(super) fn save(&self) -> io::Result<()> {
        for number in &self.finished {
            File::open(self.sibling(number)).and_then(|file| file.sync_data()).or_else(missing_is_fine)?;
        }
        self.file.sync_data()
    }

    fn sibling(&self, ending: impl std::fmt::Display) -> PathBuf {
        sibling(&self.path, ending)
    }
}

pub(super) fn sibling(path: &Path, ending: impl std::fmt::Display) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{ending}"));
    name.into()
}

pub(super) fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The numbers of the finished files, in order.
pub(super) fn finished(path: &Path) -> io::Result<Vec<u64>> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?.file_name();
        let ending = entry.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.'));
        numbers.extend(ending.and_then(|ending| ending.trim_end_matches(compress::SUFFIX).parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    // For a moment a file is there in both forms.
    numbers.dedup();
    Ok(numbers)
}
