//! An image, layer by layer.

use super::Engine;
use crate::{
    Result, Timestamp,
    image::{Exploration, ExploredLayer},
};

impl Engine {
    /// What each layer of an image does to the files of those below, and what is wasted. It takes a walk through all
    /// files.
    ///
    /// # Errors
    /// No such image.
    pub async fn explore_image(&self, name: &str) -> Result<Exploration> {
        let (image, explored) = self.inner.seams.images.explore(name).await?;
        let mut steps = image.config.history.iter().filter(|step| !step.empty_layer);
        let layers = image.layers.iter().zip(explored.layers).map(|(layer, files)| {
            let step = steps.next();
            ExploredLayer {
                diff_id: layer.diff_id.to_string(),
                created: step.and_then(|step| Timestamp::parse_rfc3339(step.created.as_deref()?)),
                created_by: step.and_then(|step| step.created_by.clone()).unwrap_or_default(),
                size: layer.size,
                files,
            }
        });
        Ok(Exploration { id: image.id.to_string(), layers: layers.collect(), largest: explored.largest })
    }
}
