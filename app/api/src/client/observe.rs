//! Looking at containers: lists, usage, processes, events.

use super::{Client, http, segment, told};
use crate::{
    container::{ContainerQuery, Usage},
    error::Error,
};
use ::http::Method;
use bollard::{
    models::ContainerSummary,
    query_parameters::{EventsOptions, ListContainersOptions, TopOptions},
};
use futures_util::{Stream, StreamExt, TryStreamExt};
use std::collections::HashMap;

/// What the engine tells of an event, and of what kind it is.
pub use bollard::models::{EventMessage, EventMessageTypeEnum};

/// Docker's filters: a name, and the values it may have.
pub type Filters = HashMap<String, Vec<String>>;

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Those since then too, seconds since the Unix epoch.
    pub since: Option<i64>,
    /// Up to then, seconds since the Unix epoch.
    pub until: Option<i64>,
    /// Which.
    pub filters: Filters,
}

impl Client {
    /// Containers with everything the engine lists of them, newest first.
    ///
    /// # Errors
    /// Those of every request; 400 for a filter that makes no sense.
    pub async fn list_containers(&self, query: ContainerQuery) -> Result<Vec<ContainerSummary>, Error> {
        let ContainerQuery { all, limit, size, filters } = query;
        let options = ListContainersOptions { all, limit, size, filters: Some(filters) };
        Ok(self.docker()?.list_containers(Some(options)).await?)
    }

    /// What a container uses, as docker's `stats` document with pressure figures; it takes a second, since the use of
    /// processors is a difference.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn stats(&self, name: &str) -> Result<serde_json::Value, Error> {
        let path = format!("/containers/{}/stats?stream=false", segment("container", name)?);
        http::json(&self.home, Method::GET, &path).await
    }

    /// What a container uses, every second until it ends or is removed.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn usage(&self, name: &str) -> Result<impl Stream<Item = Result<Usage, Error>> + Send + use<>, Error> {
        let path = format!("/containers/{}/stats?stream=1", segment("container", name)?);
        let looks = told::texts(http::send(&self.home, Method::GET, &path).await?);
        Ok(looks.map(|look| {
            let look = serde_json::from_str(&look?).map_err(|error| Error::Broken(error.to_string()))?;
            Ok(Usage::of(&look))
        }))
    }

    /// The processes of a container as ps shows them with these options: titles, and a row each.
    ///
    /// # Errors
    /// Those of every request; 409 when it does not run.
    pub async fn top(&self, name: &str, options: &str) -> Result<(Vec<String>, Vec<Vec<String>>), Error> {
        let name = segment("container", name)?;
        let options = TopOptions { ps_args: options.into() };
        let table = self.docker()?.top_processes(&name, Some(options)).await?;
        Ok((table.titles.unwrap_or_default(), table.processes.unwrap_or_default()))
    }

    /// What happens, and what has happened when the query asks for that.
    ///
    /// # Errors
    /// Those of every request, as the stream's first item.
    pub fn engine_events(
        &self,
        query: &EventQuery,
    ) -> Result<impl Stream<Item = Result<EventMessage, Error>> + Send + use<>, Error> {
        let options = EventsOptions {
            since: query.since.map(|seconds| seconds.to_string()),
            until: query.until.map(|seconds| seconds.to_string()),
            filters: Some(query.filters.clone()),
        };
        Ok(self.docker()?.events(Some(options)).map_err(Error::from))
    }

    /// What takes room on the data disk, as docker's `system/df` document; each object too when `verbose`.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn disk_usage(&self, verbose: bool) -> Result<serde_json::Value, Error> {
        http::json(&self.home, Method::GET, &format!("/system/df?verbose={}", u8::from(verbose))).await
    }

    /// The engine and its machine, as docker's `info` document.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn engine_info(&self) -> Result<serde_json::Value, Error> {
        http::json(&self.home, Method::GET, "/info").await
    }
}
