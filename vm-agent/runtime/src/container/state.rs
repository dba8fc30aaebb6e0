//! `state`, as the OCI runtime specification has it.

use std::{collections::HashMap, path::PathBuf};

use serde::Serialize;

use super::{
    id::ContainerId,
    store::{Status, Store},
};
use crate::failure::Failure;

/// The state of a container; `pid` is absent once it has ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    oci_version: String,
    id: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    bundle: PathBuf,
    /// RFC 3339; beyond the specification, as in runc.
    created: String,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    annotations: HashMap<String, String>,
}

/// Looks at container `id`.
///
/// # Errors
/// When there is no such container.
pub(crate) fn describe(store: &Store, id: &ContainerId) -> Result<State, Failure> {
    let entry = store.entry(id);
    let record = entry.record()?;
    let status = entry.status(&record);
    Ok(State {
        oci_version: record.oci_version,
        id: id.to_string(),
        status,
        pid: (status != Status::Stopped).then(|| record.init.pid().as_raw()),
        bundle: record.bundle,
        created: record.created,
        annotations: record.annotations,
    })
}
