//! `run` and `create`.

use super::{
    exec,
    session::{self, Peer},
};
use crate::{
    arguments::{CreateOptions, Run},
    failure::{Failure, Outcome, invalid, io, say},
    output::outln,
    render::{
        progress::{To, Transfer},
        text::inert,
    },
    signals,
};
use berth_api::{
    Client, RunRequest,
    client::{AttachOptions, Created},
    container::{RemoveOptions, WaitFor},
    run::Attach,
};
use futures_util::StreamExt;
use std::{
    fs::File,
    future::Future,
    io::{ErrorKind, Write},
    path::Path,
    pin::pin,
};

pub(super) async fn create(client: &Client, options: &CreateOptions) -> Outcome {
    outln!("{}", prepare(client, options, &options.request()?).await?);
    Ok(0)
}

pub(super) async fn run(client: &Client, options: Run) -> Outcome {
    let mut request = options.create.request()?;
    if options.detach {
        if options.create.chooses_streams() {
            return Err(invalid("conflicting options: cannot specify both --attach and --detach"));
        }
        request.attach = Attach::default();
    }
    let (tty, Attach { stdin, stdout, stderr }) = (request.tty, request.attach);
    session::check(tty, stdin)?;
    let id = prepare(client, &options.create, &request).await?;
    if !stdin && !stdout && !stderr {
        start(client, &id, &request).await?;
        outln!("{id}");
        return Ok(0);
    }
    let how = AttachOptions { stdin, stdout, stderr, tty, detach_keys: options.detach_keys.clone() };
    let until = if request.auto_remove { WaitFor::Removed } else { WaitFor::NextExit };
    attended(client, &id, &how, until, options.sig_proxy, start(client, &id, &request)).await
}

/// Starts a container with this side's streams on it; gives its exit code.
pub(super) async fn attended(
    client: &Client,
    id: &str,
    how: &AttachOptions,
    until: WaitFor,
    sig_proxy: bool,
    start: impl Future<Output = Result<(), Failure>>,
) -> Outcome {
    // Until here a signal ends this command; from here on it is the container's.
    let mut signals = signals::arriving();
    // Output and end are waited for before the start: neither can be missed.
    let attached = client.attach(id, how).await?;
    let waiting = client.wait_container(id, until).await?;
    start.await?;
    if !how.stdout && !how.stderr {
        // Docker's way: what is typed goes in, and whoever typed it gets the container's id for later.
        outln!("{id}");
        session::send(attached).await;
        return Ok(0);
    }
    let work = async {
        let end = session::converse(
            client,
            Peer::Container(id.to_owned()),
            attached,
            how.stdin,
            how.tty,
            how.detach_keys.as_deref(),
        )
        .await?;
        exec::ended(client, id, waiting, end).await
    };
    if sig_proxy && !how.tty { session::passing_signals(client, id, &mut signals, work).await } else { work.await }
}

/// A container that is created; its image is pulled as asked, and its id is in the file that was asked for.
async fn prepare(client: &Client, options: &CreateOptions, request: &RunRequest) -> Result<String, Failure> {
    let file = options.cidfile.as_deref().map(IdFile::reserve).transpose()?;
    let Created { id, warnings } = make(client, options, request).await?;
    warnings.iter().for_each(|warning| eprintln!("WARNING: {}", inert(warning)));
    if let Some(file) = file {
        file.fill(&id)?;
    }
    Ok(id)
}

async fn make(client: &Client, options: &CreateOptions, request: &RunRequest) -> Result<Created, Failure> {
    let to = if options.quiet { To::Nowhere } else { To::Stderr };
    let mut shown = Transfer::new(to);
    if options.pull == "always" {
        let mut pull = pin!(client.pull(&request.image, request.platform.as_deref()).await?);
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

/// The file of `--cidfile`. It is there before the container, and goes again when there is none.
struct IdFile<'a> {
    path: &'a Path,
    file: File,
    filled: bool,
}

impl<'a> IdFile<'a> {
    fn reserve(path: &'a Path) -> Result<Self, Failure> {
        let name = path.display();
        let file = File::create_new(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => invalid(format!(
                "container ID file found, make sure the other container isn't running or delete {name}"
            )),
            _ => io(format!("create the container ID file {name}"))(error),
        })?;
        Ok(Self { path, file, filled: false })
    }

    fn fill(mut self, id: &str) -> Result<(), Failure> {
        let written = self.file.write_all(id.as_bytes());
        written.map_err(io(format!("write the container ID file {}", self.path.display())))?;
        self.filled = true;
        Ok(())
    }
}

impl Drop for IdFile<'_> {
    fn drop(&mut self) {
        if !self.filled {
            // Nothing depends on an empty file that stays.
            std::fs::remove_file(self.path).ok();
        }
    }
}
