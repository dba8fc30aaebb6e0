//! Terminals in containers, by the number of the stream that shows each: what is typed finds its way by it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth_api::{Client, Code, Error, Problem};
use futures_util::StreamExt as _;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tauri::ipc::Channel;
use tokio::{io::AsyncWriteExt as _, sync::mpsc};

/// What is typed faster than it is read waits, so many pieces of it.
const WAITING: usize = 1024;

/// Those that are open.
#[derive(Default)]
pub(crate) struct Terminals(Mutex<HashMap<u32, Open>>);

#[derive(Clone)]
struct Open {
    exec: String,
    keys: mpsc::Sender<String>,
}

/// Forgets a terminal however its stream ends.
struct Entry<'a>(&'a Terminals, u32);

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.0.all().remove(&self.1);
    }
}

impl Terminals {
    /// Opens a shell and shows what it writes, in base64, until it ends.
    pub(crate) async fn show(
        &self,
        number: u32,
        client: &Client,
        container: &str,
        (columns, rows): (u16, u16),
        to: &Channel<String>,
    ) -> Result<(), Problem> {
        let (exec, mut attached) = client.open_shell(container, columns, rows).await?;
        let (keys, mut typed) = mpsc::channel::<String>(WAITING);
        self.all().insert(number, Open { exec, keys });
        let _entry = Entry(self, number);
        loop {
            tokio::select! {
                chunk = attached.output.next() => match chunk {
                    Some(chunk) => if to.send(STANDARD.encode(chunk?.bytes)).is_err() { return Ok(()) },
                    None => return Ok(()),
                },
                Some(text) = typed.recv() => attached.input.write_all(text.as_bytes()).await.map_err(lost)?,
            }
        }
    }

    /// Types into one.
    pub(crate) async fn write(&self, number: u32, text: String) -> Result<(), Problem> {
        let keys = self.open(number)?.keys;
        keys.send(text).await.map_err(|_| gone())
    }

    /// Tells one its size.
    pub(crate) async fn resize(&self, number: u32, client: &Client, columns: u16, rows: u16) -> Result<(), Problem> {
        let exec = self.open(number)?.exec;
        Ok(client.resize_exec(&exec, columns, rows).await?)
    }

    fn open(&self, number: u32) -> Result<Open, Problem> {
        self.all().get(&number).cloned().ok_or_else(gone)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u32, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone() -> Problem {
    Problem::new(Code::NotFound, "the terminal has ended")
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
fn lost(error: std::io::Error) -> Problem {
    Error::Broken(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_terminal_that_has_ended_takes_no_keys() {
        let terminals = Terminals::default();
        assert_eq!(terminals.write(1, "x".into()).await.unwrap_err().code, Code::NotFound);
        let (keys, mut typed) = mpsc::channel(1);
        terminals.all().insert(1, Open { exec: "e".into(), keys });
        {
            let _entry = Entry(&terminals, 1);
            terminals.write(1, "ls\n".into()).await.unwrap();
            assert_eq!(typed.recv().await.as_deref(), Some("ls\n"));
        }
        assert!(terminals.write(1, "x".into()).await.is_err());
    }
}
