//! `POST /images/create?fromSrc=`: an image of one layer from an archive of files.

use super::message::{self, Message};
use crate::{error::Reply, query::Query, wire::lines};
use axum::body::Body;
use berth_engine::{Engine, ImportEvent, ImportOptions, ImportSource};
use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio_util::io::StreamReader;

pub(super) async fn post(engine: &Engine, source: &str, query: &Query, body: Body) -> Reply {
    let archive = match source {
        "-" => ImportSource::Sent(Box::new(StreamReader::new(body.into_data_stream().map_err(std::io::Error::other)))),
        url => ImportSource::Url(url.to_owned()),
    };
    message::reply(engine.import_image(archive, read(source, query)).await?, said).await
}

fn said(event: &ImportEvent) -> Bytes {
    lines::line(&Message::status(match event {
        ImportEvent::Found(url) => format!("Downloading from {url}"),
        ImportEvent::Made(id) => id.clone(),
    }))
}

fn read(source: &str, query: &Query) -> ImportOptions {
    let text = |key: &str| query.get(key).map(str::to_owned);
    ImportOptions {
        repository: text("repo"),
        tag: text("tag"),
        message: text("message").unwrap_or_else(|| format!("Imported from {source}")),
        changes: query.all("changes").map(str::to_owned).collect(),
        platform: text("platform"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_docker_reads_them() {
        let read = |query: &str| read("-", &Query::parse(query));
        let options =
            read("fromSrc=-&repo=app&tag=1&message=mine&changes=CMD%20x&changes=USER%20me&platform=linux/arm64");
        assert_eq!((options.repository.as_deref(), options.tag.as_deref()), (Some("app"), Some("1")));
        assert_eq!((options.message.as_str(), options.platform.as_deref()), ("mine", Some("linux/arm64")));
        assert_eq!(options.changes, ["CMD x", "USER me"]);
        assert_eq!(read("fromSrc=-").message, "Imported from -");
    }
}
