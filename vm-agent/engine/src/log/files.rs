//! The files of a log: the one that is written, `container.log`, and finished ones with numbers that go up,
//! `container.log.7`, or `container.log.7.gz` when they are compressed. They are renamed, compressed and removed while
//! they are read, but a number is given only once.

use flate2::read::GzDecoder;
use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::tail;

/// Behind the number in the name of a compressed file.
const COMPRESSED: &str = ".gz";
/// Unpacked at once, bytes.
const BUFFER: usize = 128 << 10;

/// All files of a log.
#[derive(Clone, Debug)]
pub(super) struct Files {
    path: PathBuf,
}

/// One of them, open.
#[derive(Debug)]
pub(super) struct Piece {
    /// Its number, or the one that it will get.
    number: u64,
    file: File,
    /// Nothing is added to it any more.
    finished: bool,
}

impl Files {
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The numbers of the finished files, in order.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let (Some(dir), Some(name)) = (self.path.parent(), self.path.file_name().and_then(|name| name.to_str())) else {
            return Ok(vec![]);
        };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?.file_name();
            let ending = entry.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.'));
            numbers.extend(ending.and_then(|ending| ending.trim_end_matches(COMPRESSED).parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn finished(&self, number: u64) -> io::Result<Option<Piece>> {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        let file = match opened(Path::new(&name))? {
            Some(plain) => Some(plain),
            None => {
                name.push(COMPRESSED);
                opened(Path::new(&name))?.map(|file| self.unpacked(file)).transpose()?
            }
        };
        Ok(file.map(|file| Piece { number, file, finished: true }))
    }

    /// What a compressed file holds, in one that has no name and goes when it is read. Damage ends it early.
    fn unpacked(&self, compressed: File) -> io::Result<File> {
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mut plain = File::from(rustix::fs::open(dir, flags, Mode::RUSR | Mode::WUSR)?);
        let mut decoder = GzDecoder::new(io::BufReader::with_capacity(BUFFER, compressed));
        let mut chunk = vec![0; BUFFER];
        loop {
            match decoder.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => plain.write_all(&chunk[..read])?,
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
                    ) =>
                {
                    tracing::warn!("a compressed file of {} is damaged: {e}", self.path.display());
                    break;
                }
                Err(e) => return Err(e),
            }
        }
        io::Seek::rewind(&mut plain)?;
        Ok(plain)
    }

    /// The file after `number`; `None` when there is none yet, which is so for a moment while one is finished.
    fn after(&self, number: u64) -> io::Result<Option<Piece>> {
        let next = |numbers: &[u64]| numbers.iter().copied().find(|found| *found > number);
        loop {
            let before = self.numbers()?;
            if let Some(next) = next(&before) {
                match self.finished(next)? {
                    Some(piece) => return Ok(Some(piece)),
                    // Removed meanwhile: it was the oldest.
                    None => continue,
                }
            }
            let Some(file) = opened(&self.path)? else { return Ok(None) };
            if next(&self.numbers()?).is_none() {
                return Ok(Some(Piece { number: number + 1, file, finished: false }));
            }
        }
    }

    /// The newest file; the number before its own when it is just being made.
    fn newest(&self) -> io::Result<Result<Piece, u64>> {
        loop {
            let last = self.numbers()?.last().copied().unwrap_or(0);
            let piece = self.after(last)?;
            if piece.as_ref().is_none_or(|piece| !piece.finished) {
                return Ok(piece.ok_or(last));
            }
        }
    }

    /// Whether the piece is still the one that is written.
    fn writes(&self, piece: &Piece) -> io::Result<bool> {
        let now = match fs::metadata(&self.path) {
            Ok(now) => now,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        };
        let own = piece.file.metadata()?;
        Ok((now.dev(), now.ino()) == (own.dev(), own.ino()))
    }
}

fn opened(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// What a reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes.
    Bytes(usize),
    /// What comes is from another file: no line goes on in it.
    Turned,
    /// That is all for now.
    Nothing,
}

/// The files as one, from some place on. Reading blocks.
#[derive(Debug)]
pub(super) struct Source {
    files: Files,
    piece: Option<Piece>,
    /// The number of the last file that was read to its end.
    read: u64,
    /// Where to stop: in which file, and after how many bytes more of it.
    end: Option<(u64, u64)>,
}

