//! `ps` and `images`.

use crate::{
    arguments::{Images, Ps},
    failure::{Outcome, invalid},
    render::{age, ports, size, table, text},
};
use berth_api::{Client, ContainerRow, ImageRow};
use std::time::SystemTime;

/// Docker's width of the COMMAND column.
const COMMAND_WIDTH: usize = 20;

pub(super) async fn ps(client: &Client, options: &Ps) -> Outcome {
    let rows = client.containers(options.all).await?;
    let id = |row: &ContainerRow| if options.no_trunc { row.id.clone() } else { text::short_id(&row.id).into() };
    if options.quiet {
        rows.iter().for_each(|row| println!("{}", id(row)));
    } else if options.format == "json" {
        lines(&rows)?;
    } else {
        print!("{}", container_table(&rows, options.no_trunc, SystemTime::now()));
    }
    Ok(0)
}

fn container_table(rows: &[ContainerRow], whole: bool, now: SystemTime) -> String {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let command = format!("\"{}\"", row.command);
            [
                if whole { row.id.clone() } else { text::short_id(&row.id).into() },
                row.image.clone(),
                if whole { command } else { text::ellipsis(&command, COMMAND_WIDTH) },
                age::ago(row.created, now),
                row.status.clone(),
                ports::words(&row.ports),
                row.name.clone(),
            ]
        })
        .collect();
    table::render(["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"], &cells)
}

pub(super) async fn images(client: &Client, options: &Images) -> Outcome {
    let rows = client.images().await?;
    let id = |row: &ImageRow| if options.no_trunc { row.id.clone() } else { text::short_id(&row.id).into() };
    if options.quiet {
        rows.iter().for_each(|row| println!("{}", id(row)));
    } else if options.format == "json" {
        lines(&rows)?;
    } else {
        let now = SystemTime::now();
        let cells: Vec<_> = rows
            .iter()
            .map(|row| {
                let age = age::ago(row.created, now);
                [row.repository.clone(), row.tag.clone(), id(row), age, size::words(row.size)]
            })
            .collect();
        print!("{}", table::render(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], &cells));
    }
    Ok(0)
}

/// One JSON object per line.
fn lines<T: serde::Serialize>(rows: &[T]) -> Outcome {
    for row in rows {
        println!("{}", serde_json::to_string(row).map_err(|error| invalid(error.to_string()))?);
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_api::{ContainerState, PortRow};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn the_table_is_dockers() {
        let row = ContainerRow {
            id: "0123456789abcdef".into(),
            name: "web".into(),
            image: "nginx".into(),
            command: "/docker-entrypoint.sh nginx -g 'daemon off;'".into(),
            state: ContainerState::Running,
            status: "Up 2 minutes".into(),
            ports: vec![PortRow {
                host_ips: vec!["127.0.0.1".into(), "::1".into()],
                host_port: Some(8080),
                container_port: 80,
                protocol: "tcp".into(),
                url: None,
            }],
            created: 1_000,
            labels: vec![],
        };
        insta::assert_snapshot!(container_table(&[row], false, UNIX_EPOCH + Duration::from_secs(1_125)), @r#"
        CONTAINER ID   IMAGE     COMMAND                CREATED         STATUS         PORTS                                        NAMES
        0123456789ab   nginx     "/docker-entrypoint…   2 minutes ago   Up 2 minutes   127.0.0.1:8080->80/tcp, [::1]:8080->80/tcp   web
        "#);
    }
}
