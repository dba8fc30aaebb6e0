//! `inspect`: containers, images and volumes by name, in this order, as docker looks for them.

use crate::failure::{Failure, Outcome, invalid, say};
use crate::output::outln;
use berth_api::{Client, Code, Error, Problem};
use serde_json::Value;

pub(super) async fn any(client: &Client, names: &[String]) -> Outcome {
    let mut found = Vec::new();
    let mut failed = false;
    for name in names {
        match one(client, name).await {
            Ok(value) => found.push(value),
            Err(problem) => {
                failed = true;
                say(&problem);
            }
        }
    }
    print(&found)?;
    if failed { Err(Failure::Said(1)) } else { Ok(0) }
}

async fn one(client: &Client, name: &str) -> Result<Value, Problem> {
    let not_found = |answer: Result<Value, Error>| match answer {
        Err(error) if error.problem().code == Code::NotFound => Ok(None),
        answer => answer.map(Some).map_err(|error| error.problem()),
    };
    if let Some(value) = not_found(client.inspect_container(name).await)? {
        return Ok(value);
    }
    if let Some(value) = not_found(client.inspect_image(name).await)? {
        return Ok(value);
    }
    not_found(client.inspect_volume(name).await)?
        .ok_or_else(|| Problem::new(Code::NotFound, format!("No such object: {name}")))
}

/// The list as docker prints it, with four spaces.
pub(super) fn print(values: &[Value]) -> Result<(), Failure> {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    serde::Serialize::serialize(values, &mut serde_json::Serializer::with_formatter(&mut out, format))
        .map_err(|error| invalid(error.to_string()))?;
    outln!("{}", String::from_utf8_lossy(&out));
    Ok(())
}
