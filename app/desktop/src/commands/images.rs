//! Images: what there is besides their list, and what is done to one of them.
#![expect(clippy::let_underscore_must_use, reason = "tauri's command macro expands to it")]

use super::{Channel, Client};
use crate::streams::{self, Streams};
use berth_api::{
    Problem, PullProgress,
    client::{Filters, Removed},
    image::{Exploration, FreedImages, HistoryStep, ImageUser},
};
use tauri::State;

/// The containers that stand on images, newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_users(client: Client<'_>) -> Result<Vec<ImageUser>, Problem> {
    Ok(client.image_users().await?)
}

/// Pulls an image; it ends when it is there.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pull_image(
    client: Client<'_>,
    streams: State<'_, Streams>,
    stream: u32,
    reference: String,
    on_progress: Channel<PullProgress>,
) -> Result<(), Problem> {
    streams.run(stream, async { streams::pass_on(client.pull(&reference, None).await?, &on_progress).await }).await
}

/// Gives an image another name.
#[tauri::command]
#[specta::specta]
pub(crate) async fn tag_image(client: Client<'_>, image: String, name: String) -> Result<(), Problem> {
    Ok(client.tag_image(&image, &name).await?)
}

/// Removes a name of an image, and the image with its last name; `force` also where stopped containers stand on it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_image(client: Client<'_>, name: String, force: bool) -> Result<(), Problem> {
    client.remove_image(&name, force).await?;
    Ok(())
}

/// Removes the images that no container has: those without a name, or all of them.
#[tauri::command]
#[specta::specta]
pub(crate) async fn prune_images(client: Client<'_>, all: bool) -> Result<FreedImages, Problem> {
    let dangling = Filters::from([("dangling".to_owned(), vec![(!all).to_string()])]);
    let pruned = client.prune_images(dangling).await?;
    let images = pruned.removed.iter().filter(|one| matches!(one, Removed::Deleted(_))).count();
    Ok(FreedImages { images, bytes: pruned.space_reclaimed })
}

/// What each layer of an image does, and what is wasted.
#[tauri::command]
#[specta::specta]
pub(crate) async fn explore_image(client: Client<'_>, name: String) -> Result<Exploration, Problem> {
    Ok(client.explore_image(&name).await?)
}

/// How an image came about, the last step first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_history(client: Client<'_>, name: String) -> Result<Vec<HistoryStep>, Problem> {
    Ok(client.image_steps(&name).await?)
}
