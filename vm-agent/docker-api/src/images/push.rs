//! `POST /images/{name}/push`: a push, told line by line.

use super::{
    message::{self, Detail, Message},
    platform,
};
use crate::{error::Reply, query::Query, registries::credentials, wire::lines};
use berth_engine::{
    Engine,
    image::{PushEvent, UploadProgress},
};
use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;

pub(super) async fn post(engine: &Engine, name: &str, query: &Query, headers: &HeaderMap) -> Reply {
    let reference = match query.get("tag") {
        Some(tag) => format!("{name}:{tag}"),
        None => name.to_owned(),
    };
    let platform = platform::of(query)?;
    let progress = engine.push_image(&reference, platform.as_deref(), credentials::from_headers(headers)).await?;
    message::reply(progress, said).await
}

fn said(event: &PushEvent) -> Bytes {
    let line = Message::status(event.to_string());
    match event {
        PushEvent::Refers { .. } => lines::line(&line),
        PushEvent::Layer { id, progress } => {
            let detail = match progress {
                UploadProgress::Pushing { current, total } => Detail { current: Some(*current), total: Some(*total) },
                _ => Detail::default(),
            };
            lines::line(&Message { id: Some(id), progress_detail: Some(detail), ..line })
        }
        PushEvent::Done { tag, digest, size } => {
            let aux = Aux { tag, digest: digest.to_string(), size: *size };
            let pushed = Pushed { progress_detail: Detail::default(), aux };
            [lines::line(&line), lines::line(&pushed)].concat().into()
        }
    }
}

/// What programs read instead of the line before it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pushed<'a> {
    progress_detail: Detail,
    aux: Aux<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aux<'a> {
    tag: &'a str,
    digest: String,
    size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_push_reads_as_dockers_does() {
        let layer = |progress| PushEvent::Layer { id: "0123456789ab".into(), progress };
        let text: Vec<u8> = [
            PushEvent::Refers { repository: "docker.io/library/nginx".into() },
            layer(UploadProgress::Preparing),
            layer(UploadProgress::Pushing { current: 5, total: 10 }),
            layer(UploadProgress::Pushed),
            layer(UploadProgress::AlreadyExists),
            layer(UploadProgress::Mounted { source: "library/busybox".into() }),
            PushEvent::Done { tag: "latest".into(), digest: DIGEST.parse().unwrap(), size: 528 },
        ]
        .iter()
        .flat_map(|progress| said(progress).to_vec())
        .collect();
        let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
        insta::assert_snapshot!(text, @r#"
        {"status":"The push refers to repository [docker.io/library/nginx]"}
        {"status":"Preparing","progressDetail":{},"id":"0123456789ab"}
        {"status":"Pushing","progressDetail":{"current":5,"total":10},"id":"0123456789ab"}
        {"status":"Pushed","progressDetail":{},"id":"0123456789ab"}
        {"status":"Layer already exists","progressDetail":{},"id":"0123456789ab"}
        {"status":"Mounted from library/busybox","progressDetail":{},"id":"0123456789ab"}
        {"status":"latest: digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 size: 528"}
        {"progressDetail":{},"aux":{"Tag":"latest","Digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","Size":528}}
        "#);
    }
}
