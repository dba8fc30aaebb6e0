//! A conversation with what runs in a container: this side's standard streams, and the terminal in raw mode when the
//! other side has one too.

use crate::{
    failure::{Failure, invalid, io},
    signals,
    terminal::{self, Raw},
};
use berth_api::{
    Client, Error,
    client::{Attached, Output},
    detach_keys::{DetachKeys, Watched},
};
use futures_util::StreamExt;
use std::{cell::Cell, convert::Infallible, future::Future, io::Write, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Read from standard input at once, bytes.
const CHUNK: usize = 16 << 10;
/// Docker's tries to tell the first size: what is to get it may not have begun.
const FIRST_SIZES: u32 = 5;

/// Whose terminal is resized.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    /// A container's.
    Container(String),
    /// An exec's.
    Exec(String),
}

impl Peer {
    async fn resize(&self, client: &Client, (rows, columns): (u16, u16)) -> Result<(), Error> {
        match self {
            Self::Container(id) => client.resize(id, columns, rows).await,
            Self::Exec(id) => client.resize_exec(id, columns, rows).await,
        }
    }
}

/// How a conversation came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The other side's output ended: its process ended, or this side was too far behind to be sent more, which it was
    /// told.
    Output,
    /// The keys were typed that leave its terminal, or what is typed ended; what ran goes on.
    Left,
    /// Nobody reads this side's output any more, as behind `| head`; what ran goes on.
    Unread,
}

/// Refuses a terminal in the container that no terminal here could serve.
///
/// # Errors
/// In docker's words.
pub(super) fn check(tty: bool, stdin: bool) -> Result<(), Failure> {
    if tty && stdin && !terminal::is_input() {
        return Err(invalid("the input device is not a TTY"));
    }
    Ok(())
}

/// Copies both ways until the output ends. The terminal here is raw meanwhile, and its size the other one's.
///
/// # Errors
/// When a stream of this side fails, or the connection breaks.
pub(super) async fn converse(
    client: &Client,
    peer: Peer,
    attached: Attached,
    stdin: bool,
    tty: bool,
    keys: Option<&str>,
) -> Result<End, Failure> {
    let _raw = if tty && stdin { Some(Raw::begin().map_err(io("prepare the terminal"))?) } else { None };
    let Attached { output, mut input } = attached;
    let left = Cell::new(false);
    let typing = async {
        if stdin {
            // The engine looks for the same keys in the same bytes.
            let keys = keys.and_then(|keys| DetachKeys::parse(keys).ok()).unwrap_or_default();
            type_in(&mut input, tty.then(|| (Watched::new(keys), &left))).await;
        }
        // Dropping it would end the connection.
        std::future::pending::<Infallible>().await
    };
    let sizes = async {
        if tty {
            follow_size(client, &peer).await;
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        end = copy(output) => Ok(match end? {
            End::Output if left.get() => End::Left,
            end => end,
        }),
        never = typing => match never {},
        never = sizes => match never {},
    }
}

/// Sends standard input to its end, to one whose output nobody wants.
pub(super) async fn send(attached: Attached) {
    let mut input = attached.input;
    type_in(&mut input, None).await;
}

/// Who reads no more is about to end, and its output tells how. A terminal is left by its keys, or when nothing more
/// can be typed.
async fn type_in(input: &mut (impl AsyncWrite + Unpin), mut terminal: Option<(Watched, &Cell<bool>)>) {
    let mut typed = tokio::io::stdin();
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = typed.read(&mut buffer).await.unwrap_or(0);
        // Noted before the engine can hear of it.
        if let Some((keys, left)) = &mut terminal
            && (length == 0 || keys.take(&buffer[..length]).1)
        {
            left.set(true);
        }
        if length == 0 || input.write_all(&buffer[..length]).await.is_err() || input.flush().await.is_err() {
            break;
        }
    }
    input.shutdown().await.ok();
}

async fn follow_size(client: &Client, peer: &Peer) {
    let mut resized = signals::resized();
    for attempt in 1..=FIRST_SIZES {
        let Some(size) = terminal::size() else { return };
        if peer.resize(client, size).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10) * attempt).await;
    }
    while resized.recv().await.is_some() {
        if let Some(size) = terminal::size() {
            // It may just have ended.
            peer.resize(client, size).await.ok();
        }
    }
}

/// Copies output to this side's until it ends, byte for byte.
///
/// # Errors
/// When it cannot be written, or the connection breaks.
pub(super) async fn copy(mut output: Output) -> Result<End, Error> {
    while let Some(chunk) = output.next().await {
        let chunk = chunk?;
        let write = |mut to: Box<dyn Write>| to.write_all(&chunk.bytes).and_then(|()| to.flush());
        let written =
            if chunk.stderr { write(Box::new(std::io::stderr())) } else { write(Box::new(std::io::stdout())) };
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(End::Unread),
            Err(source) => return Err(Error::Io { what: "write the output".into(), source }),
        }
    }
    Ok(End::Output)
}

/// Passes signals on to a container while `work` is done, unless its terminal gets them as keys.
///
/// # Errors
/// Those of `work`, and of a signal that could not be passed on.
pub(super) async fn passing_signals<T>(
    client: &Client,
    id: &str,
    signals: &mut tokio::sync::mpsc::UnboundedReceiver<&'static str>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let forward = async {
        while let Some(signal) = signals.recv().await {
            match client.kill_container(id, signal).await {
                // It has just ended; its exit code is on the way.
                Ok(()) | Err(Error::Engine { status: 404 | 409, .. }) => {}
                Err(error) => return error,
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        done = work => done,
        error = forward => Err(error.into()),
    }
}
