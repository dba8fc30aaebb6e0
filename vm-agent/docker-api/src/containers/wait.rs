//! `POST /containers/{name}/wait`: the head of the answer is sent at once, since `docker run` starts the container
//! only after it has it; the body comes when the wait is over.

use crate::{
    error::{ApiError, Reply},
    query::Query,
    wire::lines,
};
use axum::extract::{Path, State};
use berth_engine::{
    Engine,
    container::{WaitCondition, WaitOutcome},
};
use futures_util::{FutureExt, stream};
use serde::Serialize;

pub(super) async fn post(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let wait = engine.wait_container(&name, condition(&query)?).await?;
    let line = wait.outcome().map(|outcome| lines::line(&Outcome::from(outcome)));
    Ok(lines::reply("application/json", stream::once(line)))
}

fn condition(query: &Query) -> Reply<WaitCondition> {
    match query.get("condition") {
        None | Some("not-running") => Ok(WaitCondition::NotRunning),
        Some("next-exit") => Ok(WaitCondition::NextExit),
        Some("removed") => Ok(WaitCondition::Removed),
        Some(other) => Err(ApiError::bad_request(format!("invalid condition: {other:?}"))),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    status_code: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    message: String,
}

impl From<WaitOutcome> for Outcome {
    fn from(outcome: WaitOutcome) -> Self {
        Self { error: outcome.error.map(|message| Failure { message }), status_code: outcome.exit_code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_dockers() {
        for (text, expected) in [
            ("", WaitCondition::NotRunning),
            ("condition=", WaitCondition::NotRunning),
            ("condition=next-exit", WaitCondition::NextExit),
            ("condition=removed", WaitCondition::Removed),
        ] {
            assert_eq!(condition(&Query::parse(text)).unwrap(), expected);
        }
        let refused = condition(&Query::parse("condition=soon")).unwrap_err();
        assert_eq!(refused.message(), "invalid condition: \"soon\"");
    }

    #[test]
    fn the_oracle_reads_the_outcome() {
        let text = |outcome| serde_json::to_string(&Outcome::from(outcome)).unwrap();
        assert_eq!(text(WaitOutcome { exit_code: 3, error: None }), r#"{"StatusCode":3}"#);
        let failed = text(WaitOutcome { exit_code: 0, error: Some("stuck".into()) });
        let read: bollard_stubs::models::ContainerWaitResponse = serde_json::from_str(&failed).unwrap();
        assert_eq!(read.error.unwrap().message.as_deref(), Some("stuck"));
    }
}
