//! `POST /images/prune`.

use super::remove::Removal;
use crate::{detached, error::Reply, filters::Filters, moment, query::Query, wire::json};
use berth_engine::{
    Engine, Timestamp,
    image::{PruneImages, PrunedImages},
};
use serde::Serialize;

pub(super) async fn post(engine: Engine, query: &Query) -> Reply {
    let which = read(&query.filters(&["dangling", "label", "label!", "until"])?, moment::now())?;
    let pruned = detached::run(async move { engine.prune_images(which).await }).await?;
    Ok(json::ok(&Answer::from(pruned)))
}

fn read(filters: &Filters, now: Timestamp) -> Reply<PruneImages> {
    Ok(PruneImages {
        all: filters.yes("dangling")? == Some(false),
        until: moment::until_filter(filters, now)?,
        label: filters.values("label"),
        label_not: filters.values("label!"),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    images_deleted: Option<Vec<Removal>>,
    space_reclaimed: u64,
}

impl From<PrunedImages> for Answer {
    fn from(pruned: PrunedImages) -> Self {
        let removed: Vec<Removal> = pruned.removed.into_iter().map(Removal::from).collect();
        Self { images_deleted: (!removed.is_empty()).then_some(removed), space_reclaimed: pruned.space_reclaimed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::image::ImageRemoval;

    #[test]
    fn filters_are_dockers() {
        let now = Timestamp(1_800_000_000_000_000_000);
        let read = |text: &str| read(&Filters::parse(text).unwrap(), now).map_err(|e| e.message().to_owned());
        assert!(!read("{}").unwrap().all && !read(r#"{"dangling":["true"]}"#).unwrap().all);
        let which = read(r#"{"dangling":{"false":true},"until":["1h"],"label!":["keep"]}"#).unwrap();
        assert!(which.all);
        assert_eq!(which.until, Some(Timestamp(now.0 - 3_600 * 1_000_000_000)));
        assert_eq!(which.label_not, ["keep"]);
        assert_eq!(read(r#"{"dangling":["maybe"]}"#).unwrap_err(), "invalid filter 'dangling=[maybe]'");
    }

    #[test]
    fn the_oracle_reads_the_answer() {
        let removed = vec![ImageRemoval::Untagged("a:1".into()), ImageRemoval::Deleted("sha256:ab".into())];
        let text = serde_json::to_string(&Answer::from(PrunedImages { removed, space_reclaimed: 5 })).unwrap();
        let read: bollard_stubs::models::ImagePruneResponse = serde_json::from_str(&text).unwrap();
        assert_eq!((read.images_deleted.unwrap().len(), read.space_reclaimed), (2, Some(5)));
        let nothing = serde_json::to_string(&Answer::from(PrunedImages::default())).unwrap();
        assert_eq!(nothing, r#"{"ImagesDeleted":null,"SpaceReclaimed":0}"#);
    }
}
