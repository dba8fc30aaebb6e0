//! `DELETE /images/{name}`.

use super::platform;
use crate::{detached, error::Reply, query::Query, wire::json};
use berth_engine::{Engine, image::ImageRemoval};
use serde::Serialize;

pub(super) async fn delete(engine: Engine, name: String, query: &Query) -> Reply {
    let (force, platform) = (query.on("force"), platform::among(query, "platforms")?);
    let removals = detached::run(async move { engine.remove_image(&name, platform.as_deref(), force).await }).await?;
    Ok(json::ok(&removals.into_iter().map(Removal::from).collect::<Vec<_>>()))
}

#[derive(Serialize)]
pub(super) enum Removal {
    Untagged(String),
    Deleted(String),
}

impl From<ImageRemoval> for Removal {
    fn from(removal: ImageRemoval) -> Self {
        match removal {
            ImageRemoval::Untagged(name) => Self::Untagged(name),
            ImageRemoval::Deleted(id) => Self::Deleted(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_an_object_with_one_field() {
        let steps = [ImageRemoval::Untagged("a:1".into()), ImageRemoval::Deleted("sha256:ab".into())];
        let text = serde_json::to_string(&steps.map(Removal::from)).unwrap();
        assert_eq!(text, r#"[{"Untagged":"a:1"},{"Deleted":"sha256:ab"}]"#);
    }
}
