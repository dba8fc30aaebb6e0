//! `run` and `create`.

use crate::{
    arguments::{CreateOptions, Run},
    failure::{Failure, Outcome, say},
    render::progress::{Pull, To},
    signals,
};
use berth_api::{
    Client, Error, RunRequest,
    client::Output,
    container::{RemoveOptions, WaitFor},
};
use futures_util::StreamExt;
use std::{io::Write, pin::pin};
use tokio::sync::mpsc;

pub(super) async fn create(client: &Client, options: &CreateOptions) -> Outcome {
    println!("{}", prepare(client, options, &options.request()?).await?);
    Ok(0)
}

pub(super) async fn run(client: &Client, options: Run) -> Outcome {
    let request = options.create.request()?;
    let id = prepare(client, &options.create, &request).await?;
    if options.detach {
        start(client, &id, &request).await?;
        println!("{id}");
        return Ok(0);
    }
    // Until here a signal ends this command; from here on it is the container's.
    let mut signals = signals::arriving();
    // Output and end are waited for before the start: neither can be missed.
    let attached = client.attach(&id, false).await?;
    let until = if request.auto_remove { WaitFor::Removed } else { WaitFor::NextExit };
    let waiting = client.wait_container(&id, until).await?;
    start(client, &id, &request).await?;
    let code = tokio::select! {
        code = async {
            copy(attached.output).await?;
            waiting.exit_code().await
        } => code?,
        error = forward(client, &id, &mut signals) => return Err(error.into()),
    };
    // Docker's codes are a byte; the engine sends no others.
    Ok(u8::try_from(code & 0xff).unwrap_or(u8::MAX))
}

/// A container that is created; its image is pulled as asked.
async fn prepare(client: &Client, options: &CreateOptions, request: &RunRequest) -> Result<String, Failure> {
    let to = if options.quiet { To::Nowhere } else { To::Stderr };
    let mut shown = Pull::new(to);
    if options.pull == "always" {
        let mut pull = pin!(client.pull(&request.image)?);
        while let Some(progress) = pull.next().await {
            shown.show(&progress?);
        }
    }
    if options.pull != "missing" {
        return Ok(client.create(request).await?);
    }
    let mut announced = false;
    let created = client.create_pulling(request, |progress| {
        if !std::mem::replace(&mut announced, true) && to != To::Nowhere {
            eprintln!("Unable to find image '{}' locally", request.image);
        }
        shown.show(&progress);
    });
    Ok(created.await?)
}

/// Starts it. One that would remove itself at its end and never began is removed here.
async fn start(client: &Client, id: &str, request: &RunRequest) -> Result<(), Failure> {
    let Err(error) = client.start_container(id).await else { return Ok(()) };
    if request.auto_remove {
        match client.remove_container(id, RemoveOptions { force: true, volumes: true }).await {
            Err(error) if !error.is_not_found() => say(&error.problem()),
            _ => {}
        }
    }
    Err(Failure::Start(error.problem()))
}

/// Copies a container's output to this side's until it ends, byte for byte.
pub(super) async fn copy(mut output: Output) -> Result<(), Error> {
    while let Some(chunk) = output.next().await {
        let chunk = chunk?;
        let write = |mut to: Box<dyn Write>| to.write_all(&chunk.bytes).and_then(|()| to.flush());
        let written =
            if chunk.stderr { write(Box::new(std::io::stderr())) } else { write(Box::new(std::io::stdout())) };
        match written {
            Ok(()) => {}
            // The reader has gone, as `| head` does; the container goes on.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            Err(source) => return Err(Error::Io { what: "write the output".into(), source }),
        }
    }
    Ok(())
}

/// Passes signals on to the container, until that fails in a way that matters.
async fn forward(client: &Client, id: &str, signals: &mut mpsc::UnboundedReceiver<&'static str>) -> Error {
    while let Some(signal) = signals.recv().await {
        match client.kill_container(id, signal).await {
            // It has just ended; its exit code is on the way.
            Ok(()) | Err(Error::Engine { status: 404 | 409, .. }) => {}
            Err(error) => return error,
        }
    }
    std::future::pending().await
}
