//! `POST /images/load`: an archive of any size, read as it comes.

use crate::{error::Reply, wire::lines};
use axum::body::Body;
use berth_engine::{Engine, image::Loaded};
use futures_util::{TryStreamExt, stream};
use serde::Serialize;
use tokio_util::io::StreamReader;

pub(super) async fn post(engine: &Engine, body: Body) -> Reply {
    let archive = StreamReader::new(body.into_data_stream().map_err(std::io::Error::other));
    let loaded = engine.load_images(archive).await?;
    let said: Vec<_> = loaded.iter().map(|image| lines::line(&Said { stream: sentence(image) })).collect();
    Ok(lines::reply("application/json", stream::iter(said)))
}

fn sentence(loaded: &Loaded) -> String {
    match &loaded.reference {
        Some(reference) => format!("Loaded image: {reference}\n"),
        None => format!("Loaded image ID: {}\n", loaded.id),
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
    fn the_sentences_are_dockers() {
        let mut loaded = Loaded { id: "sha256:ab".into(), reference: Some("nginx:latest".into()) };
        assert_eq!(sentence(&loaded), "Loaded image: nginx:latest\n");
        loaded.reference = None;
        assert_eq!(sentence(&loaded), "Loaded image ID: sha256:ab\n");
    }
}
