//! `POST /images/{name}/push`: a push, told line by line.

use super::{
    message::{Detail, Message},
    registry_auth,
};
use crate::{
    error::{ApiError, Reply},
    query::Query,
    wire::lines,
};
use berth_engine::{
    Engine,
    image::{PushProgress, PushStep},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use serde::Serialize;

pub(super) async fn post(engine: &Engine, name: &str, query: &Query, headers: &HeaderMap) -> Reply {
    let reference = match query.get("tag") {
        Some(tag) => format!("{name}:{tag}"),
        None => name.to_owned(),
    };
    let mut progress = engine.push_image(&reference, registry_auth::from_headers(headers)).await?;
    // Until the first line is out an error can still be the answer's status.
    let first = progress.next().await.transpose()?;
    let lines = stream::iter(first.map(Ok)).chain(progress).map(|item: berth_engine::Result<_>| match item {
        Ok(progress) => said(&progress),
        Err(error) => lines::error_line(&ApiError::from(error)),
    });
    Ok(lines::reply("application/json", lines))
}

fn said(progress: &PushProgress) -> Bytes {
    match progress {
        PushProgress::Started { repository } => {
            lines::line(&Message::status(format!("The push refers to repository [{repository}]")))
        }
        PushProgress::Layer { id, step } => {
            let (status, detail) = layer(step);
            lines::line(&Message { id: Some(id), progress_detail: Some(detail), ..Message::status(status) })
        }
        PushProgress::Done { tag, digest, size } => {
            let line = Message::status(format!("{tag}: digest: {digest} size: {size}"));
            let aux = Pushed { progress_detail: Detail::default(), aux: Aux { tag, digest, size: *size } };
            [lines::line(&line), lines::line(&aux)].concat().into()
        }
    }
}

fn layer(step: &PushStep) -> (String, Detail) {
    let (status, detail) = match step {
        PushStep::Preparing => ("Preparing", Detail::default()),
        PushStep::Waiting => ("Waiting", Detail::default()),
        PushStep::Pushing { current, total } => ("Pushing", Detail { current: Some(*current), total: Some(*total) }),
        PushStep::Pushed => ("Pushed", Detail::default()),
        PushStep::AlreadyExists => ("Layer already exists", Detail::default()),
        PushStep::Mounted { source } => return (format!("Mounted from {source}"), Detail::default()),
    };
    (status.to_owned(), detail)
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
    digest: &'a str,
    size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_reads_as_dockers_does() {
        let layer = |step| PushProgress::Layer { id: "0123456789ab".into(), step };
        let text: Vec<u8> = [
            PushProgress::Started { repository: "docker.io/library/nginx".into() },
            layer(PushStep::Preparing),
            layer(PushStep::Pushing { current: 5, total: 10 }),
            layer(PushStep::Pushed),
            layer(PushStep::AlreadyExists),
            layer(PushStep::Mounted { source: "library/busybox".into() }),
            PushProgress::Done { tag: "latest".into(), digest: "sha256:ab".into(), size: 528 },
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
        {"status":"latest: digest: sha256:ab size: 528"}
        {"progressDetail":{},"aux":{"Tag":"latest","Digest":"sha256:ab","Size":528}}
        "#);
    }
}
