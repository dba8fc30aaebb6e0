//! `POST /images/create?fromImage=`: a pull, told line by line.

use super::message::{self, Detail, Message};
use crate::{
    error::{ApiError, Reply},
    query::Query,
    registries::credentials,
    wire::lines,
};
use berth_engine::{
    Engine,
    image::{LayerStep, PullProgress},
};
use bytes::Bytes;
use http::HeaderMap;

pub(super) async fn post(engine: &Engine, query: &Query, headers: &HeaderMap) -> Reply {
    let Some(image) = query.get("fromImage") else {
        return Err(ApiError::bad_request(
            "neither an image to pull nor an archive to import: give fromImage or fromSrc",
        ));
    };
    let reference = reference(image, query.get("tag"));
    let auth = credentials::from_headers(headers);
    let progress = engine.pull_image(&reference, query.get("platform"), auth).await?;
    message::reply(progress, said).await
}

/// `fromImage` and `tag` as one reference; the tag may be a digest and takes the place of one in the name.
fn reference(image: &str, tag: Option<&str>) -> String {
    // `docker pull -a` may leave a colon behind.
    let image = image.strip_suffix(':').unwrap_or(image);
    let Some(tag) = tag else { return image.to_owned() };
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let joint = if tag.contains(':') { '@' } else { ':' };
    format!("{name}{joint}{tag}")
}

/// The reference as people write it: docker's own registry and library are left out.
fn familiar(reference: &str) -> &str {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    short.strip_prefix("library/").filter(|_| short.len() < reference.len()).unwrap_or(short)
}

fn said(progress: &PullProgress) -> Bytes {
    match progress {
        PullProgress::Started { repository, tag } => {
            lines::line(&Message { id: Some(tag), ..Message::status(format!("Pulling from {repository}")) })
        }
        PullProgress::Layer { id, step } => lines::line(&Message { id: Some(id), ..layer(*step) }),
        PullProgress::Done { digest, reference, up_to_date } => {
            let name = familiar(reference);
            let news = if *up_to_date { "Image is up to date for" } else { "Downloaded newer image for" };
            let mut said = lines::line(&Message::status(format!("Digest: {digest}"))).to_vec();
            said.extend_from_slice(&lines::line(&Message::status(format!("Status: {news} {name}"))));
            said.into()
        }
    }
}

fn layer(step: LayerStep) -> Message<'static> {
    let (status, progress_detail) = match step {
        LayerStep::Needed => ("Pulling fs layer", Detail::default()),
        LayerStep::Waiting => ("Waiting", Detail::default()),
        LayerStep::AlreadyExists => ("Already exists", Detail::default()),
        LayerStep::Downloading { current, total } => {
            ("Downloading", Detail { current: Some(current), total: Some(total) })
        }
        LayerStep::Verifying => ("Verifying Checksum", Detail::default()),
        LayerStep::Downloaded => ("Download complete", Detail::default()),
        LayerStep::Extracting { current, total } => {
            ("Extracting", Detail { current: Some(current), total: Some(total) })
        }
        LayerStep::Complete => ("Pull complete", Detail::default()),
    };
    Message { progress_detail: Some(progress_detail), ..Message::status(status.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_tag_become_one_reference() {
        for (image, tag, expected) in [
            ("nginx", None, "nginx"),
            ("nginx:", None, "nginx"),
            ("nginx", Some("1.27"), "nginx:1.27"),
            ("localhost:5000/a/b", Some("1"), "localhost:5000/a/b:1"),
            ("localhost:5000/a:2", Some("1"), "localhost:5000/a:1"),
            ("nginx", Some("sha256:ab"), "nginx@sha256:ab"),
            ("nginx@sha256:cd", Some("sha256:ab"), "nginx@sha256:ab"),
            ("nginx:1.27", None, "nginx:1.27"),
        ] {
            assert_eq!(reference(image, tag), expected, "{image} {tag:?}");
        }
    }

    #[test]
    fn names_are_told_as_people_write_them() {
        for (full, short) in [
            ("docker.io/library/nginx:latest", "nginx:latest"),
            ("docker.io/bitnami/redis:7", "bitnami/redis:7"),
            ("localhost:5000/library/a:1", "localhost:5000/library/a:1"),
            ("library/x", "library/x"),
        ] {
            assert_eq!(familiar(full), short);
        }
    }

    #[test]
    fn a_pull_reads_as_dockers_does() {
        let layer = |step| PullProgress::Layer { id: "0123456789ab".into(), step };
        let text: Vec<u8> = [
            PullProgress::Started { repository: "library/nginx".into(), tag: "latest".into() },
            layer(LayerStep::Needed),
            layer(LayerStep::Downloading { current: 5, total: 10 }),
            layer(LayerStep::Downloaded),
            layer(LayerStep::Extracting { current: 10, total: 10 }),
            layer(LayerStep::Complete),
            PullProgress::Done {
                digest: "sha256:ab".into(),
                reference: "docker.io/library/nginx:latest".into(),
                up_to_date: false,
            },
        ]
        .iter()
        .flat_map(|progress| said(progress).to_vec())
        .collect();
        let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
        insta::assert_snapshot!(text, @r#"
        {"status":"Pulling from library/nginx","id":"latest"}
        {"status":"Pulling fs layer","progressDetail":{},"id":"0123456789ab"}
        {"status":"Downloading","progressDetail":{"current":5,"total":10},"id":"0123456789ab"}
        {"status":"Download complete","progressDetail":{},"id":"0123456789ab"}
        {"status":"Extracting","progressDetail":{"current":10,"total":10},"id":"0123456789ab"}
        {"status":"Pull complete","progressDetail":{},"id":"0123456789ab"}
        {"status":"Digest: sha256:ab"}
        {"status":"Status: Downloaded newer image for nginx:latest"}
        "#);
        for line in text.lines() {
            let _: bollard_stubs::models::CreateImageInfo = serde_json::from_str(line).unwrap();
        }
    }
}
