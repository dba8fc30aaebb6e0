//! Verbs that change containers as they are.

use super::each;
use crate::{
    arguments::{Update, filters},
    failure::{Outcome, io},
    output::{out, outln},
    render::size,
};
use berth_api::Client;
use std::io::Write;

pub(super) async fn pause(client: &Client, names: &[String]) -> Outcome {
    each(names, |name| async move { client.pause_container(&name).await }).await
}

pub(super) async fn unpause(client: &Client, names: &[String]) -> Outcome {
    each(names, |name| async move { client.unpause_container(&name).await }).await
}

pub(super) async fn update(client: &Client, options: &Update) -> Outcome {
    let changes = &options.changes()?;
    each(&options.names.names, |name| async move { client.update_container(&name, changes).await }).await
}

/// Docker asks first, and so does this.
pub(super) async fn prune(client: &Client, force: bool, filter: &[String]) -> Outcome {
    let filters = filters(filter)?;
    if !force && !agreed()? {
        return Ok(0);
    }
    let pruned = client.prune_containers(filters).await?;
    let deleted = pruned.containers_deleted.unwrap_or_default();
    if !deleted.is_empty() {
        outln!("Deleted Containers:\n{}\n", deleted.join("\n"));
    }
    let bytes = pruned.space_reclaimed.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
    outln!("Total reclaimed space: {}", size::words(bytes));
    Ok(0)
}

fn agreed() -> Result<bool, crate::failure::Failure> {
    out!("WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ");
    std::io::stdout().flush().map_err(io("write the question"))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(io("read the answer"))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
