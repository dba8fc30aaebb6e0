//! Removing images that nobody needs.

use super::{Engine, images::created, list_images::room, to_the_end};
use crate::{
    Error, Result,
    event::EventKind,
    filter,
    image::{PruneImages, PrunedImages},
};
use berth_image::Image;
use std::collections::BTreeMap;

impl Engine {
    /// Removes the images without a tag, or all, that fit and that no container has.
    ///
    /// # Errors
    /// Conflict while another prune goes on.
    pub async fn prune_images(&self, which: PruneImages) -> Result<PrunedImages> {
        let engine = self.clone();
        to_the_end(async move { engine.prune_those(&which).await }).await
    }

    async fn prune_those(&self, which: &PruneImages) -> Result<PrunedImages> {
        let Ok(_one_at_a_time) = self.inner.pruning.try_lock() else {
            return Err(Error::Conflict("a prune operation is already running".to_owned()));
        };
        let before = self.inner.seams.images.list().await?;
        let mut pruned = PrunedImages::default();
        for image in before.iter().filter(|image| fits(image, which)) {
            // Force is for its names; a container that does not run keeps its image all the same.
            let mut users = self.image_users();
            users.values_mut().for_each(|user| user.running = true);
            match self.take_away(&image.id.to_string(), true, users).await {
                Ok(removed) => pruned.removed.extend(removed),
                // It is in use, or somebody was faster.
                Err(Error::NoSuchImage(_) | Error::ImageInUse(_)) => {}
                Err(e) => tracing::warn!("{} could not be pruned: {e}", image.id.short()),
            }
        }
        // Files that an image of now has too stay, one that came meanwhile included.
        let after = self.inner.seams.images.list().await?;
        pruned.space_reclaimed = room(before.iter().chain(&after)) - room(after.iter());
        let reclaimed = BTreeMap::from([("reclaimed".to_owned(), pruned.space_reclaimed.to_string())]);
        self.tell_of(EventKind::Image, "prune", "", reclaimed);
        Ok(pruned)
    }
}

fn fits(image: &Image, which: &PruneImages) -> bool {
    let labels = &image.config.config.labels;
    (which.all || image.tags.is_empty())
        && which.until.is_none_or(|until| created(image).is_some_and(|at| at <= until))
        && which.label.iter().all(|label| filter::label_fits(label, labels))
        && !which.label_not.iter().any(|label| filter::label_fits(label, labels))
}
