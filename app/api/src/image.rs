//! Images as a list shows them, and what is told while they come and go.

use crate::container::ContainerRow;
pub use bollard::models::ImageSummary;
use bollard::models::{ContainerSummary, CreateImageInfo, ProgressDetail};
use serde::{Deserialize, Serialize};

/// What docker shows for an image without a name.
pub const NONE: &str = "<none>";

/// One name of one image; an image with two tags is two rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ImageRow {
    /// `sha256:` and 64 hex digits.
    pub id: String,
    /// The name before the tag; `<none>` without one.
    pub repository: String,
    /// The tag; `<none>` without one.
    pub tag: String,
    /// When it was built, seconds since the Unix epoch.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub created: u64,
    /// Bytes of its layers, unpacked.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub size: u64,
}

/// An image, layer by layer. Sizes are bytes, unpacked; a file with several names counts once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "PascalCase")]
pub struct Exploration {
    /// `sha256:` and 64 hex digits.
    pub id: String,
    /// Of all layers.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub size: u64,
    /// Of files that later layers overwrite or delete.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub wasted: u64,
    /// Lowest first.
    pub layers: Vec<ExploredLayer>,
    /// The files that waste most, the largest first.
    pub largest: Vec<WastedFile>,
}

/// A layer, and what it does to the files of those below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "PascalCase")]
pub struct ExploredLayer {
    /// Digest of the uncompressed archive.
    pub diff_id: String,
    /// When it was made, seconds since the Unix epoch.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub created: u64,
    /// The command that made it.
    pub created_by: String,
    /// Of its files.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub size: u64,
    /// Files that were not there.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub added: u64,
    /// Files in the place of others.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub changed: u64,
    /// Files of the layers below that are gone.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub removed: u64,
    /// Of its files that later layers overwrite or delete.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub wasted: u64,
}

/// A file that is in the image and cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "PascalCase")]
pub struct WastedFile {
    /// Absolute in the container.
    pub path: String,
    /// Of the file.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub size: u64,
    /// The layer that has it, counted from 0.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub layer: usize,
    /// The layer that overwrites or deletes it.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub hidden_by: usize,
}

/// A step by which an image came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "PascalCase")]
pub struct HistoryStep {
    /// When, seconds since the Unix epoch.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub created: u64,
    /// The command.
    pub created_by: String,
    /// Bytes of the layer that it made; 0 when it made none.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub size: u64,
    /// A person's words.
    pub comment: String,
}

/// A container that stands on an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ImageUser {
    /// `sha256:` and 64 hex digits.
    pub image: String,
    /// Full id of the container.
    pub container: String,
    /// Its name.
    pub name: String,
    /// Whether it has processes.
    pub live: bool,
}

/// What a prune of images freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct FreedImages {
    /// How many images are gone.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub images: usize,
    /// Bytes.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub bytes: u64,
}

/// An image that a tag means, or meant before. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct TagMeaning {
    /// `sha256:` and 64 hex digits.
    pub id: String,
    /// When it was built.
    pub created: u64,
    /// Bytes of its layers, unpacked.
    pub size: u64,
    /// When the tag was put on it.
    pub tagged_at: u64,
    /// When another image took its place; `None` for the one of now.
    pub replaced_at: Option<u64>,
}

/// One message of a pull, a push or a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PullProgress {
    /// Short id of the layer, or the tag; `None` for a message about the whole.
    pub id: Option<String>,
    /// Docker's words: `Pulling fs layer`, `Downloading`, `Pull complete`.
    pub status: String,
    /// Bytes so far.
    #[cfg_attr(feature = "specta", specta(type = Option<u32>))]
    pub current: Option<u64>,
    /// Bytes in all.
    #[cfg_attr(feature = "specta", specta(type = Option<u32>))]
    pub total: Option<u64>,
}

/// What a check of all images says while it goes on; it ends with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckStep {
    /// Bytes so far, and in all.
    Read(u64, u64),
    /// It is done.
    Done(ImageCheck),
}

/// What a check of all images found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageCheck {
    /// Documents and layers as they came.
    pub blobs: u64,
    /// Unpacked layers.
    pub layers: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What was damaged; the engine has set it aside.
    pub damaged: Vec<ImageDamage>,
}

/// One damaged object of the image store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageDamage {
    /// `blob` or `layer`.
    pub kind: String,
    /// Digest of the blob, or diff id of the layer.
    pub digest: String,
    /// Images that need it, by names under which they can be pulled again.
    pub images: Vec<String>,
    /// Names of the containers that stand on it.
    pub containers: Vec<String>,
}

impl ImageRow {
    /// The rows of one image, one per tag.
    pub(crate) fn of(summary: &ImageSummary) -> Vec<Self> {
        let row = |repository: &str, tag: &str| Self {
            id: summary.id.clone(),
            repository: repository.into(),
            tag: tag.into(),
            created: u64::try_from(summary.created).unwrap_or_default(),
            size: u64::try_from(summary.size).unwrap_or_default(),
        };
        let tags: Vec<_> = summary.repo_tags.iter().filter(|tag| *tag != "<none>:<none>").collect();
        if tags.is_empty() {
            let repository = summary.repo_digests.first().and_then(|name| name.split_once('@')).map(|(name, _)| name);
            return vec![row(repository.unwrap_or(NONE), NONE)];
        }
        tags.into_iter()
            .map(|name| match name.rsplit_once(':') {
                // A colon before a slash is a registry's port, not a tag.
                Some((repository, tag)) if !tag.contains('/') => row(repository, tag),
                _ => row(name, NONE),
            })
            .collect()
    }
}

impl ImageUser {
    pub(crate) fn of(summary: ContainerSummary) -> Option<Self> {
        let image = summary.image_id.clone()?;
        let row = ContainerRow::from(summary);
        let live = row.state.is_live();
        Some(Self { image, live, container: row.id, name: row.name })
    }
}

impl PullProgress {
    pub(crate) fn new(id: Option<String>, status: String, detail: ProgressDetail) -> Self {
        let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
        Self {
            id: id.filter(|id| !id.is_empty()),
            status,
            current: bytes(detail.current),
            total: bytes(detail.total).filter(|total| *total > 0),
        }
    }
}

impl From<CreateImageInfo> for PullProgress {
    fn from(info: CreateImageInfo) -> Self {
        Self::new(info.id, info.status.unwrap_or_default(), info.progress_detail.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_port_is_not_taken_for_a_tag() {
        let summary = ImageSummary {
            id: "sha256:1".into(),
            repo_tags: vec!["localhost:5000/a:1".into(), "b:latest".into()],
            size: 7,
            ..Default::default()
        };
        let rows = ImageRow::of(&summary);
        assert_eq!((rows[0].repository.as_str(), rows[0].tag.as_str()), ("localhost:5000/a", "1"));
        assert_eq!((rows[1].repository.as_str(), rows[1].tag.as_str()), ("b", "latest"));
    }

    #[test]
    fn an_untagged_image_is_one_row() {
        let rows = ImageRow::of(&ImageSummary { id: "sha256:1".into(), ..Default::default() });
        assert_eq!((rows[0].repository.as_str(), rows[0].tag.as_str()), (NONE, NONE));
    }
}