impl Source {
    /// The last `lines`, or all; what is there now, unless `on` wants what comes too.
    pub(super) fn open(path: &Path, lines: Option<usize>, on: bool) -> io::Result<Self> {
        let files = Files::of(path);
        let newest = files.newest()?;
        let (number, len) = match &newest {
            Ok(piece) => (piece.number, piece.file.metadata()?.len()),
            Err(before) => (before + 1, 0),
        };
        let mut source = Self { files, piece: None, read: 0, end: (!on).then_some((number, len)) };
        let Some(mut wanted) = lines else { return Ok(source) };
        source.read = number - 1;
        source.piece = newest.ok();
        let mut skipped = 0;
        if let Some(piece) = &source.piece {
            let (start, found) = tail::start_of_last(&piece.file, len, wanted)?;
            wanted -= found;
            skipped = start;
            piece.skip(start)?;
        }
        while wanted > 0
            && let Some(older) = source.files.numbers()?.into_iter().rev().find(|older| *older <= source.read)
            && let Some(piece) = source.files.finished(older)?
        {
            let (start, found) = tail::start_of_last(&piece.file, piece.file.metadata()?.len(), wanted)?;
            wanted -= found;
            piece.skip(start)?;
            (source.read, source.piece) = (older - 1, Some(piece));
        }
        // Counted from where the reading of that file begins.
        if let Some((end, left)) = &mut source.end
            && source.piece.as_ref().is_some_and(|piece| piece.number == *end)
        {
            *left -= skipped;
        }
        Ok(source)
    }

    /// Reads on.
    pub(super) fn read(&mut self, chunk: &mut [u8]) -> io::Result<Step> {
        loop {
            let Some(piece) = &mut self.piece else {
                if self.end.is_some_and(|(end, _)| end <= self.read) {
                    return Ok(Step::Nothing);
                }
                self.piece = self.files.after(self.read)?;
                if self.piece.is_none() {
                    return Ok(Step::Nothing);
                }
                continue;
            };
            let room = match self.end {
                Some((end, _)) if piece.number > end => return Ok(Step::Nothing),
                Some((end, left)) if piece.number == end => {
                    usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len())
                }
                _ => chunk.len(),
            };
            let read = piece.file.read(&mut chunk[..room])?;
            if let Some((end, left)) = &mut self.end
                && piece.number == *end
            {
                *left -= u64::try_from(read).unwrap_or(0);
                if read == 0 {
                    return Ok(Step::Nothing);
                }
            }
            if read > 0 {
                return Ok(Step::Bytes(read));
            }
            if piece.finished {
                self.read = piece.number;
                self.piece = None;
                return Ok(Step::Turned);
            }
            if self.files.writes(piece)? {
                return Ok(Step::Nothing);
            }
            // Finished between the two looks: what was written just before comes first.
            piece.finished = true;
        }
    }
}

