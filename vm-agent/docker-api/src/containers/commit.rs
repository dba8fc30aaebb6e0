//! `POST /commit`: an image from a container.

use super::create::{ConfigIn, read_config};
use crate::{
    detached,
    error::{ApiError, Reply},
    query::Query,
    wire::json::{self, Document},
};
use axum::extract::State;
use berth_engine::{CommitOptions, Engine};
use http::StatusCode;
use serde::Serialize;

pub(super) async fn post(State(engine): State<Engine>, query: Query, Document(config): Document<ConfigIn>) -> Reply {
    let (name, options) = read(&query, config)?;
    let id = detached::run(async move { engine.commit_container(&name, options).await }).await?;
    Ok(json::reply(StatusCode::CREATED, &Answer { id }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    id: String,
}

fn read(query: &Query, config: Option<ConfigIn>) -> Reply<(String, CommitOptions)> {
    let name =
        query.get("container").ok_or_else(|| ApiError::bad_request("bad parameter: container cannot be empty"))?;
    let text = |key: &str| query.get(key).map(str::to_owned);
    let options = CommitOptions {
        repository: text("repo"),
        tag: text("tag"),
        author: text("author").unwrap_or_default(),
        comment: text("comment").unwrap_or_default(),
        // Docker's default since API 1.13.
        pause: query.get("pause").is_none() || query.on("pause"),
        changes: query.all("changes").map(str::to_owned).collect(),
        config: config.map(read_config).transpose()?,
    };
    Ok((name.to_owned(), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_docker_reads_them() {
        let query = "container=web&repo=app&tag=1&author=me&changes=CMD%20x&changes=ENV%20A%3D1&pause=0";
        let (name, options) = read(&Query::parse(query), None).unwrap();
        assert_eq!((name.as_str(), options.tag.as_deref(), options.pause), ("web", Some("1"), false));
        assert_eq!(options.changes, ["CMD x", "ENV A=1"]);
        assert!(read(&Query::parse("container=web"), None).unwrap().1.pause);
        assert!(read(&Query::parse("repo=x"), None).is_err());
    }
}
