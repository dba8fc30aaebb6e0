//! Standard output. A program whose reader has gone, as `head` goes, ends there without a word.

use crate::signals;
use std::io::{self, ErrorKind, Write};

/// As `print!`, which would panic when nobody reads.
macro_rules! out {
    ($($text:tt)*) => { $crate::output::put(format!($($text)*).as_bytes()) };
}

/// As `println!`, which would panic when nobody reads.
macro_rules! outln {
    () => { $crate::output::put(b"\n") };
    ($($text:tt)*) => { $crate::output::put(format!("{}\n", format_args!($($text)*)).as_bytes()) };
}

pub(crate) use {out, outln};

/// Writes all of it, at once.
pub(crate) fn put(bytes: &[u8]) {
    let mut stdout = io::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => signals::end_as_unread(),
        Err(error) => {
            eprintln!("berth: cannot write the output: {error}");
            std::process::exit(1);
        }
    }
}

/// Standard output for what writes by itself, with [`put`].
pub(crate) struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
