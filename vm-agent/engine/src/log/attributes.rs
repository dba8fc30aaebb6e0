//! What every entry of a log carries because its options say so: labels, variables, a tag.

use crate::{Error, Result, container::Definition};
use regex_lite::Regex;
use std::collections::BTreeMap;

/// By name, as `docker logs --details` shows them.
pub(crate) fn attributes(definition: &Definition, name: &str) -> Result<BTreeMap<String, String>> {
    let options = &definition.host.log_config.options;
    let config = &definition.config;
    let labels: Vec<(&str, &str)> = config.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let variables: Vec<(&str, &str)> = config.env.iter().filter_map(|variable| variable.split_once('=')).collect();
    let mut chosen = BTreeMap::new();
    for (all, option) in [(&labels, "labels"), (&variables, "env")] {
        let named: Vec<&str> = options.get(option).map_or_else(Vec::new, |names| names.split(',').collect());
        let pattern = pattern(options, &format!("{option}-regex"))?;
        let wanted = |key: &str| named.contains(&key) || pattern.as_ref().is_some_and(|pattern| pattern.is_match(key));
        let pairs = all.iter().filter(|(key, _)| wanted(key));
        chosen.extend(pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    }
    let tag = options.get("tag").map_or(Ok(String::new()), |template| tag(template, definition, name))?;
    if !tag.is_empty() {
        chosen.insert("tag".to_owned(), tag);
    }
    Ok(chosen)
}

fn pattern(options: &BTreeMap<String, String>, option: &str) -> Result<Option<Regex>> {
    let Some(text) = options.get(option).filter(|text| !text.is_empty()) else { return Ok(None) };
    let failed = |e| Error::InvalidParameter(format!("failed to initialize logging driver: {option} {text:?}: {e}"));
    Regex::new(text).map(Some).map_err(failed)
}

/// Docker's tags are Go templates; what people write in them are these fields.
fn tag(template: &str, definition: &Definition, name: &str) -> Result<String> {
    let mut tag = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        tag.push_str(before);
        let (field, after) = behind.split_once("}}").unwrap_or((behind, ""));
        let image_id = &definition.image_id;
        tag.push_str(&match field.trim() {
            ".ID" => definition.short_id().to_owned(),
            ".FullID" => definition.id.clone(),
            ".Name" => name.to_owned(),
            ".FullName" => format!("/{name}"),
            ".ImageID" => image_id.chars().take(12).collect(),
            ".ImageFullID" => image_id.clone(),
            ".ImageName" => definition.config.image.clone(),
            ".Command" => definition.argv.join(" "),
            ".DaemonName" => "docker".to_owned(),
            other => {
                return Err(Error::InvalidParameter(format!(
                    "failed to initialize logging driver: the tag has no field {{{{{other}}}}}: use .ID, .FullID, .Name, .FullName, .ImageID, .ImageFullID, .ImageName, .Command or .DaemonName"
                )));
            }
        });
        rest = after;
    }
    tag.push_str(rest);
    Ok(tag)
}
