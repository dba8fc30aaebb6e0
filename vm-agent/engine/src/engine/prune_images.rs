//! Removing images that nobody needs.

use super::{Engine, images::created, list_images::room, to_the_end};
use crate::{
    Error, Result,
    event::EventKind,
    filter,
    image::{PruneImages, PrunedImages},
};
use berth_image::Image;

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
        let _one_at_a_time = self.prune_alone()?;
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
        self.tell_prune(EventKind::Image, pruned.space_reclaimed);
        Ok(pruned)
    }
}

fn fits(image: &Image, which: &PruneImages) -> bool {
    (which.all || image.tags.is_empty())
        && which.until.is_none_or(|until| created(image).is_some_and(|at| at <= until))
        && filter::labels_fit(&which.label, &which.label_not, &image.config.config.labels)
}
