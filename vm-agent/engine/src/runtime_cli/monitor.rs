//! What a container's monitor says: over its socket while it lives, in a file afterwards.

use crate::{Timestamp, seam::ExitRecord};
use serde::Deserialize;
use std::{io, os::fd::AsRawFd, path::Path, time::Duration};
use tokio::{
    fs,
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

const SOCKET: &str = "monitor.sock";
const RECORD: &str = "exit.json";
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
const WAIT: &[u8] = b"{\"wait\":{}}\n";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Message {
    Exited(Exited),
}

#[derive(Deserialize)]
struct Exited {
    code: i64,
    #[serde(default)]
    oom_killed: bool,
    at: String,
}

/// Whether a monitor listens.
pub(super) async fn answers(bundle: &Path) -> bool {
    connect(bundle).await.is_ok()
}

/// Waits for the end of the container; `None` when the monitor is not there or goes away without a word.
pub(super) async fn wait(bundle: &Path) -> Option<ExitRecord> {
    let mut stream = loop {
        match connect(bundle).await {
            Ok(stream) => break stream,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return None,
            // The monitor is there: it must not be taken for lost because the system is short of something.
            Err(e) => {
                tracing::warn!("the monitor in {} cannot be asked yet: {e}", bundle.display());
                tokio::time::sleep(ASK_AGAIN_AFTER).await;
            }
        }
    };
    stream.write_all(WAIT).await.ok()?;
    let mut line = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut line).await.ok()?;
    parse(&line)
}

/// A socket's address holds 107 bytes, and a path may be longer: a descriptor makes it short.
pub(super) async fn connect(bundle: &Path) -> io::Result<UnixStream> {
    let dir = std::fs::File::open(bundle)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd())).await
}

/// What the monitor left; `None` when it left nothing.
pub(super) async fn read_exit(bundle: &Path) -> Option<ExitRecord> {
    parse(&fs::read(bundle.join(RECORD)).await.ok()?)
}

fn parse(json: &[u8]) -> Option<ExitRecord> {
    let Message::Exited(exited) = serde_json::from_slice(json).ok()?;
    let at = Timestamp::parse_rfc3339(&exited.at)?;
    Some(ExitRecord { code: exited.code, oom_killed: exited.oom_killed, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    const END: &str = r#"{"exited":{"code":137,"signal":9,"oom_killed":true,"at":"2026-11-21T03:00:00.5Z"}}"#;

    fn record() -> ExitRecord {
        ExitRecord { code: 137, oom_killed: true, at: Timestamp::parse_rfc3339("2026-11-21T03:00:00.5Z").unwrap() }
    }

    #[tokio::test]
    async fn the_end_is_heard_over_the_socket_and_read_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(wait(dir.path()).await, None);
        let bundle = dir.path().join("deep".repeat(30));
        fs::create_dir(&bundle).await.unwrap();
        let holder = std::fs::File::open(&bundle).unwrap();
        let listener = UnixListener::bind(format!("/proc/self/fd/{}/{SOCKET}", holder.as_raw_fd())).unwrap();
        let monitor = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut asked = String::new();
            stream.read_line(&mut asked).await.unwrap();
            stream.get_mut().write_all(format!("{END}\n").as_bytes()).await.unwrap();
            asked
        });
        assert_eq!(wait(&bundle).await, Some(record()), "however long the path");
        assert_eq!(monitor.await.unwrap(), "{\"wait\":{}}\n");

        fs::write(dir.path().join(RECORD), END).await.unwrap();
        assert_eq!(read_exit(dir.path()).await, Some(record()));
        fs::write(dir.path().join(RECORD), "{\"exi").await.unwrap();
        assert_eq!(read_exit(dir.path()).await, None, "a torn file is no record");
    }
}