impl Piece {
    fn skip(&self, start: u64) -> io::Result<()> {
        io::Seek::seek(&mut &self.file, io::SeekFrom::Start(start)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Log(tempfile::TempDir);

    impl Log {
        fn new() -> Self {
            let log = Self(tempfile::tempdir().unwrap());
            log.write("");
            log
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("log")
        }

        fn write(&self, text: &str) {
            let mut file = File::options().append(true).create(true).open(self.path()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn finish(&self, number: u64) {
            fs::rename(self.path(), self.0.path().join(format!("log.{number}"))).unwrap();
        }

        fn compress(&self, number: u64) {
            let plain = self.0.path().join(format!("log.{number}"));
            let compressed = File::create(self.0.path().join(format!("log.{number}.gz"))).unwrap();
            let mut encoder = flate2::write::GzEncoder::new(compressed, flate2::Compression::fast());
            encoder.write_all(&fs::read(&plain).unwrap()).unwrap();
            encoder.finish().unwrap();
            fs::remove_file(plain).unwrap();
        }

        fn remove(&self, number: u64) {
            fs::remove_file(self.0.path().join(format!("log.{number}"))).unwrap();
        }

        fn tail(&self, lines: Option<usize>) -> String {
            rest(&mut Source::open(&self.path(), lines, false).unwrap())
        }
    }

    fn rest(source: &mut Source) -> String {
        let mut text = String::new();
        let mut chunk = [0; 5];
        loop {
            match source.read(&mut chunk).unwrap() {
                Step::Bytes(read) => text.push_str(std::str::from_utf8(&chunk[..read]).unwrap()),
                Step::Turned => {}
                Step::Nothing => return text,
            }
        }
    }

    #[test]
    fn several_files_are_one() {
        let log = Log::new();
        for (number, text) in [(9, "a\nb\n"), (10, "c\nd\n"), (11, "")] {
            log.write(text);
            log.finish(number);
        }
        log.write("e\nf\n");
        fs::write(log.0.path().join("log.next"), "not yet").unwrap();
        assert_eq!(log.tail(None), "a\nb\nc\nd\ne\nf\n");
        for (lines, expected) in [(0, ""), (1, "f\n"), (2, "e\nf\n"), (3, "d\ne\nf\n"), (5, "b\nc\nd\ne\nf\n")] {
            assert_eq!(log.tail(Some(lines)), expected, "{lines}");
        }
        assert_eq!(log.tail(Some(100)), "a\nb\nc\nd\ne\nf\n");
        log.finish(12);
        assert_eq!(log.tail(Some(3)), "d\ne\nf\n", "while the next file is not there yet");
        assert_eq!(log.tail(None), "a\nb\nc\nd\ne\nf\n");
    }

    #[test]
    fn compressed_files_are_read_as_the_others() {
        let log = Log::new();
        for (number, text) in [(1, "a\nb\n"), (2, "c\nd\n"), (3, "e\n")] {
            log.write(text);
            log.finish(number);
        }
        log.write("f\n");
        let mut follower = Source::open(&log.path(), None, true).unwrap();
        let mut chunk = [0; 2];
        assert_eq!((follower.read(&mut chunk).unwrap(), &chunk), (Step::Bytes(2), b"a\n"));
        for number in [1, 2] {
            log.compress(number);
        }
        assert_eq!(log.tail(None), "a\nb\nc\nd\ne\nf\n");
        for (lines, expected) in [(1, "f\n"), (3, "d\ne\nf\n"), (5, "b\nc\nd\ne\nf\n")] {
            assert_eq!(log.tail(Some(lines)), expected, "{lines}");
        }
        log.compress(3);
        assert_eq!(rest(&mut follower), "b\nc\nd\ne\nf\n");
        let path = log.0.path().join("log.2.gz");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(log.tail(None).ends_with("e\nf\n"), "damage costs no more than its file");
    }

    #[test]
    fn who_does_not_follow_stops_where_the_log_ended_then() {
        let log = Log::new();
        log.write("a\n");
        for lines in [None, Some(1)] {
            let mut source = Source::open(&log.path(), lines, false).unwrap();
            log.write("b\n");
            assert_eq!(rest(&mut source), "a\n");
            log.finish(lines.map_or(1, |_| 2));
            log.write("a\n");
            assert_eq!(rest(&mut source), "");
        }
    }

    #[test]
    fn a_follower_loses_nothing_and_doubles_nothing_over_files() {
        let log = Log::new();
        log.write("a\n");
        let mut source = Source::open(&log.path(), Some(0), true).unwrap();
        assert_eq!(rest(&mut source), "");
        log.write("b\n");
        log.finish(1);
        assert_eq!(rest(&mut source), "b\n");
        log.write("c\n");
        log.finish(2);
        log.write("d\n");
        log.finish(3);
        log.write("e\n");
        log.remove(1);
        assert_eq!(rest(&mut source), "c\nd\ne\n");
        log.write("f\n");
        log.finish(4);
        log.write("g\n");
        log.finish(5);
        for removed in [2, 3, 4] {
            log.remove(removed);
        }
        log.write("h\n");
        assert_eq!(rest(&mut source), "f\ng\nh\n", "what is open stays readable when it is removed");
    }

    #[test]
    fn a_log_of_one_file_that_begins_anew_is_followed() {
        let log = Log::new();
        let mut source = Source::open(&log.path(), None, true).unwrap();
        for text in ["a\n", "b\n", "c\n"] {
            log.write(text);
            assert_eq!(rest(&mut source), text);
            fs::write(log.0.path().join("log.next"), "").unwrap();
            fs::rename(log.0.path().join("log.next"), log.path()).unwrap();
        }
        assert_eq!(rest(&mut source), "");
    }

    #[test]
    fn a_log_that_turns_all_the_time_is_read_whole() {
        let log = Log::new();
        let writer = {
            let path = log.0.path().to_owned();
            std::thread::spawn(move || {
                for number in 1..=400_u64 {
                    let mut file = File::options().append(true).create(true).open(path.join("log")).unwrap();
                    for line in 0..5 {
                        file.write_all(format!("{}\n", number * 5 + line).as_bytes()).unwrap();
                    }
                    fs::write(path.join("log.next"), "").unwrap();
                    fs::rename(path.join("log"), path.join(format!("log.{number}"))).unwrap();
                    fs::rename(path.join("log.next"), path.join("log")).unwrap();
                }
            })
        };
        let mut source = Source::open(&log.path(), None, true).unwrap();
        let mut text = String::new();
        while !writer.is_finished() {
            text.push_str(&rest(&mut source));
        }
        writer.join().unwrap();
        text.push_str(&rest(&mut source));
        let expected: String = (5..401 * 5).map(|line| format!("{line}\n")).collect();
        assert_eq!(text, expected);
    }
}
