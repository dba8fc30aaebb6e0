//! The file behind the serial console.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How many lines of it tell why a guest ended.
const LINES: usize = 20;
/// How far back they are looked for, bytes.
const REACH: u64 = 16 << 10;

/// Makes an empty file that only its owner may read; the text of the boot before it moves to `<path>.old`.
pub(crate) fn begin(path: &Path) -> io::Result<()> {
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    match fs::rename(path, old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// The last lines, oldest first, without control characters; none when the file cannot be read.
pub(crate) fn tail(path: &Path) -> Vec<String> {
    let mut bytes = vec![];
    if read_end(path, &mut bytes).is_err() {
        return vec![];
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>());
    let mut lines: Vec<_> = lines.filter(|line| !line.trim().is_empty()).collect();
    lines.split_off(lines.len().saturating_sub(LINES))
}

fn read_end(path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(REACH)))?;
    file.take(REACH).read_to_end(bytes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_plain_text_and_the_boot_before_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        begin(&path).unwrap();
        assert_eq!(tail(&path), Vec::<String>::new());
        let mut text: String = (0..5000).map(|n| format!("line {n}\r\n")).collect();
        text.push_str("\x1b[31mKernel panic\x1b[0m\n\n");
        fs::write(&path, text).unwrap();
        let lines = tail(&path);
        assert_eq!((lines.len(), lines[LINES - 1].as_str()), (LINES, "[31mKernel panic[0m"));
        assert_eq!(lines[LINES - 2], "line 4999");
        begin(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert!(fs::read_to_string(dir.path().join("console.log.old")).unwrap().contains("line 0"));
    }
}
