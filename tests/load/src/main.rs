//! ```text
//! berth-load serve                            serves, until it is ended
//! berth-load HOST:PORT bulk BYTES FLOWS       measures the way to a server: MB/s
//! berth-load HOST:PORT connect                microseconds
//! berth-load HOST:PORT busy                   exchanges a second
//! berth-load                                  is PID 1 of a guest
//! ```

use berth_load::{Measure, guest, raise_file_limit, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => guest::run(),
        ["serve"] => {
            raise_file_limit();
            serve();
        }
        [server, ref measure @ ..] => {
            let (Ok(server), Some(measure)) = (server.parse(), Measure::read(measure)) else {
                eprintln!(
                    "usage: berth-load [serve | HOST:PORT bulk BYTES FLOWS | HOST:PORT connect | HOST:PORT busy]"
                );
                return ExitCode::from(2);
            };
            raise_file_limit();
            println!("{}", measure.of(server));
        }
    }
    ExitCode::SUCCESS
}
