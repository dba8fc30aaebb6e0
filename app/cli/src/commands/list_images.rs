//! `images` and `history`.

use crate::{
    arguments::{History, Images, filters},
    failure::Outcome,
    output::out,
    render::{
        age, size,
        template::{self, Of},
        text,
    },
};
use berth_api::{
    Client,
    image::{ImageSummary, NONE, TagMeaning},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Docker's columns.
const TABLE: &str = "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}";
const TABLE_WITH_DIGESTS: &str =
    "table {{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}";
const MEANINGS: &str = "table {{.ID}}\\t{{.TaggedSince}}\\t{{.ReplacedSince}}\\t{{.CreatedSince}}\\t{{.Size}}";
const HISTORY: &str = "table {{.ID}}\\t{{.CreatedSince}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";
const HISTORY_IN_FIGURES: &str = "table {{.ID}}\\t{{.CreatedAt}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";
/// What docker calls a row of each.
const ROW: Of = Of::Row("*formatter.imageContext");
const STEP: Of = Of::Row("*image.historyContext");
/// A command is cut to so many characters, as in docker.
const COMMAND: usize = 45;

pub(super) async fn images(client: &Client, options: &Images) -> Outcome {
    if let (true, Some(name)) = (options.history, &options.reference) {
        return meanings(client, name, options).await;
    }
    let mut wanted = filters(&options.filter)?;
    if let Some(reference) = &options.reference {
        wanted.entry("reference".to_owned()).or_default().push(reference.clone());
    }
    let format = match options.format.as_str() {
        _ if options.quiet => "{{.ID}}",
        "table" if options.digests => TABLE_WITH_DIGESTS,
        "table" => TABLE,
        other => other,
    };
    let digests = options.digests || format.contains(".Digest");
    let images = client.list_images(wanted).await?;
    let now = SystemTime::now();
    let rows: Vec<Value> = images.iter().flat_map(|image| rows(image, digests, options.no_trunc, now)).collect();
    out!("{}", template::rows(format, ROW, &rows, title)?);
    Ok(0)
}

fn title(field: &str) -> Option<&'static str> {
    Some(match field {
        "ID" => "IMAGE ID",
        "CreatedSince" => "CREATED",
        "CreatedAt" => "CREATED AT",
        "SharedSize" => "SHARED SIZE",
        "UniqueSize" => "UNIQUE SIZE",
        _ => return None,
    })
}

/// What a tag means and meant before.
async fn meanings(client: &Client, name: &str, options: &Images) -> Outcome {
    let now = SystemTime::now();
    let row = |meaning: TagMeaning| {
        json!({
            "ID": if options.no_trunc { meaning.id.as_str() } else { text::short_id(&meaning.id) },
            "TaggedAt": age::moment(meaning.tagged_at),
            "TaggedSince": age::ago(meaning.tagged_at, now),
            "ReplacedAt": meaning.replaced_at.map(age::moment).unwrap_or_default(),
            "ReplacedSince": meaning.replaced_at.map_or_else(|| "-".to_owned(), |at| age::ago(at, now)),
            "CreatedAt": age::moment(meaning.created),
            "CreatedSince": age::ago(meaning.created, now),
            "Size": size::words(meaning.size),
        })
    };
    let rows: Vec<Value> = client.tag_meanings(name).await?.into_iter().map(row).collect();
    let format = match options.format.as_str() {
        _ if options.quiet => "{{.ID}}",
        "table" => MEANINGS,
        other => other,
    };
    out!("{}", template::rows(format, ROW, &rows, meaning_title)?);
    Ok(0)
}

fn meaning_title(field: &str) -> Option<&'static str> {
    match field {
        "TaggedSince" => Some("TAGGED"),
        "TaggedAt" => Some("TAGGED AT"),
        "ReplacedSince" => Some("REPLACED"),
        "ReplacedAt" => Some("REPLACED AT"),
        other => title(other),
    }
}

/// A row for each name of an image, with docker's fields.
fn rows(image: &ImageSummary, digests: bool, whole: bool, now: SystemTime) -> Vec<Value> {
    let created = u64::try_from(image.created).unwrap_or(0);
    let row = |(repository, tag, digest): (&str, &str, &str)| {
        let size = size::words(u64::try_from(image.size).unwrap_or(0));
        json!({
            "ID": if whole { image.id.as_str() } else { text::short_id(&image.id) },
            "Repository": repository,
            "Tag": tag,
            "Digest": digest,
            "CreatedSince": if created == 0 { "N/A".to_owned() } else { age::ago(created, now) },
            "CreatedAt": age::moment(created),
            "Size": size,
            "VirtualSize": size,
            "SharedSize": known(image.shared_size),
            "UniqueSize": known(if image.shared_size < 0 { -1 } else { image.size - image.shared_size }),
            "Containers": if image.containers < 0 { "N/A".to_owned() } else { image.containers.to_string() },
        })
    };
    names(image, digests).into_iter().map(row).collect()
}

fn known(bytes: i64) -> String {
    u64::try_from(bytes).map_or_else(|_| "N/A".to_owned(), size::words)
}

