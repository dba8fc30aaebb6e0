//! `/version`.

use crate::{
    version::{CURRENT, OLDEST},
    wire::json,
};
use axum::{extract::State, response::Response};
use berth_engine::{Engine, system::VersionInfo};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) async fn get(State(engine): State<Engine>) -> Response {
    json::ok(&Version::from(engine.version()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    platform: Platform,
    components: Vec<Component>,
    version: String,
    api_version: String,
    #[serde(rename = "MinAPIVersion")]
    min_api_version: String,
    os: String,
    arch: String,
    kernel_version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Platform {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: &'static str,
    version: String,
    details: BTreeMap<&'static str, String>,
}

impl From<VersionInfo> for Version {
    fn from(info: VersionInfo) -> Self {
        let details = BTreeMap::from([
            ("ApiVersion", CURRENT.to_string()),
            ("MinAPIVersion", OLDEST.to_string()),
            ("Os", info.os.clone()),
            ("Arch", info.architecture.clone()),
            ("KernelVersion", info.kernel_version.clone()),
            ("Experimental", "false".to_owned()),
        ]);
        Self {
            platform: Platform { name: "Berth" },
            components: vec![Component { name: "Engine", version: info.version.clone(), details }],
            version: info.version,
            api_version: CURRENT.to_string(),
            min_api_version: OLDEST.to_string(),
            os: info.os,
            arch: info.architecture,
            kernel_version: info.kernel_version,
        }
    }
}
