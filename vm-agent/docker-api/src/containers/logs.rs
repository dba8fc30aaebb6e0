//! `GET /containers/{name}/logs`.

use crate::{
    error::{ApiError, Reply},
    moment,
    query::Query,
    version::ApiVersion,
    wire::{frame, lines, output_type},
};
use axum::extract::{Path, State};
use berth_engine::{
    Engine,
    log::{LogOptions, LogStream},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future};

pub(super) async fn get(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    query: Query,
) -> Reply {
    let options = options(&query)?;
    let tty = engine.inspect_container(&name).await?.config.tty;
    let output = engine.container_logs(&name, options).await?;
    Ok(lines::reply(output_type(version, tty), encoded(output, tty)))
}

/// Output as bytes on the wire. The stream ends where reading the output fails: its headers are gone, and words of
/// ours among the container's would be taken for its own.
pub(crate) fn encoded(output: LogStream, tty: bool) -> impl Stream<Item = Bytes> + Send + 'static {
    output
        .take_while(|piece| {
            if let Err(error) = piece {
                tracing::warn!("a container's output could not be read on: {error}");
            }
            future::ready(piece.is_ok())
        })
        .filter_map(move |piece| future::ready(piece.ok().map(|piece| frame::encode(piece, tty))))
        .filter(|bytes| future::ready(!bytes.is_empty()))
}

fn options(query: &Query) -> Reply<LogOptions> {
    let (stdout, stderr) = (query.on("stdout"), query.on("stderr"));
    if !stdout && !stderr {
        return Err(ApiError::bad_request("must specify at least one of 'stdout' or 'stderr'"));
    }
    Ok(LogOptions {
        stdout,
        stderr,
        follow: query.on("follow"),
        since: moment::from_query(query, "since")?,
        until: moment::from_query(query, "until")?,
        timestamps: query.on("timestamps"),
        details: query.on("details"),
        // `all` and whatever is no number of lines mean all of them, as docker has it.
        tail: query.get("tail").and_then(|text| text.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::Timestamp;

    #[test]
    fn options_are_read_as_docker_reads_them() {
        let all = options(&Query::parse("stdout=1&tail=all")).unwrap();
        assert_eq!(all, LogOptions { stdout: true, ..LogOptions::default() });
        let some =
            options(&Query::parse("stderr=true&follow=1&timestamps=1&details=1&tail=10&since=5.5&until=0")).unwrap();
        assert_eq!((some.tail, some.since, some.until), (Some(10), Some(Timestamp(5_500_000_000)), None));
        assert!(some.stderr && some.follow && some.timestamps && some.details && !some.stdout);
        assert_eq!(options(&Query::parse("stdout=1&tail=-1")).unwrap().tail, None);
        assert_eq!(
            options(&Query::parse("follow=1")).unwrap_err().message(),
            "must specify at least one of 'stdout' or 'stderr'"
        );
    }
}
