//! `/containers/{name}/archive`: files out of and into a container; `/containers/{name}/export`: all of
//! them; `/containers/{name}/changes`: those that are not the image's.

use crate::{
    error::{ApiError, Reply},
    query::Query,
    wire::archive::body,
};
use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use berth_engine::{
    Engine,
    files::{PathStat, PutOptions},
};
use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderName, StatusCode, header};
use serde::Serialize;

/// Where docker tells what a path is, as JSON in base64.
const PATH_STAT: HeaderName = HeaderName::from_static("x-docker-container-path-stat");

pub(super) async fn head(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let stat = engine.container_path_stat(&name, path(&query)?).await?;
    Ok(([(PATH_STAT, encoded(&stat)?)], StatusCode::OK).into_response())
}

pub(super) async fn get(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let (stat, archive) = engine.container_archive(&name, path(&query)?).await?;
    let headers = [(PATH_STAT, encoded(&stat)?), (header::CONTENT_TYPE, "application/x-tar".to_owned())];
    Ok((headers, body(archive)).into_response())
}

pub(super) async fn put(State(engine): State<Engine>, Path(name): Path<String>, query: Query, sent: Body) -> Reply {
    let options = PutOptions { keep_kinds: query.on("noOverwriteDirNonDir"), own_by_user: query.on("copyUIDGID") };
    let archive = sent.into_data_stream().map_err(std::io::Error::other).boxed();
    engine.put_archive(&name, path(&query)?, options, archive).await?;
    Ok(StatusCode::OK.into_response())
}

pub(super) async fn export(State(engine): State<Engine>, Path(name): Path<String>) -> Reply {
    let archive = engine.export_container(&name).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body(archive)).into_response())
}

fn path(query: &Query) -> Reply<&str> {
    query.get("path").ok_or_else(|| ApiError::bad_request("bad parameter: path cannot be empty"))
}

/// Docker's `ContainerPathStat`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatOut<'a> {
    name: &'a str,
    size: u64,
    mode: u32,
    mtime: String,
    link_target: &'a str,
}

fn encoded(stat: &PathStat) -> Reply<String> {
    let out = StatOut {
        name: &stat.name,
        size: stat.size,
        mode: go_mode(stat.mode),
        mtime: stat.modified.rfc3339(),
        link_target: &stat.link_target,
    };
    let json = serde_json::to_vec(&out).map_err(|e| ApiError::bad_request(format!("the path cannot be told: {e}")))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(json))
}

/// `st_mode` in the bits of Go's `fs.FileMode`.
fn go_mode(mode: u32) -> u32 {
    let kind = match mode & 0o170_000 {
        0o040_000 => 1 << 31,
        0o120_000 => 1 << 27,
        0o060_000 => 1 << 26,
        0o010_000 => 1 << 25,
        0o140_000 => 1 << 24,
        0o020_000 => 1 << 26 | 1 << 21,
        _ => 0,
    };
    let bit = |bit: u32, go: u32| if mode & bit == 0 { 0 } else { 1 << go };
    kind | bit(0o4000, 23) | bit(0o2000, 22) | bit(0o1000, 20) | (mode & 0o777)
}

/// Docker's `FilesystemChange`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeOut {
    path: String,
    kind: u8,
}

impl From<berth_engine::files::PathChange> for ChangeOut {
    fn from(change: berth_engine::files::PathChange) -> Self {
        use berth_engine::files::ChangeKind;
        let kind = match change.kind {
            ChangeKind::Modified => 0,
            ChangeKind::Added => 1,
            ChangeKind::Deleted => 2,
        };
        Self { path: change.path, kind }
    }
}

pub(super) async fn changes(State(engine): State<Engine>, Path(name): Path<String>) -> Reply<Response> {
    let changes: Vec<ChangeOut> = engine.container_changes(&name).await?.into_iter().map(Into::into).collect();
    Ok(crate::wire::json::ok(&changes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::{Timestamp, files::ChangeKind};

    #[test]
    fn a_path_is_told_as_go_tells_it() {
        for (mode, go) in [
            (0o100_644, 0o644),
            (0o040_755, 2_147_484_141),
            (0o120_777, 134_218_239),
            (0o104_755, 8_389_101),
            (0o041_777, 2_148_532_735),
            (0o020_666, 69_206_454),
        ] {
            assert_eq!(go_mode(mode), go, "{mode:o}");
        }
        let stat = PathStat {
            name: "etc".into(),
            size: 7,
            mode: 0o040_755,
            modified: Timestamp(1_700_000_000_000_000_000),
            link_target: String::new(),
        };
        let json = base64::engine::general_purpose::STANDARD.decode(encoded(&stat).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"name":"etc","size":7,"mode":2147484141,"mtime":"2023-11-14T22:13:20Z","linkTarget":""}"#
        );
    }

    #[test]
    fn a_change_is_dockers_and_the_oracle_reads_it() {
        let change = berth_engine::files::PathChange { path: "/etc".into(), kind: ChangeKind::Deleted };
        let json = serde_json::to_string(&ChangeOut::from(change)).unwrap();
        assert_eq!(json, r#"{"Path":"/etc","Kind":2}"#);
        let read: bollard_stubs::models::FilesystemChange = serde_json::from_str(&json).unwrap();
        assert_eq!(read.path, "/etc");
    }
}
