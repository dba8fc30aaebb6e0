//! Lists of images.

use super::{
    Engine,
    images::{created, parse_reference},
};
use crate::{
    Result, filter,
    image::{HistoryEntry, ImageFilters, ImageSummary, TagMeaning},
    timestamp::Timestamp,
};
use berth_image::{Digest, History, Image, Reference};
use std::collections::{HashMap, HashSet};

impl Engine {
    /// The images that fit, newest first; what each shares with others when `shared` asks for it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_images(&self, filters: ImageFilters, shared: bool) -> Result<Vec<ImageSummary>> {
        let images = self.inner.seams.images.list().await?;
        let bound = async |names: &[String]| -> Result<Option<i64>> {
            let Some(name) = names.first() else { return Ok(None) };
            Ok(Some(created(&self.inner.seams.images.resolve(name).await?).map_or(0, |at| at.0)))
        };
        let (before, since) = (bound(&filters.before).await?, bound(&filters.since).await?);
        let shared = shared.then(|| shared_sizes(&images));
        let fitting = images.into_iter().filter_map(|image| {
            let at = created(&image).map_or(0, |at| at.0);
            let in_time = before.is_none_or(|before| at < before)
                && since.is_none_or(|since| at > since)
                && filters.until.is_none_or(|until| at < until.0);
            if in_time { fitted(image, &filters) } else { None }
        });
        let with_shared = |summary: ImageSummary| match &shared {
            Some(shared) => ImageSummary { shared: shared.get(&summary.id).copied(), ..summary },
            None => summary,
        };
        Ok(self.summaries(fitting).map(with_shared).collect())
    }

    /// What a list shows of images.
    pub(super) fn summaries(&self, images: impl Iterator<Item = Image>) -> impl Iterator<Item = ImageSummary> {
        let mut containers: HashMap<String, usize> = HashMap::new();
        for container in self.inner.roster.all() {
            *containers.entry(container.definition.image_id.clone()).or_default() += 1;
        }
        images.map(move |image| {
            let id = image.id.to_string();
            ImageSummary {
                repo_tags: image.tags.iter().map(Reference::familiar).collect(),
                repo_digests: image.digests.iter().map(Reference::familiar).collect(),
                created: created(&image),
                size: image.size,
                labels: image.config.config.labels.clone(),
                containers: containers.get(&id).copied().unwrap_or(0),
                shared: None,
                id,
            }
        })
    }

    /// The images that a tag means and meant before, the last first.
    ///
    /// # Errors
    /// A name that is none; one that never meant an image that is still here.
    pub async fn tag_meanings(&self, name: &str) -> Result<Vec<TagMeaning>> {
        let name = parse_reference(name)?;
        let at = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000_000));
        let meanings = self.inner.seams.images.meanings(&name).await?.into_iter();
        let told = meanings.map(|meaning| TagMeaning {
            id: meaning.image.id.to_string(),
            created: created(&meaning.image),
            size: meaning.image.size,
            tagged: at(meaning.tagged_at),
            replaced: meaning.replaced_at.map(at),
        });
        Ok(told.collect())
    }

    /// How an image came about, the last step first.
    ///
    /// # Errors
    /// No such image; one that does not run on the platform that is given.
    pub async fn image_history(&self, name: &str, platform: Option<&str>) -> Result<Vec<HistoryEntry>> {
        let image = self.image_suiting(name, platform).await?;
        let mut entries = steps(&image.config.history, image.layers.iter().map(|layer| layer.size));
        if let Some(last) = entries.first_mut() {
            last.id = Some(image.id.to_string());
            last.tags = image.tags.iter().map(Reference::familiar).collect();
        }
        Ok(entries)
    }
}

/// What a history says, the last step first; layers are those of its steps that made one, in order.
fn steps(history: &[History], mut layers: impl Iterator<Item = u64>) -> Vec<HistoryEntry> {
    let mut entries = Vec::new();
    for step in history {
        let layer = if step.empty_layer { None } else { layers.next() };
        entries.push(HistoryEntry {
            id: None,
            created: step.created.as_deref().and_then(Timestamp::parse_rfc3339),
            created_by: step.created_by.clone().unwrap_or_default(),
            tags: Vec::new(),
            size: layer.unwrap_or(0),
            comment: step.comment.clone().unwrap_or_default(),
        });
    }
    entries.reverse();
    entries
}

/// By image id, the bytes of its layers that other images have too.
pub(super) fn shared_sizes(images: &[Image]) -> HashMap<String, u64> {
    let mut users: HashMap<Digest, usize> = HashMap::new();
    for image in images {
        let layers: HashSet<Digest> = image.layers.iter().map(|layer| layer.chain_id).collect();
        layers.into_iter().for_each(|layer| *users.entry(layer).or_default() += 1);
    }
    let shared = |image: &Image| {
        let with_others =
            image.layers.iter().filter(|layer| users.get(&layer.chain_id).is_some_and(|users| *users > 1));
        (image.id.to_string(), with_others.map(|layer| layer.size).sum())
    };
    images.iter().map(shared).collect()
}

/// What the files of these images take: layers of equal content that share a directory count once.
pub(super) fn room<'a>(images: impl Iterator<Item = &'a Image>) -> u64 {
    let trees: HashMap<Digest, u64> =
        images.flat_map(|image| &image.layers).map(|layer| (layer.tree, layer.size)).collect();
    trees.values().sum()
}

/// The image, if it fits; of its names those that a filter of references asks for.
fn fitted(mut image: Image, filters: &ImageFilters) -> Option<Image> {
    let labels = &image.config.config.labels;
    if !filters.label.iter().all(|label| filter::label_fits(label, labels))
        || filters.dangling.is_some_and(|dangling| dangling != image.tags.is_empty())
    {
        return None;
    }
    if !filters.reference.is_empty() {
        let named = |name: &Reference| {
            let (repository, full) = (name.familiar_repository(), name.familiar());
            filters.reference.iter().any(|wanted| matches(wanted, &repository) || matches(wanted, &full))
        };
        image.tags.retain(named);
        image.digests.retain(named);
        if image.tags.is_empty() && image.digests.is_empty() {
            return None;
        }
    }
    Some(image)
}

/// Shell patterns with `*` and `?`, neither of which stands for a slash.
fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.as_bytes().first(), text.as_bytes().first()) {
        (None, None) => true,
        (Some(b'*'), _) => {
            matches(&pattern[1..], text)
                || text.chars().next().is_some_and(|c| c != '/' && matches(pattern, &text[c.len_utf8()..]))
        }
        (Some(b'?'), Some(c)) if *c != b'/' && c.is_ascii() => matches(&pattern[1..], &text[1..]),
        (Some(p), Some(c)) if p == c && p.is_ascii() => matches(&pattern[1..], &text[1..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_the_size_of_its_own_layer() {
        let step = |command: &str, empty_layer| History {
            created_by: Some(command.into()),
            empty_layer,
            ..History::default()
        };
        let history = [step("COPY", false), step("ENV", true), step("RUN", false), step("CMD", true)];
        let told = steps(&history, [100, 5].into_iter());
        let told: Vec<_> = told.iter().map(|entry| (entry.created_by.as_str(), entry.size)).collect();
        assert_eq!(told, [("CMD", 0), ("RUN", 5), ("ENV", 0), ("COPY", 100)]);
    }

    #[test]
    fn reference_patterns() {
        for (pattern, text, fits) in [
            ("nginx", "nginx", true),
            ("ngin*", "nginx", true),
            ("*", "a/b", false),
            ("*/*:l*", "a/b:latest", true),
            ("b?x:*", "box:1", true),
            ("nginx", "nginx2", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
