//! What takes room on the data disk.

use super::{
    Engine,
    list_images::{room, shared_sizes},
};
use crate::{
    Result,
    container::ListOptions,
    image::ImageSummary,
    system::{DiskObject, DiskUsage, ImageUsage, ImagesUsage, VolumeUsage},
    tree_size::tree_size,
    volume::VolumeFilters,
};
use std::collections::HashMap;

impl Engine {
    /// How much each object of these kinds takes. It takes a walk through files that containers and volumes have.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn disk_usage(&self, of: &[DiskObject]) -> Result<DiskUsage> {
        let asked = |kind| of.contains(&kind);
        let all = ListOptions { all: true, size: true, ..ListOptions::default() };
        Ok(DiskUsage {
            containers: if asked(DiskObject::Container) { Some(self.list_containers(all).await?) } else { None },
            images: if asked(DiskObject::Image) { Some(self.images_usage().await?) } else { None },
            volumes: if asked(DiskObject::Volume) { Some(self.volumes_usage().await?) } else { None },
        })
    }

    /// A layer that several images have takes its room once.
    async fn images_usage(&self) -> Result<ImagesUsage> {
        let images = self.inner.seams.images.list().await?;
        let mut shared = shared_sizes(&images);
        let layers = room(images.iter());
        let usage = |summary: ImageSummary| ImageUsage { shared: shared.remove(&summary.id).unwrap_or(0), summary };
        let images: Vec<_> = self.summaries(images.into_iter()).map(usage).collect();
        // Docker's sum: a layer that two images in use share counts as if it could go.
        let in_use = images.iter().filter(|image| image.summary.containers > 0);
        let kept: u64 = in_use.map(|image| image.summary.size.saturating_sub(image.shared)).sum();
        Ok(ImagesUsage { images, layers, reclaimable: layers.saturating_sub(kept) })
    }

    async fn volumes_usage(&self) -> Result<Vec<VolumeUsage>> {
        let mut users: HashMap<String, usize> = HashMap::new();
        for container in self.inner.roster.all() {
            let mut names: Vec<_> = container.definition.volumes().map(|mount| mount.point.name.clone()).collect();
            names.sort();
            names.dedup();
            names.into_iter().for_each(|name| *users.entry(name).or_default() += 1);
        }
        let mut all = Vec::new();
        for volume in self.list_volumes(VolumeFilters::default()).await? {
            let data = volume.mountpoint.clone();
            // It may be removed meanwhile.
            let size = tokio::task::spawn_blocking(move || tree_size(&data)).await;
            let size = size.ok().and_then(std::result::Result::ok).unwrap_or(0);
            all.push(VolumeUsage { users: users.get(&volume.name).copied().unwrap_or(0), volume, size });
        }
        Ok(all)
    }
}
