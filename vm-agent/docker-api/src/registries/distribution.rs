//! `GET /distribution/{name}/json`: what a registry has under a name.

use super::credentials;
use crate::{error::Reply, front, wire::json};
use axum::{
    extract::{Path, Request, State},
    response::IntoResponse,
};
use berth_engine::{
    Engine,
    image::{Described, DescribedPlatform},
};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    descriptor: Descriptor,
    platforms: Vec<DescribedPlatform>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

pub(super) async fn get(State(engine): State<Engine>, Path(rest): Path<String>, request: Request) -> Reply {
    let Some(name) = rest.strip_suffix("/json").filter(|name| !name.is_empty()) else {
        return Ok(front::not_found(request.method().clone(), request.uri().clone()).await.into_response());
    };
    let auth = credentials::from_headers(request.headers());
    Ok(json::ok(&Answer::from(engine.describe_image(name, auth).await?)))
}

impl From<Described> for Answer {
    fn from(described: Described) -> Self {
        let Described { media_type, digest, size, platforms } = described;
        Self { descriptor: Descriptor { media_type, digest: digest.to_string(), size }, platforms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_reads_it_and_the_shape_is_dockers() {
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
        let platform = DescribedPlatform {
            architecture: "arm".into(),
            os: "linux".into(),
            variant: "v7".into(),
            ..DescribedPlatform::default()
        };
        let media_type = "application/vnd.oci.image.index.v1+json".to_owned();
        let answer = Answer::from(Described { media_type, digest, size: 9, platforms: vec![platform] });
        let text = serde_json::to_string(&answer).unwrap();
        let read: bollard_stubs::models::DistributionInspect = serde_json::from_str(&text).unwrap();
        assert_eq!(read.descriptor.size, Some(9));
        assert_eq!(read.platforms[0].variant.as_deref(), Some("v7"));
        insta::assert_snapshot!(text, @r#"{"Descriptor":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":9},"Platforms":[{"architecture":"arm","os":"linux","variant":"v7"}]}"#);
    }
}
