//! `diff`, `export` and `commit`: what is in a container's root.

use super::into_file;
use crate::{
    arguments::{Commit, Export},
    failure::Outcome,
    output::outln,
    render::text::inert,
};
use berth_api::{Client, client};

pub(super) async fn diff(client: &Client, name: &str) -> Outcome {
    for change in client.changes(name).await? {
        let kind = match change.kind {
            0 => 'C',
            1 => 'A',
            _ => 'D',
        };
        outln!("{kind} {}", inert(&change.path));
    }
    Ok(0)
}

pub(super) async fn export(client: &Client, options: &Export) -> Outcome {
    let output = options.output.as_deref();
    into_file::check(output)?;
    into_file::write(client.export(&options.name).await?, output).await
}

pub(super) async fn commit(client: &Client, options: Commit) -> Outcome {
    let Commit { author, change, message, pause, name, reference } = options;
    let commit = client::Commit { reference, author, message, changes: change, pause };
    outln!("{}", inert(&client.commit(&name, &commit).await?));
    Ok(0)
}
