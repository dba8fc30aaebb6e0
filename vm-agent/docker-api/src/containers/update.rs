//! `POST /containers/{name}/update`.

use super::create::{HostIn, read_update};
use crate::{
    detached,
    error::{ApiError, Reply},
    version::ApiVersion,
    wire::json::{self, Document},
};
use axum::extract::{Path, State};
use berth_engine::Engine;
use serde::Serialize;

/// The body is docker's `UpdateConfig`: the limits of a host configuration, and the restart policy.
pub(super) async fn post(
    State(engine): State<Engine>,
    Path(name): Path<String>,
    version: ApiVersion,
    Document(asked): Document<HostIn>,
) -> Reply {
    let asked = asked.ok_or_else(|| ApiError::bad_request("config cannot be empty in order to update a container"))?;
    let request = read_update(asked, version)?;
    let warnings = detached::run(async move { engine.update_container(&name, request).await }).await?;
    Ok(json::ok(&Answer { warnings: (!warnings.is_empty()).then_some(warnings) }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    warnings: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::container::RestartPolicy;
    use serde_json::json;

    fn read(body: serde_json::Value) -> Result<berth_engine::container::UpdateContainer, String> {
        read_update(serde_json::from_value(body).unwrap(), crate::CURRENT).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn what_docker_update_sends_is_understood() {
        // `docker update --memory 64m --pids-limit 0 --restart on-failure:3 x`, as docker 28 sends it.
        let asked = read(json!({
            "CpuShares": 0, "Memory": 67_108_864, "NanoCpus": 0, "CgroupParent": "", "BlkioWeight": 0,
            "BlkioWeightDevice": null, "CpuPeriod": 0, "CpuQuota": 0, "CpusetCpus": "", "Devices": null,
            "MemoryReservation": 0, "MemorySwap": 0, "MemorySwappiness": null, "OomKillDisable": null,
            "PidsLimit": 0, "Ulimits": null, "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 },
        }))
        .unwrap();
        assert_eq!((asked.resources.memory, asked.resources.pids), (Some(67_108_864), Some(0)));
        assert_eq!(asked.resources.memory_swap, None);
        assert_eq!(asked.restart_policy, Some(RestartPolicy::OnFailure(3)));
        let nothing = read(json!({ "RestartPolicy": { "Name": "", "MaximumRetryCount": 0 } })).unwrap();
        assert_eq!(nothing, berth_engine::container::UpdateContainer::default());
    }

    #[test]
    fn the_oracle_reads_the_answer() {
        let text = serde_json::to_string(&Answer { warnings: Some(vec!["w".into()]) }).unwrap();
        let read: bollard_stubs::models::ContainerUpdateResponse = serde_json::from_str(&text).unwrap();
        assert_eq!(read.warnings.unwrap(), ["w"]);
        assert_eq!(serde_json::to_string(&Answer { warnings: None }).unwrap(), r#"{"Warnings":null}"#);
    }
}
