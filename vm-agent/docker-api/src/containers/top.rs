//! `GET /containers/{name}/top`.

use crate::{error::Reply, query::Query, wire::json};
use axum::extract::{Path, State};
use berth_engine::{Engine, top::ProcessTable};
use serde::Serialize;

pub(super) async fn get(State(engine): State<Engine>, Path(name): Path<String>, query: Query) -> Reply {
    let table = engine.container_top(&name, query.get("ps_args").unwrap_or_default()).await?;
    Ok(json::ok(&Top::from(table)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Top {
    titles: Vec<String>,
    processes: Vec<Vec<String>>,
}

impl From<ProcessTable> for Top {
    fn from(table: ProcessTable) -> Self {
        Self { titles: table.titles, processes: table.processes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_reads_the_table() {
        let table = ProcessTable { titles: vec!["PID".into()], processes: vec![vec!["7".into()]] };
        let text = serde_json::to_string(&Top::from(table)).unwrap();
        let read: bollard_stubs::models::ContainerTopResponse = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (read.titles.unwrap(), read.processes.unwrap()),
            (vec!["PID".to_owned()], vec![vec!["7".to_owned()]])
        );
    }
}
