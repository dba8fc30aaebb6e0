//! What the engine tells of its work with images, a line of JSON at a time.

use crate::{
    error::{Error, chain},
    image::PullProgress,
};
use ::http::Response;
use bollard::models::{ErrorDetail, ProgressDetail};
use futures_util::{Stream, TryStreamExt};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio_util::{
    codec::{FramedRead, LinesCodec},
    io::StreamReader,
};

/// The longest line, bytes.
const LONGEST_LINE: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: Option<String>,
    status: Option<String>,
    /// Said of the whole.
    stream: Option<String>,
    progress_detail: Option<ProgressDetail>,
    error_detail: Option<ErrorDetail>,
}

/// What an answer tells, line by line.
pub(super) fn lines(answer: Response<Incoming>) -> impl Stream<Item = Result<PullProgress, Error>> + Send + use<> {
    texts(answer).try_filter_map(async |line| said(&line))
}

/// The lines of an answer.
pub(super) fn texts(answer: Response<Incoming>) -> impl Stream<Item = Result<String, Error>> + Send + use<> {
    let bytes = StreamReader::new(answer.into_data_stream().map_err(std::io::Error::other));
    let lines = FramedRead::new(bytes, LinesCodec::new_with_max_length(LONGEST_LINE));
    lines.map_err(|error| Error::Broken(chain(&error)))
}

/// One line; those for programs say nothing to people.
pub(super) fn said(line: &str) -> Result<Option<PullProgress>, Error> {
    let line: Line =
        serde_json::from_str(line).map_err(|error| Error::Broken(format!("a line of the answer: {error}")))?;
    if let Some(error) = line.error_detail.and_then(|detail| detail.message) {
        return Err(bollard::errors::Error::DockerStreamError { error }.into());
    }
    let Some(status) = line.status.or(line.stream) else { return Ok(None) };
    Ok(Some(PullProgress::new(line.id, status.trim_end().to_owned(), line.progress_detail.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_progress_an_error_or_nothing() {
        let line = r#"{"status":"Pushing","progressDetail":{"current":5,"total":10},"id":"aaa"}"#;
        let progress = said(line).unwrap().unwrap();
        assert_eq!((progress.id.as_deref(), progress.current, progress.total), (Some("aaa"), Some(5), Some(10)));
        assert_eq!(said(r#"{"progressDetail":{},"aux":{"Tag":"latest"}}"#).unwrap(), None);
        let progress = said(r#"{"stream":"Loaded image: app:1\n"}"#).unwrap().unwrap();
        assert_eq!((progress.id, progress.status.as_str()), (None, "Loaded image: app:1"));
        let error = said(r#"{"errorDetail":{"message":"denied: no"},"error":"denied: no"}"#).unwrap_err();
        assert!(error.to_string().contains("denied: no"), "{error}");
        assert!(said("{").is_err());
    }
}
