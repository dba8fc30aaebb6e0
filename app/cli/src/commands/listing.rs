//! `ps`.

use crate::{
    arguments::{Ps, filters},
    failure::Outcome,
    output::out,
    render::{
        age, ports, size,
        template::{self, Of},
        text,
    },
};
use berth_api::{
    Client, ContainerRow,
    container::{ContainerQuery, ContainerSummary, MountPoint},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::SystemTime};

/// Docker's columns.
const TABLE: &str =
    "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}";

/// What docker calls a row.
const ROW: Of = Of::TriedRow("*formatter.ContainerContext");

pub(super) async fn ps(client: &Client, options: &Ps) -> Outcome {
    let size = options.size || (!options.quiet && options.format.contains(".Size"));
    let limit = if options.latest { Some(1) } else { options.last.filter(|last| *last >= 0) };
    let query = ContainerQuery { all: options.all, limit, size, filters: filters(&options.filter)? };
    let list = client.list_containers(query).await?;
    let now = SystemTime::now();
    let rows: Vec<Value> = list.into_iter().map(|container| row(container, options.no_trunc, now)).collect();
    let format = match options.format.as_str() {
        _ if options.quiet => "{{.ID}}".to_owned(),
        "table" if options.size => format!("{TABLE}\\t{{{{.Size}}}}"),
        "table" => TABLE.to_owned(),
        other => other.to_owned(),
    };
    out!("{}", template::rows(&format, ROW, &rows, title)?);
    Ok(0)
}

fn title(field: &str) -> Option<&'static str> {
    Some(match field {
        "ID" => "CONTAINER ID",
        "RunningFor" => "CREATED",
        "CreatedAt" => "CREATED AT",
        "LocalVolumes" => "LOCAL VOLUMES",
        _ => return None,
    })
}

/// Docker's fields of a container.
fn row(container: ContainerSummary, whole: bool, now: SystemTime) -> Value {
    let bytes = |size: Option<i64>| size.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
    let (written, all) = (bytes(container.size_rw), bytes(container.size_root_fs));
    let size =
        if all > 0 { format!("{} (virtual {})", size::words(written), size::words(all)) } else { size::words(written) };
    let networks =
        container.network_settings.as_ref().and_then(|settings| settings.networks.clone()).unwrap_or_default();
    let mut networks: Vec<_> = networks.into_keys().collect();
    networks.sort();
    let mounts = container.mounts.clone().unwrap_or_default();
    let named = |mount: &MountPoint| mount.name.clone().filter(|name| !name.is_empty());
    let mount_names: Vec<String> = mounts.iter().filter_map(|mount| named(mount).or(mount.source.clone())).collect();
    let volumes = mounts.iter().filter(|mount| named(mount).is_some()).count();
    let command = container.command.clone().unwrap_or_default();
    let state = container.state.map(|state| state.to_string()).unwrap_or_default();
    let row = ContainerRow::from(container);
    let labels: Vec<String> = row.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    json!({
        "ID": if whole { row.id.as_str() } else { text::short_id(&row.id) },
        "Image": row.image,
        "Command": if whole { text::quoted(&command) } else { text::command(&command) },
        "CreatedAt": age::moment(row.created),
        "RunningFor": age::ago(row.created, now),
        "Status": row.status,
        "State": state,
        "Ports": ports::words(&row.ports),
        "Names": row.name,
        "Labels": labels.join(","),
        "Mounts": mount_names.join(","),
        "LocalVolumes": volumes.to_string(),
        "Networks": networks.join(","),
        "Size": size,
        template::LABELS: row.labels.into_iter().collect::<BTreeMap<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn container() -> ContainerSummary {
        serde_json::from_value(json!({
            "Id": "0123456789abcdef", "Names": ["/web"], "Image": "nginx", "Created": 1_000,
            "Command": "/docker-entrypoint.sh nginx -g 'daemon off;'", "State": "running", "Status": "Up 2 minutes",
            "Labels": { "tier": "front", "a": "b" }, "SizeRw": 5, "SizeRootFs": 4_260_000,
            "Ports": [
                { "IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp" },
                { "IP": "::1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp" },
            ],
            "Mounts": [{ "Type": "volume", "Name": "data", "Source": "/v/data", "Destination": "/d" }],
            "NetworkSettings": { "Networks": { "bridge": {} } },
        }))
        .unwrap()
    }

    fn shown(format: &str) -> String {
        template::rows(format, ROW, &[row(container(), false, UNIX_EPOCH + Duration::from_secs(1_125))], title).unwrap()
    }

    #[test]
    fn the_table_is_dockers() {
        insta::assert_snapshot!(shown(TABLE), @r#"
        CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS                                        NAMES
        0123456789ab   nginx     "/docker-entrypoint.…"   2 minutes ago   Up 2 minutes   127.0.0.1:8080->80/tcp, [::1]:8080->80/tcp   web
        "#);
    }

    #[test]
    fn the_fields_are_dockers() {
        assert_eq!(shown("{{.Size}}|{{.Labels}}|{{.Label \"tier\"}}"), "5B (virtual 4.26MB)|a=b,tier=front|front\n");
        assert_eq!(shown("{{.Mounts}} {{.LocalVolumes}} {{.Networks}} {{.State}}"), "data 1 bridge running\n");
        assert_eq!(shown("{{.CreatedAt}}"), "1970-01-01 00:16:40 +0000 UTC\n");
        let json: Value = serde_json::from_str(&shown("json")).unwrap();
        assert_eq!((&json["Names"], &json["RunningFor"]), (&json!("web"), &json!("2 minutes ago")));
    }
}
