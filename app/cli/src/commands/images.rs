//! What is done with images.

use super::{into_file, list_images};
use crate::{
    arguments::{ImageVerb, Import, Load, Save},
    failure::{Failure, Outcome, invalid, io, say},
    output::outln,
    render::{
        progress::{To, Transfer},
        text::inert,
    },
};
use berth_api::{
    Client, Error, PullProgress,
    client::{self, Removed},
};
use futures_util::{Stream, StreamExt};
use std::{io::IsTerminal, pin::pin};
use tokio::fs::File;

pub(super) async fn verb(client: &Client, verb: ImageVerb) -> Outcome {
    match verb {
        ImageVerb::Pull { quiet, platform, image } => pull(client, &image, platform.as_deref(), quiet).await,
        ImageVerb::Push { all_tags, quiet, platform, image, .. } => {
            push(client, &image, all_tags, platform.as_deref(), quiet).await
        }
        ImageVerb::Tag { source, target } => Ok(client.tag_image(&source, &target).await.map(|()| 0)?),
        ImageVerb::Save(options) => save(client, &options).await,
        ImageVerb::Load(options) => load(client, &options).await,
        ImageVerb::Import(options) => import(client, options).await,
        ImageVerb::History(options) => list_images::history(client, &options).await,
    }
}

async fn pull(client: &Client, image: &str, platform: Option<&str>, quiet: bool) -> Outcome {
    show(client.pull(image, platform).await?, if quiet { To::Nowhere } else { To::Stdout }).await?;
    outln!("{image}");
    Ok(0)
}

async fn push(client: &Client, image: &str, all_tags: bool, platform: Option<&str>, quiet: bool) -> Outcome {
    show(client.push(image, all_tags, platform).await?, if quiet { To::Nowhere } else { To::Stdout }).await?;
    if quiet {
        outln!("{image}");
    }
    Ok(0)
}

pub(super) async fn rmi(client: &Client, force: bool, names: &[String]) -> Outcome {
    let mut failed = false;
    for name in names {
        match client.remove_image(name, force).await {
            Ok(done) => done.iter().for_each(|removed| match removed {
                Removed::Untagged(name) => outln!("Untagged: {}", inert(name)),
                Removed::Deleted(id) => outln!("Deleted: {}", inert(id)),
            }),
            Err(error) => {
                failed = true;
                say(&error.problem());
            }
        }
    }
    if failed { Err(Failure::Said(1)) } else { Ok(0) }
}

async fn save(client: &Client, options: &Save) -> Outcome {
    let output = options.output.as_deref();
    into_file::check(output)?;
    into_file::write(client.save(&options.names, options.platform.as_deref()).await?, output).await
}

async fn load(client: &Client, options: &Load) -> Outcome {
    let quiet = options.quiet || !std::io::stdout().is_terminal();
    let platform = options.platform.as_deref();
    match &options.input {
        Some(input) => {
            let archive = File::open(input).await.map_err(io(format!("open {}", input.display())))?;
            show(client.load(archive, platform, quiet).await?, To::Stdout).await
        }
        None if std::io::stdin().is_terminal() => Err(invalid("requested load from stdin, but stdin is empty")),
        None => show(client.load(tokio::io::stdin(), platform, quiet).await?, To::Stdout).await,
    }
}

async fn import(client: &Client, options: Import) -> Outcome {
    let Import { change, message, platform, source, reference } = options;
    let import = client::Import { reference, message, changes: change, platform };
    match source.as_str() {
        "-" => show(client.import(tokio::io::stdin(), &import).await?, To::Stdout).await,
        url if url.starts_with("http://") || url.starts_with("https://") => {
            show(client.import_from(url, &import).await?, To::Stdout).await
        }
        path => {
            let archive = File::open(path).await.map_err(io(format!("open {path}")))?;
            show(client.import(archive, &import).await?, To::Stdout).await
        }
    }
}

async fn show(progress: impl Stream<Item = Result<PullProgress, Error>>, to: To) -> Outcome {
    let mut shown = Transfer::new(to);
    let mut progress = pin!(progress);
    while let Some(progress) = progress.next().await {
        shown.show(&progress?);
    }
    Ok(0)
}
