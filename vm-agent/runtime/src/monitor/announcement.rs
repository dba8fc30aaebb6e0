//! The one line on standard output that tells the engine how the creation went.

use std::io::Write;

use nix::unistd::dup2_stdout;
use serde::Serialize;

use super::watch::Watch;
use crate::{
    failure::{Context, Failure},
    init::open_null,
};

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Announcement<'a> {
    Created { pid: i32 },
    Error(&'a Failure),
}

/// Writes the line, and lets go of standard output, so that the engine sees its end.
pub(super) fn announce(watch: &Result<Watch, Failure>) -> Result<(), Failure> {
    let announcement = match watch {
        Ok(watch) => Announcement::Created { pid: watch.pid().as_raw() },
        Err(failure) => Announcement::Error(failure),
    };
    let line = serde_json::to_string(&announcement).context("announcement")?;
    let mut output = std::io::stdout();
    // An engine that has gone in the meantime finds the container by its socket.
    writeln!(output, "{line}").and_then(|()| output.flush()).ok();
    dup2_stdout(open_null()?).context("close standard output")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn lines_as_the_engine_reads_them() {
        let created = serde_json::to_string(&Announcement::Created { pid: 7 }).unwrap();
        assert_eq!(created, r#"{"created":{"pid":7}}"#);
        let failure = Failure::new(FailureKind::NotExecutable, "no");
        let error = serde_json::to_string(&Announcement::Error(&failure)).unwrap();
        assert_eq!(error, r#"{"error":{"kind":"not-executable","message":"no"}}"#);
    }
}
