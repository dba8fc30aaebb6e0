//! `POST /images/load`: an archive of any size, read as it comes.

use super::{
    message::{self, Detail, Message},
    platform,
};
use crate::{error::Reply, query::Query, wire::lines};
use axum::body::Body;
use berth_engine::{Engine, image::LoadEvent};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future};
use serde::Serialize;
use tokio_util::io::StreamReader;

pub(super) async fn post(engine: &Engine, query: &Query, body: Body) -> Reply {
    let archive = StreamReader::new(body.into_data_stream().map_err(std::io::Error::other));
    let progress = engine.load_images(archive, platform::of(query)?.as_deref()).await?;
    let quiet = query.on("quiet");
    let told = progress.filter(move |event| future::ready(!quiet || !matches!(event, Ok(LoadEvent::Layer { .. }))));
    message::reply(told.boxed(), said).await
}

fn said(event: &LoadEvent) -> Bytes {
    match event {
        LoadEvent::Layer { id, current, total } => lines::line(&Message {
            id: Some(id),
            progress_detail: Some(Detail { current: Some(*current), total: Some(*total) }),
            ..Message::status(event.to_string())
        }),
        event => lines::line(&Said { stream: format!("{event}\n") }),
    }
}

#[derive(Serialize)]
struct Said {
    stream: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_reads_as_dockers_does() {
        let id = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let name = || "nginx:latest".parse().unwrap();
        let text: Vec<u8> = [
            LoadEvent::Layer { id: "0123456789ab".into(), current: 5, total: 10 },
            LoadEvent::Renamed { name: name(), old: id.parse().unwrap() },
            LoadEvent::Loaded { id: id.parse().unwrap(), name: Some(name()) },
            LoadEvent::Loaded { id: id.parse().unwrap(), name: None },
        ]
        .iter()
        .flat_map(|event| said(event).to_vec())
        .collect();
        let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
        insta::assert_snapshot!(text, @r#"
        {"status":"Loading layer","progressDetail":{"current":5,"total":10},"id":"0123456789ab"}
        {"stream":"The image nginx:latest already exists, renaming the old one with ID sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 to empty string\n"}
        {"stream":"Loaded image: nginx:latest\n"}
        {"stream":"Loaded image ID: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"}
        "#);
    }
}
