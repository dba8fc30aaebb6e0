//! `POST /containers/{name}/attach`: the connection stops being HTTP and carries the container's output.

use super::logs;
use crate::{
    error::{ApiError, Reply},
    query::Query,
    version::ApiVersion,
    wire::{RAW_STREAM, lines, output_type},
};
use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use berth_engine::{
    Engine,
    log::{AttachOptions, Attachment},
};
use futures_util::StreamExt;
use http::{StatusCode, header};
use hyper::{
    ext::ReasonPhrase,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::io::{self, AsyncWriteExt};

pub(super) async fn post(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    query: Query,
    mut request: Request,
) -> Reply {
    let options = AttachOptions {
        stdout: query.on("stdout"),
        stderr: query.on("stderr"),
        logs: query.on("logs"),
        stream: query.on("stream"),
    };
    let upgrade = request.headers().contains_key(header::UPGRADE);
    // The attachment is in place before the answer's head: what the container writes from here on is not missed.
    let attachment = engine.attach_container(&name, options).await?;
    if !upgrade {
        // A client that does not ask for an upgrade reads the output as the answer's body.
        return Ok(lines::reply(RAW_STREAM, logs::encoded(attachment.output, attachment.tty)));
    }
    let Some(connection) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Err(ApiError::bad_request(format!("error attaching to container {name}, hijack connection missing")));
    };
    let kind = output_type(version, attachment.tty);
    tokio::spawn(async move {
        match connection.await {
            Ok(connection) => carry(connection, attachment).await,
            Err(error) => tracing::debug!("a client left before its attachment began: {error}"),
        }
    });
    Ok(upgraded(kind))
}

fn upgraded(kind: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CONNECTION, "Upgrade"), (header::UPGRADE, "tcp")];
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    response.extensions_mut().insert(ReasonPhrase::from_static(b"UPGRADED"));
    response
}

/// Output until the container ends or the client cannot be written to. What the client sends is read and dropped:
/// containers have no standard input yet, and a client that is not read from would block.
async fn carry(connection: Upgraded, attachment: Attachment) {
    let (mut from_client, mut to_client) = io::split(TokioIo::new(connection));
    let output = async move {
        let mut output = std::pin::pin!(logs::encoded(attachment.output, attachment.tty));
        while let Some(bytes) = output.next().await {
            to_client.write_all(&bytes).await?;
            to_client.flush().await?;
        }
        to_client.shutdown().await
    };
    let input = async move {
        let ended = io::copy(&mut from_client, &mut io::sink()).await;
        tracing::trace!(?ended, "an attached client sends no more");
        // A client that sends no more may still read.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = output => {
            if let Err(error) = ended {
                tracing::debug!("an attached client left: {error}");
            }
        }
        () = input => {}
    }
}
