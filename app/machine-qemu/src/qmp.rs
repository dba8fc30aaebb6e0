//! QEMU's control protocol: JSON lines over a socket (QEMU `docs/interop/qmp-spec.rst`).

use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};

/// A running QEMU that takes commands.
pub(crate) struct Qmp {
    commands: mpsc::Sender<&'static str>,
    ending: watch::Receiver<Ending>,
}

/// What QEMU said of its end so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The reason of its `SHUTDOWN` event: `guest-shutdown`, `guest-reset`, `guest-panic`, `host-signal`, ...
    pub(crate) reason: Option<String>,
    /// The connection was closed; nothing more will be said.
    pub(crate) closed: bool,
}

/// One line of QEMU.
#[derive(Deserialize)]
struct Message {
    event: Option<String>,
    #[serde(default)]
    data: Value,
    #[serde(rename = "return")]
    answer: Option<Value>,
    error: Option<Value>,
    #[serde(rename = "QMP")]
    greeting: Option<Value>,
}

impl Qmp {
    /// Takes the greeting, leaves negotiation mode, and waits until the machine runs: only then has QEMU read all the
    /// files it was given.
    pub(crate) async fn open(stream: UnixStream) -> io::Result<Self> {
        let (from, mut to) = stream.into_split();
        let mut lines = BufReader::new(from).lines();
        let greeting = next(&mut lines).await?;
        if greeting.is_none_or(|message| message.greeting.is_none()) {
            return Err(io::Error::other("QEMU did not greet"));
        }
        for command in ["qmp_capabilities", "query-status"] {
            send(&mut to, command).await?;
            loop {
                match next(&mut lines).await? {
                    None => return Err(io::Error::other("QEMU ended while it was starting")),
                    Some(Message { error: Some(error), .. }) => {
                        return Err(io::Error::other(format!("QEMU refused {command}: {error}")));
                    }
                    Some(Message { answer: Some(_), .. }) => break,
                    Some(_) => {}
                }
            }
        }
        let (commands, orders) = mpsc::channel(4);
        let (report, ending) = watch::channel(Ending::default());
        tokio::spawn(converse(lines, to, orders, report));
        Ok(Self { commands, ending })
    }

    /// Presses the power button of the machine.
    pub(crate) async fn press_power_button(&self) {
        if self.commands.send("system_powerdown").await.is_err() {
            tracing::debug!("QEMU was gone before its power button was pressed");
        }
    }

    /// What QEMU said of its end. To be asked after the process has ended.
    pub(crate) async fn ending(&self) -> Ending {
        let mut ending = self.ending.clone();
        match ending.wait_for(|ending| ending.closed).await {
            Ok(ending) => ending.clone(),
            Err(_) => self.ending.borrow().clone(),
        }
    }
}

async fn converse(
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    mut to: OwnedWriteHalf,
    mut orders: mpsc::Receiver<&'static str>,
    report: watch::Sender<Ending>,
) {
    let result: io::Result<()> = async {
        loop {
            tokio::select! {
                Some(command) = orders.recv() => send(&mut to, command).await?,
                message = next(&mut lines) => match message? {
                    None => return Ok(()),
                    Some(Message { error: Some(error), .. }) => tracing::warn!(%error, "QEMU refused a command"),
                    Some(Message { event: Some(event), data, .. }) if event == "SHUTDOWN" => {
                        let reason = data.get("reason").and_then(Value::as_str).map(str::to_owned);
                        report.send_modify(|ending| ending.reason = reason);
                    }
                    Some(_) => {}
                },
            }
        }
    }
    .await;
    if let Err(error) = result {
        tracing::debug!(%error, "the connection to QEMU broke");
    }
    report.send_modify(|ending| ending.closed = true);
}

async fn send(to: &mut OwnedWriteHalf, command: &str) -> io::Result<()> {
    to.write_all(format!("{}\n", json!({ "execute": command })).as_bytes()).await
}

async fn next(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> io::Result<Option<Message>> {
    let Some(line) = lines.next_line().await? else { return Ok(None) };
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_button_is_pressed_and_the_end_is_reported() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = tokio::spawn(async move {
            let (from, mut to) = theirs.into_split();
            let mut lines = BufReader::new(from).lines();
            to.write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n").await.unwrap();
            assert!(lines.next_line().await.unwrap().unwrap().contains("qmp_capabilities"));
            to.write_all(b"{\"return\": {}}\r\n{\"event\": \"RESUME\"}\r\n").await.unwrap();
            assert!(lines.next_line().await.unwrap().unwrap().contains("query-status"));
            to.write_all(b"{\"return\": {\"status\": \"running\", \"running\": true}}\r\n").await.unwrap();
            assert!(lines.next_line().await.unwrap().unwrap().contains("system_powerdown"));
            let event = b"{\"timestamp\": {}, \"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n";
            to.write_all(event).await.unwrap();
        });
        let qmp = Qmp::open(ours).await.unwrap();
        qmp.press_power_button().await;
        assert_eq!(qmp.ending().await, Ending { reason: Some("guest-reset".into()), closed: true });
        qemu.await.unwrap();
    }
}
