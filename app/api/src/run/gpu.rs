//! `--gpus`: graphics processors, for a driver that the machine may have (docker CLI `opts/gpus.go`).

use crate::error::Error;
use bollard::models::DeviceRequest;
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuSpec {
    /// The driver's name; empty for any.
    pub driver: String,
    /// How many; -1 for all.
    pub count: i64,
    /// Single ones.
    pub devices: Vec<String>,
    /// What they must be able to do.
    pub capabilities: Vec<String>,
    /// Options of the driver.
    pub options: Vec<(String, String)>,
}

/// `all`, a number, or fields such as `device=0,capabilities=compute`.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn parse(text: &str) -> Result<GpuSpec, Error> {
    let count = |value: &str| match value {
        "all" => Ok(-1),
        value => value.parse().map_err(|_| {
            Error::Invalid(format!(
                "invalid count ({value}): value must be either \"all\" or an integer: invalid syntax"
            ))
        }),
    };
    let mut spec = GpuSpec::default();
    for field in text.split(',') {
        match field.split_once('=') {
            None => spec.count = count(field)?,
            Some(("count", value)) => spec.count = count(value)?,
            Some(("driver", value)) => value.clone_into(&mut spec.driver),
            Some(("device", value)) => spec.devices.push(value.to_owned()),
            Some(("capabilities", value)) => spec.capabilities.push(value.to_owned()),
            Some(("options", value)) => {
                let (key, value) = value.split_once('=').unwrap_or((value, ""));
                spec.options.push((key.to_owned(), value.to_owned()));
            }
            Some((key, _)) => return Err(Error::Invalid(format!("unexpected key '{key}' in '{field}'"))),
        }
    }
    if spec.count == 0 && spec.devices.is_empty() {
        spec.count = 1;
    }
    spec.capabilities.push("gpu".to_owned());
    Ok(spec)
}

impl From<GpuSpec> for DeviceRequest {
    fn from(spec: GpuSpec) -> Self {
        Self {
            driver: Some(spec.driver),
            count: Some(spec.count),
            device_ids: (!spec.devices.is_empty()).then_some(spec.devices),
            capabilities: Some(vec![spec.capabilities]),
            options: Some(spec.options.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_count_or_fields() {
        assert_eq!(parse("all").unwrap().count, -1);
        let spec = parse("device=0,capabilities=compute").unwrap();
        assert_eq!(
            (spec.count, spec.devices, spec.capabilities),
            (0, vec!["0".to_owned()], vec!["compute".into(), "gpu".into()])
        );
        assert!(parse("some").unwrap_err().to_string().starts_with("invalid count (some): value must be either"));
    }
}