/// Repository, tag and digest of each row, as docker makes rows of names.
fn names(image: &ImageSummary, digests: bool) -> Vec<(&str, &str, &str)> {
    let mut repositories: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for name in image.repo_tags.iter().filter(|name| *name != "<none>:<none>") {
        // A colon before a slash is a registry's port, not a tag.
        let (repository, tag) = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((name, NONE));
        repositories.entry(repository).or_default().0.push(tag);
    }
    for name in image.repo_digests.iter().filter(|name| *name != "<none>@<none>") {
        let (repository, digest) = name.split_once('@').unwrap_or((name, NONE));
        repositories.entry(repository).or_default().1.push(digest);
    }
    let mut rows = Vec::new();
    for (repository, (mut tags, mut known)) in repositories {
        // A digest alone is a row even where digests are not shown.
        if known.is_empty() || (!digests && !tags.is_empty()) {
            known = vec![NONE];
        }
        if tags.is_empty() {
            tags.push(NONE);
        }
        for digest in &known {
            rows.extend(tags.iter().map(|tag| (repository, *tag, *digest)));
        }
    }
    if rows.is_empty() {
        rows.push((NONE, NONE, NONE));
    }
    rows
}

pub(super) async fn history(client: &Client, options: &History) -> Outcome {
    let entries = client.image_history(&options.name, options.platform.as_deref()).await?;
    let now = SystemTime::now();
    let rows: Vec<Value> = entries.iter().map(|entry| step(entry, options, now)).collect();
    let format = match options.format.as_str() {
        _ if options.quiet => "{{.ID}}",
        "table" if options.human => HISTORY,
        "table" => HISTORY_IN_FIGURES,
        other => other,
    };
    out!("{}", template::rows(format, STEP, &rows, step_title)?);
    Ok(0)
}

fn step_title(field: &str) -> Option<&'static str> {
    match field {
        "ID" => Some("IMAGE"),
        "CreatedBy" => Some("CREATED BY"),
        other => title(other),
    }
}

/// Docker's fields of a step.
fn step(entry: &Value, options: &History, now: SystemTime) -> Value {
    let string = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let (created, bytes) = (entry["Created"].as_u64().unwrap_or(0), entry["Size"].as_u64().unwrap_or(0));
    let (id, command) = (string("Id"), string("CreatedBy").replace('\t', " "));
    let at = UNIX_EPOCH + std::time::Duration::from_secs(created);
    json!({
        "ID": if options.no_trunc { id.as_str() } else { text::short_id(&id) },
        "CreatedSince": if created == 0 { "N/A".to_owned() } else { age::ago(created, now) },
        "CreatedAt": OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_default(),
        "CreatedBy": if options.no_trunc { command } else { text::ellipsis(&command, COMMAND) },
        "Size": if options.human { size::words(bytes) } else { bytes.to_string() },
        "Comment": string("Comment"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn image(tags: &[&str], digests: &[&str]) -> ImageSummary {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ImageSummary {
            id: "sha256:0123456789abcdef".into(),
            repo_tags: strings(tags),
            repo_digests: strings(digests),
            created: 1_000,
            size: 4_260_000,
            shared_size: -1,
            containers: -1,
            ..Default::default()
        }
    }

    fn shown(format: &str, image: &ImageSummary, digests: bool) -> String {
        let rows = rows(image, digests, false, UNIX_EPOCH + Duration::from_secs(1_125));
        template::rows(format, ROW, &rows, title).unwrap()
    }

    #[test]
    fn the_tables_are_dockers() {
        let named = image(&["localhost:5000/a:1", "b:latest", "b:2"], &["b@sha256:cd"]);
        insta::assert_snapshot!(shown(TABLE, &named, false), @r"
        REPOSITORY         TAG       IMAGE ID       CREATED         SIZE
        b                  latest    0123456789ab   2 minutes ago   4.26MB
        b                  2         0123456789ab   2 minutes ago   4.26MB
        localhost:5000/a   1         0123456789ab   2 minutes ago   4.26MB
        ");
        insta::assert_snapshot!(shown(TABLE_WITH_DIGESTS, &named, true), @r"
        REPOSITORY         TAG       DIGEST      IMAGE ID       CREATED         SIZE
        b                  latest    sha256:cd   0123456789ab   2 minutes ago   4.26MB
        b                  2         sha256:cd   0123456789ab   2 minutes ago   4.26MB
        localhost:5000/a   1         <none>      0123456789ab   2 minutes ago   4.26MB
        ");
        assert_eq!(shown("{{.Repository}}:{{.Tag}}", &image(&[], &["b@sha256:cd"]), false), "b:<none>\n");
        assert_eq!(shown("{{.Repository}}:{{.Tag}} {{.Digest}}", &image(&[], &[]), true), "<none>:<none> <none>\n");
        assert_eq!(
            shown("{{.CreatedAt}} {{.SharedSize}}", &image(&[], &[]), false),
            "1970-01-01 00:16:40 +0000 UTC N/A\n"
        );
    }

    #[test]
    fn a_history_is_told_in_words_or_figures() {
        let options = |human, no_trunc| History {
            human,
            quiet: false,
            no_trunc,
            format: String::new(),
            platform: None,
            name: String::new(),
        };
        let entry = json!({ "Id": "sha256:0123456789abcdef", "Created": 1_000, "Size": 4_260_000, "Comment": "c",
            "CreatedBy": "/bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in /" });
        let now = UNIX_EPOCH + Duration::from_secs(1_125);
        let shown = |format: &str, options: &History| {
            template::rows(format, STEP, &[step(&entry, options, now)], step_title).unwrap()
        };
        insta::assert_snapshot!(shown(HISTORY, &options(true, false)), @r"
        IMAGE          CREATED         CREATED BY                                      SIZE      COMMENT
        0123456789ab   2 minutes ago   /bin/sh -c #(nop) ADD file:0123456789abcdef0…   4.26MB    c
        ");
        insta::assert_snapshot!(shown(HISTORY_IN_FIGURES, &options(false, true)), @r"
        IMAGE                     CREATED AT             CREATED BY                                                         SIZE      COMMENT
        sha256:0123456789abcdef   1970-01-01T00:16:40Z   /bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in /   4260000   c
        ");
    }
}
