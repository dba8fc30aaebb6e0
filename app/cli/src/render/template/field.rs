//! Where a template says what, and what a field is that an object does not have: docker's answers come from Go's types,
//! which a JSON object has lost.

use serde_json::Value;

/// Fields that hold a map from names of the user's to values: there a name that is missing is no mistake.
const MAPS: [&str; 17] = [
    "Annotations",
    "Attributes",
    "Containers",
    "Data",
    "DriverOpts",
    "ExposedPorts",
    "Labels",
    "LogConfig.Config",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Status",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];
/// Fields that hold a list, and are null or left out when it is empty.
const LISTS: [&str; 17] = [
    "Binds",
    "CapAdd",
    "CapDrop",
    "Cmd",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Devices",
    "Dns",
    "Entrypoint",
    "Env",
    "GroupAdd",
    "Links",
    "Mounts",
    "OnBuild",
    "SecurityOpt",
    "Shell",
    "VolumesFrom",
];
/// Texts that are left out when they are empty.
const TEXTS: [&str; 5] = ["ContainerIDFile", "Driver", "MacAddress", "Name", "StopSignal"];
/// Structures and numbers that are left out when there are none.
const POINTERS: [&str; 9] = [
    "BindOptions",
    "Health",
    "Healthcheck",
    "Init",
    "SizeRootFs",
    "SizeRw",
    "StopTimeout",
    "UsageData",
    "VolumeOptions",
];

/// A field or variable as it stands in a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// Of byte `at` of `text`; Go counts lines from 1 and columns from 0.
    pub(super) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_begins = before.rfind('\n').map_or(0, |end| end + 1);
        Self { line: 1 + before.matches('\n').count(), column: before.len() - line_begins }
    }

    /// Go's words for what went wrong with `what` here.
    pub(super) fn says(&self, what: &str, why: &str) -> String {
        format!(":{}:{}: executing \"\" at <{what}>: {why}", self.line, self.column)
    }
}

/// What the field `name` is in an object of docker's that does not show it, or shows null; nothing when docker has no
/// such field.
pub(super) fn empty(name: &str) -> Option<Value> {
    if MAPS.contains(&name) {
        Some(Value::Object(serde_json::Map::new()))
    } else if LISTS.contains(&name) {
        Some(Value::Array(vec![]))
    } else if TEXTS.contains(&name) {
        Some(Value::String(String::new()))
    } else if POINTERS.contains(&name) {
        Some(Value::Null)
    } else {
        None
    }
}

/// Whether the object that `path` leads to is a map from names of the user's.
pub(super) fn is_map(path: &[String], object: &serde_json::Map<String, Value>) -> bool {
    let known = match path {
        [.., outer, name] => MAPS.contains(&name.as_str()) || MAPS.contains(&format!("{outer}.{name}").as_str()),
        [name] => MAPS.contains(&name.as_str()),
        [] => false,
    };
    // Docker's own names have capitals.
    known || object.keys().any(|key| !key.starts_with(|c: char| c.is_ascii_uppercase() || c == '\0'))
}
