//! `inspect`: containers, images, networks and volumes by name, in this order, as docker looks for them.

use crate::{
    arguments::Inspect,
    failure::{Failure, Outcome, invalid, say},
    output::outln,
    render::template::{Of, Template},
};
use berth_api::{Client, Code, Error, Problem};
use serde_json::Value;

/// Docker's kinds of what can be inspected, in its order.
const KINDS: [&str; 4] = ["container", "image", "network", "volume"];

pub(super) async fn any(client: &Client, options: &Inspect) -> Outcome {
    let kinds = match options.kind.as_deref() {
        None | Some("") => KINDS.to_vec(),
        Some(kind) if KINDS.contains(&kind) => vec![kind],
        Some(kind) => {
            return Err(invalid(format!("unknown type: {kind:?}: use container, image, network or volume")));
        }
    };
    objects(client, &kinds, options).await
}

pub(super) async fn containers(client: &Client, options: &Inspect) -> Outcome {
    objects(client, &KINDS[..1], options).await
}

pub(super) async fn images(client: &Client, options: &Inspect) -> Outcome {
    objects(client, &KINDS[1..2], options).await
}

pub(super) async fn networks(client: &Client, options: &Inspect) -> Outcome {
    objects(client, &KINDS[2..3], options).await
}

async fn objects(client: &Client, kinds: &[&str], options: &Inspect) -> Outcome {
    let template = match options.format.as_deref() {
        None | Some("" | "json") => None,
        Some(text) => Some(Template::parse(text, Of::Object)?),
    };
    let mut found = Vec::new();
    let mut failed = false;
    for name in &options.names {
        match one(client, kinds, name, options.size).await {
            Ok(value) => found.push(value),
            Err(problem) => {
                failed = true;
                say(&problem);
            }
        }
    }
    match (&template, &options.format) {
        (Some(template), _) => {
            for value in &found {
                outln!("{}", template.render(value)?);
            }
        }
        (None, Some(format)) if format == "json" => outln!("{}", Value::Array(found)),
        (None, _) => print(&found)?,
    }
    if failed { Err(Failure::Said(1)) } else { Ok(0) }
}

async fn one(client: &Client, kinds: &[&str], name: &str, size: bool) -> Result<Value, Problem> {
    for kind in kinds {
        let answer = match *kind {
            "container" => client.inspect_container_with(name, size).await,
            "image" => client.inspect_image(name).await,
            "network" => client.inspect_network(name).await,
            _ => client.inspect_volume(name).await,
        };
        match answer.map_err(|error: Error| error.problem()) {
            Err(problem) if problem.code == Code::NotFound => {}
            answer => return answer,
        }
    }
    let what = if let [kind] = kinds { kind } else { "object" };
    Err(Problem::new(Code::NotFound, format!("No such {what}: {name}")))
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
