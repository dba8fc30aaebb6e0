//! `pull`, `push`, `rmi`, `load`.

use crate::{
    failure::{Failure, Outcome, say},
    output::outln,
    render::{
        progress::{To, Transfer},
        text::inert,
    },
};
use berth_api::{Client, client::Removed};
use futures_util::StreamExt;
use std::{path::Path, pin::pin};

pub(super) async fn pull(client: &Client, image: &str, platform: Option<&str>, quiet: bool) -> Outcome {
    let mut shown = Transfer::new(if quiet { To::Nowhere } else { To::Stdout });
    let mut pull = pin!(client.pull(image, platform).await?);
    while let Some(progress) = pull.next().await {
        shown.show(&progress?);
    }
    drop(shown);
    outln!("{image}");
    Ok(0)
}

pub(super) async fn push(client: &Client, image: &str, all_tags: bool, quiet: bool) -> Outcome {
    let mut shown = Transfer::new(if quiet { To::Nowhere } else { To::Stdout });
    let mut push = pin!(client.push(image, all_tags).await?);
    while let Some(progress) = push.next().await {
        shown.show(&progress?);
    }
    drop(shown);
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

pub(super) async fn load(client: &Client, input: Option<&Path>, quiet: bool) -> Outcome {
    let said = match input {
        Some(archive) => client.load(archive).await?,
        None => client.load_from(tokio::io::stdin()).await?,
    };
    if !quiet {
        said.iter().for_each(|line| outln!("{}", inert(line)));
    }
    Ok(0)
}
