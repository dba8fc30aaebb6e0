//! `POST /containers/prune`.

use crate::{detached, error::Reply, filters::Filters, moment, query::Query, wire::json};
use axum::extract::State;
use berth_engine::{
    Engine, Timestamp,
    container::{PruneFilters, Pruned},
};
use serde::Serialize;

pub(super) async fn post(State(engine): State<Engine>, query: Query) -> Reply {
    let filters = read(&query.filters(&["label", "label!", "until"])?, moment::now())?;
    let pruned = detached::run(async move { engine.prune_containers(filters).await }).await?;
    Ok(json::ok(&Answer::from(pruned)))
}

fn read(filters: &Filters, now: Timestamp) -> Reply<PruneFilters> {
    let until = moment::until_filter(filters, now)?;
    Ok(PruneFilters { until, label: filters.values("label"), label_not: filters.values("label!") })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    containers_deleted: Option<Vec<String>>,
    space_reclaimed: u64,
}

impl From<Pruned> for Answer {
    fn from(pruned: Pruned) -> Self {
        let deleted = (!pruned.deleted.is_empty()).then_some(pruned.deleted);
        Self { containers_deleted: deleted, space_reclaimed: pruned.space_reclaimed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_dockers() {
        let now = Timestamp(1_800_000_000_000_000_000);
        let read = |text: &str| read(&Filters::parse(text).unwrap(), now).map_err(|e| e.message().to_owned());
        let filters = read(r#"{"until":["1h30m"],"label":["a"],"label!":["b=c"]}"#).unwrap();
        assert_eq!(filters.until, Some(Timestamp(now.0 - 5400 * 1_000_000_000)));
        assert_eq!((filters.label, filters.label_not), (vec!["a".to_owned()], vec!["b=c".to_owned()]));
        assert_eq!(read(r#"{"until":["1","2"]}"#).unwrap_err(), "more than one until filter specified");
        assert!(read(r#"{"until":["soon"]}"#).unwrap_err().starts_with("invalid filter 'until=soon'"));
    }

    #[test]
    fn the_oracle_reads_the_answer() {
        let text =
            serde_json::to_string(&Answer::from(Pruned { deleted: vec!["a".into()], space_reclaimed: 5 })).unwrap();
        let read: bollard_stubs::models::ContainerPruneResponse = serde_json::from_str(&text).unwrap();
        assert_eq!((read.containers_deleted.unwrap(), read.space_reclaimed), (vec!["a".to_owned()], Some(5)));
    }
}
