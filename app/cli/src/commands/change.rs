//! Verbs that change containers as they are.

use super::each;
use crate::{arguments::Update, failure::Outcome};
use berth_api::Client;

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
