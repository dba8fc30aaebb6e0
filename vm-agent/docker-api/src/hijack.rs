//! Connections that stop being HTTP: from then on both sides send when they like, and each may end its own side.

use crate::{
    containers::logs,
    wire::{RAW_STREAM, frame, lines},
};
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use berth_engine::{
    Timestamp,
    attach::{AfterInput, Attachment},
    log::{LogFrame, Stdio},
};
use futures_util::StreamExt;
use http::{StatusCode, header};
use hyper::{
    ext::ReasonPhrase,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use std::future::Future;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};

/// So much of what a client sends is read at once, bytes.
const CHUNK: usize = 32 << 10;

/// A request's connection, when its client asked to have it for itself.
pub(crate) struct Connection(OnUpgrade);

impl Connection {
    /// Takes it from a request; `None` from a client that reads the output as the answer's body.
    pub(crate) fn take(request: &mut Request) -> Option<Self> {
        let asked = request.headers().contains_key(header::UPGRADE);
        request.extensions_mut().remove::<OnUpgrade>().filter(|_| asked).map(Self)
    }

    /// The answer that hands the connection over. Behind it runs what `attachment` gives; a sentence in its place is
    /// written as output, since the head of the answer is gone by then.
    pub(crate) fn hand_over<F>(self, kind: &'static str, tty: bool, attachment: F) -> Response
    where
        F: Future<Output = Result<Attachment, String>> + Send + 'static,
    {
        tokio::spawn(async move {
            let connection = match self.0.await {
                Ok(connection) => connection,
                Err(error) => return tracing::debug!("a client left before its attachment began: {error}"),
            };
            let carried = match attachment.await {
                Ok(attachment) => carry(connection, attachment).await,
                Err(sentence) => say(connection, tty, &sentence).await,
            };
            if let Err(error) = carried {
                tracing::debug!("an attached client left: {error}");
            }
        });
        let headers = [(header::CONTENT_TYPE, kind), (header::CONNECTION, "Upgrade"), (header::UPGRADE, "tcp")];
        let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
        response.extensions_mut().insert(ReasonPhrase::from_static(b"UPGRADED"));
        response
    }
}

/// The answer to a client that keeps to HTTP: the output, without a way in.
pub(crate) fn body(attachment: Attachment) -> Response {
    lines::reply(RAW_STREAM, logs::encoded(attachment.output, attachment.tty))
}

/// Both ways until the output ends, the client cannot be written to, or it leaves on purpose.
async fn carry(connection: Upgraded, attachment: Attachment) -> io::Result<()> {
    let Attachment { tty, output, mut input } = attachment;
    let (mut from_client, mut to_client) = io::split(TokioIo::new(connection));
    let output = async move {
        let mut output = std::pin::pin!(logs::encoded(output, tty));
        while let Some(bytes) = output.next().await {
            to_client.write_all(&bytes).await?;
            to_client.flush().await?;
        }
        to_client.shutdown().await
    };
    let input = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            let after = match from_client.read(&mut buffer).await {
                Ok(length @ 1..) => input.write(&buffer[..length]).await,
                _ => input.end().await,
            };
            match after {
                AfterInput::More => {}
                AfterInput::Listen => std::future::pending::<()>().await,
                AfterInput::Leave => return,
            }
        }
    };
    tokio::select! {
        written = output => written,
        () = input => Ok(()),
    }
}

async fn say(connection: Upgraded, tty: bool, sentence: &str) -> io::Result<()> {
    let output = LogFrame { stdio: Stdio::Stdout, at: Timestamp(0), bytes: format!("{sentence}\r\n").into() };
    let mut connection = TokioIo::new(connection);
    connection.write_all(&frame::encode(output, tty)).await?;
    connection.shutdown().await
}
