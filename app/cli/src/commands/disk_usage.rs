//! `system df`: what takes room on the machine's disk.

use crate::{
    failure::Outcome,
    output::out,
    render::{
        age, size, table,
        template::{self, Of},
        text,
    },
};
use berth_api::Client;
use serde_json::{Value, json};
use std::time::SystemTime;

/// Docker's columns.
const TABLE: &str = "table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}";
/// What docker calls a row.
const ROW: Of = Of::Row("*formatter.diskUsageImagesContext");
/// Docker's names, and the engine's.
const KINDS: [(&str, &str); 4] = [
    ("Images", "ImageUsage"),
    ("Containers", "ContainerUsage"),
    ("Local Volumes", "VolumeUsage"),
    ("Build Cache", "BuildCacheUsage"),
];

pub(super) async fn df(client: &Client, verbose: bool, format: Option<&str>) -> Outcome {
    let usage = client.disk_usage(verbose).await?;
    if verbose {
        out!("{}", objects(&usage, SystemTime::now()));
        return Ok(0);
    }
    let rows: Vec<Value> = KINDS.iter().map(|(kind, field)| row(kind, &usage[field])).collect();
    let format = match format {
        None | Some("table") => TABLE,
        Some(format) => format,
    };
    out!("{}", template::rows(format, ROW, &rows, title)?);
    Ok(0)
}

fn title(field: &str) -> Option<&'static str> {
    (field == "TotalCount").then_some("TOTAL")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn row(kind: &str, usage: &Value) -> Value {
    let (total, free) = (number(&usage["TotalSize"]), number(&usage["Reclaimable"]));
    let words = size::finer_words(free);
    let reclaimable = match (free * 100).checked_div(total) {
        Some(percent) => format!("{words} ({percent}%)"),
        None => words,
    };
    json!({
        "Type": kind,
        "TotalCount": number(&usage["TotalCount"]).to_string(),
        "Active": number(&usage["ActiveCount"]).to_string(),
        "Size": size::finer_words(total),
        "Reclaimable": reclaimable,
    })
}

/// Docker's tables of every image, container and volume.
fn objects(usage: &Value, now: SystemTime) -> String {
    let items = |field: &str| usage[field]["Items"].as_array().cloned().unwrap_or_default();
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let images: Vec<_> = items("ImageUsage")
        .iter()
        .map(|image| {
            let name = image["RepoTags"][0].as_str().unwrap_or("<none>:<none>");
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "<none>"));
            let (all, shared) = (number(&image["Size"]), number(&image["SharedSize"]));
            [
                repository.to_owned(),
                tag.to_owned(),
                text::short_id(&string(&image["Id"])).to_owned(),
                age::ago(number(&image["Created"]), now),
                size::words(all),
                size::finer_words(shared),
                size::finer_words(all.saturating_sub(shared)),
                number(&image["Containers"]).to_string(),
            ]
        })
        .collect();
    let containers: Vec<_> = items("ContainerUsage")
        .iter()
        .map(|container| {
            let volumes = container["Mounts"].as_array().into_iter().flatten();
            let volumes = volumes.filter(|mount| mount["Type"] == "volume").count();
            [
                text::short_id(&string(&container["Id"])).to_owned(),
                string(&container["Image"]),
                text::command(&string(&container["Command"])),
                volumes.to_string(),
                size::words(number(&container["SizeRw"])),
                age::ago(number(&container["Created"]), now),
                string(&container["Status"]),
                string(&container["Names"][0]).trim_start_matches('/').to_owned(),
            ]
        })
        .collect();
    let volumes: Vec<_> = items("VolumeUsage")
        .iter()
        .map(|volume| {
            let used = &volume["UsageData"];
            [string(&volume["Name"]), number(&used["RefCount"]).to_string(), size::words(number(&used["Size"]))]
        })
        .collect();
    let image_titles = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"];
    let container_titles = ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"];
    format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}\nBuild cache usage: {}\n\n{}",
        table::render(image_titles, &images),
        table::render(container_titles, &containers),
        table::render(["VOLUME NAME", "LINKS", "SIZE"], &volumes),
        size::finer_words(number(&usage["BuildCacheUsage"]["TotalSize"])),
        table::render(["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"], &[]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn the_tables_are_dockers() {
        let usage = json!({
            "ImageUsage": { "TotalCount": 2, "ActiveCount": 1, "TotalSize": 16_428_000, "Reclaimable": 11_630_000, "Items": [
                { "Id": "sha256:0123456789abcdef", "RepoTags": ["app:1"], "Created": 1000, "Size": 9_000_000, "SharedSize": 4_000_000, "Containers": 1 },
            ]},
            "ContainerUsage": { "TotalCount": 1, "ActiveCount": 0, "TotalSize": 212, "Reclaimable": 212, "Items": [
                { "Id": "fedcba9876543210", "Names": ["/web"], "Image": "app:1", "Command": "sh", "Created": 1000, "Status": "Exited (0)", "SizeRw": 212,
                  "Mounts": [{ "Type": "volume" }, { "Type": "bind" }] },
            ]},
            "VolumeUsage": { "TotalCount": 1, "ActiveCount": 1, "TotalSize": 36, "Reclaimable": 0, "Items": [
                { "Name": "db", "UsageData": { "RefCount": 1, "Size": 36 } },
            ]},
            "BuildCacheUsage": {},
        });
        let rows: Vec<Value> = KINDS.iter().map(|(kind, field)| row(kind, &usage[field])).collect();
        insta::assert_snapshot!(template::rows(TABLE, ROW, &rows, title).unwrap(), @r"
        TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE
        Images          2         1         16.43MB   11.63MB (70%)
        Containers      1         0         212B      212B (100%)
        Local Volumes   1         1         36B       0B (0%)
        Build Cache     0         0         0B        0B
        ");
        insta::assert_snapshot!(objects(&usage, UNIX_EPOCH + Duration::from_secs(1_125)), @r#"
        Images space usage:

        REPOSITORY   TAG       IMAGE ID       CREATED         SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS
        app          1         0123456789ab   2 minutes ago   9MB       4MB           5MB           1

        Containers space usage:

        CONTAINER ID   IMAGE     COMMAND   LOCAL VOLUMES   SIZE      CREATED         STATUS       NAMES
        fedcba987654   app:1     "sh"      1               212B      2 minutes ago   Exited (0)   web

        Local Volumes space usage:

        VOLUME NAME   LINKS     SIZE
        db            1         36B

        Build cache usage: 0B

        CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED
        "#);
    }
}
