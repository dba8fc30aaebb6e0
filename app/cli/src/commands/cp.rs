//! `cp`: files out of a container, and into one.

use crate::{
    arguments::Cp,
    copy::{Ending, Incoming, Landing, Local, Outgoing, Side, Source, extract, in_container, landing, pack},
    failure::{Failure, Outcome, invalid},
    output::put,
    render::{copied::Copied, text::inert},
};
use berth_api::{
    Client,
    client::{PathKind, PutArchive},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::{
    ffi::{OsStr, OsString},
    io::IsTerminal,
    path::PathBuf,
    pin::pin,
};
use tokio_util::io::ReaderStream;

/// Of a command that SIGINT ended, as a shell tells it.
const INTERRUPTED: u8 = 130;

pub(super) async fn cp(client: &Client, options: &Cp) -> Outcome {
    for (path, what) in [(&options.source, "source"), (&options.destination, "destination")] {
        if path.is_empty() {
            return Err(invalid(format!("{what} can not be empty")));
        }
    }
    let quiet = options.quiet.unwrap_or_else(|| !std::io::stdout().is_terminal());
    match (Side::parse(&options.source), Side::parse(&options.destination)) {
        (Side::Container { .. }, Side::Container { .. }) => Err(invalid("copying between containers is not supported")),
        (Side::Container { name, path }, Side::Stream) => {
            let path = if options.follow_link { followed(client, &name, &path).await? } else { path };
            to_stdout(client, &name, &path).await
        }
        (Side::Container { name, path }, Side::Local(destination)) => {
            let shown = Copied::new("Copying from container", quiet);
            out(client, &name, &path, options.follow_link, &Local::of(&destination)?, shown).await
        }
        (source, Side::Container { name, path }) => {
            let shown = Copied::new("Copying to container", quiet);
            let options = (PutArchive { own_by_user: options.archive }, options.follow_link);
            into(client, source, &name, &path, options, shown).await
        }
        _ => Err(invalid("must specify at least one container source")),
    }
}

/// The path of a container that `path` means, its last link followed.
async fn followed(client: &Client, name: &str, path: &str) -> Result<String, Failure> {
    let target = match client.path_stat(name, path).await? {
        Some(stat) if stat.kind == PathKind::Link => stat.link_target,
        _ => return Ok(path.to_owned()),
    };
    Ok(match Ending::of(path, |c| c == '/') {
        Ending::Name => target,
        Ending::Directory => target + "/",
        Ending::Contents => target + "/.",
    })
}

async fn to_stdout(client: &Client, name: &str, path: &str) -> Outcome {
    let (_, archive) = client.archive(name, path).await?;
    let mut archive = pin!(archive);
    while let Some(bytes) = archive.next().await {
        put(&bytes?);
    }
    Ok(0)
}

async fn out(client: &Client, name: &str, path: &str, follow: bool, to: &Local, shown: Copied) -> Outcome {
    to.check_output()?;
    let real = if follow { followed(client, name, path).await? } else { path.to_owned() };
    let (stat, archive) = client.archive(name, &real).await?;
    let (destination, there) = to.destination()?;
    let own_name = match in_container(path).1 {
        own if matches!(own.as_str(), "." | "/") => None,
        own => Some(OsString::from(own)),
    };
    let (folder, new_name) = match landing(stat.kind == PathKind::Directory, there, to.ending)? {
        Landing::Inside => (destination, own_name),
        Landing::InPlace => in_place(destination)?,
    };
    let (pieces, reader) = Incoming::new();
    let top = stat.name;
    let extracted = tokio::task::spawn_blocking(move || extract(reader, &top, &folder, new_name.as_deref()));
    let received = async {
        let mut archive = pin!(archive);
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        loop {
            let piece = tokio::select! {
                piece = archive.next() => piece,
                _ = &mut interrupted => return Err(Failure::Said(INTERRUPTED)),
            };
            let Some(piece) = piece.transpose()? else { return Ok(()) };
            shown.add(piece.len());
            if pieces.send(Ok(piece)).await.is_err() {
                // It ended early, and says why.
                return Ok(());
            }
        }
    }
    .await;
    if received.is_err() {
        pieces.send(Err(std::io::Error::other("the archive breaks off"))).await.ok();
    }
    drop(pieces);
    let extracted = extracted.await.unwrap_or_else(|error| Err(invalid(format!("the copy failed: {error}"))));
    received?;
    let left_out = extracted?;
    shown.done(&to.shown());
    tell(&left_out);
    if left_out.is_empty() { Ok(0) } else { Err(Failure::Said(1)) }
}

/// The folder and the name of a destination that is to be replaced or made.
fn in_place(destination: PathBuf) -> Result<(PathBuf, Option<OsString>), Failure> {
    match (destination.parent(), destination.file_name()) {
        (Some(folder), Some(name)) => Ok((folder.to_path_buf(), Some(name.to_owned()))),
        _ => Err(invalid(format!("nothing can be copied to {}", destination.display()))),
    }
}

async fn into(
    client: &Client,
    source: Side,
    name: &str,
    path: &str,
    (options, follow): (PutArchive, bool),
    shown: Copied,
) -> Outcome {
    let source = match source {
        Side::Local(path) => Some(Source::look_up(&Local::of(&path)?, follow)?),
        _ => None,
    };
    let mut target = path.to_owned();
    let mut stat = client.path_stat(name, path).await?;
    if let Some(link) = stat.as_ref().filter(|stat| stat.kind == PathKind::Link) {
        target.clone_from(&link.link_target);
        stat = client.path_stat(name, &target).await?;
    }
    let kind = stat.map(|stat| stat.kind);
    if kind == Some(PathKind::Device) {
        let why = "must be a directory or a regular file: got a device";
        return Err(invalid(format!("destination \"{name}:{path}\" {why}")));
    }
    let is_dir = kind.map(|kind| kind == PathKind::Directory);
    let to = format!("{name}:{target}");
    let Some(source) = source else {
        if is_dir != Some(true) {
            return Err(invalid(format!("destination \"{name}:{path}\" must be a directory")));
        }
        let archive = ReaderStream::new(tokio::io::stdin());
        client.put_archive(name, &target, options, counted(archive, &shown)).await?;
        shown.done(&to);
        return Ok(0);
    };
    let (folder, new_name) = match landing(source.is_dir, is_dir, Ending::of(&target, |c| c == '/'))? {
        Landing::Inside => (target, source.name.clone()),
        Landing::InPlace => {
            let (folder, name) = in_container(&target);
            (folder, (name != ".").then(|| name.into()))
        }
    };
    let left_out = send(client, source, new_name, (name, &folder), options, &shown).await?;
    shown.done(&to);
    tell(&left_out);
    Ok(0)
}

/// Sends `source` under its new name into a directory of a container; gives what was left out.
async fn send(
    client: &Client,
    source: Source,
    new_name: Option<OsString>,
    (name, folder): (&str, &str),
    options: PutArchive,
    shown: &Copied,
) -> Result<Vec<String>, Failure> {
    let (mut writer, archive) = Outgoing::new();
    let packed = tokio::task::spawn_blocking(move || {
        let packed = pack(&source, new_name.as_deref().map(OsStr::new), &mut writer);
        if packed.is_err() {
            writer.break_off();
        }
        packed
    });
    let put = client.put_archive(name, folder, options, counted(archive, shown)).await;
    let packed = packed.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    match packed {
        // Whoever took the archive stopped reading it, and says why.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe && put.is_err() => {}
        Err(error) => return Err(invalid(error.to_string())),
        Ok(left_out) if put.is_ok() => return Ok(left_out),
        Ok(_) => {}
    }
    put?;
    Ok(Vec::new())
}

fn counted(
    archive: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    shown: &Copied,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let shown = shown.clone();
    archive.inspect(move |piece| shown.add(piece.as_ref().map_or(0, Bytes::len)))
}

/// Says what was left out of a copy that went well otherwise.
fn tell(left_out: &[String]) {
    left_out.iter().for_each(|line| eprintln!("berth: {}", inert(line)));
}
