//! Removing what is not needed: `container prune`, `image prune`, `network prune`, `system prune`. Docker asks first, and so do these.

use crate::{
    arguments::filters,
    failure::{Failure, Outcome, io},
    output::{out, outln},
    render::{size, text::inert},
};
use berth_api::{
    Client,
    client::{Filters, Removed},
};
use std::io::Write;

pub(super) async fn containers(client: &Client, force: bool, filter: &[String]) -> Outcome {
    let filters = filters(filter)?;
    if !force && !agreed("This will remove all stopped containers.")? {
        return Ok(0);
    }
    let pruned = client.prune_containers(filters).await?;
    told("Containers", &pruned.removed);
    total(pruned.space_reclaimed);
    Ok(0)
}

pub(super) async fn images(client: &Client, all: bool, force: bool, filter: &[String]) -> Outcome {
    let filters = of_images(filters(filter)?, all);
    if !force && !agreed(&format!("This will remove {}.", which_images(all)))? {
        return Ok(0);
    }
    let pruned = client.prune_images(filters).await?;
    told("Images", &lines(&pruned.removed));
    total(pruned.space_reclaimed);
    Ok(0)
}

pub(super) async fn networks(client: &Client, force: bool, filter: &[String]) -> Outcome {
    let filters = filters(filter)?;
    if !force && !agreed("This will remove all custom networks not used by at least one container.")? {
        return Ok(0);
    }
    told("Networks", &client.prune_networks(filters).await?);
    Ok(0)
}

pub(super) async fn system(client: &Client, all: bool, volumes: bool, force: bool, filter: &[String]) -> Outcome {
    let filters = filters(filter)?;
    let mut what = vec!["all stopped containers", "all networks not used by at least one container"];
    if volumes {
        what.push("all anonymous volumes not used by at least one container");
    }
    what.push(which_images(all));
    let what: String = what.iter().map(|what| format!("\n  - {what}")).collect();
    if !force && !agreed(&format!("This will remove:{what}\n"))? {
        return Ok(0);
    }
    let containers = client.prune_containers(filters.clone()).await?;
    told("Containers", &containers.removed);
    let mut reclaimed = containers.space_reclaimed;
    told("Networks", &client.prune_networks(filters.clone()).await?);
    if volumes {
        // A volume has no age.
        let labels = filters.iter().filter(|(key, _)| *key != "until");
        let pruned = client.prune_volumes(labels.map(|(key, values)| (key.clone(), values.clone())).collect()).await?;
        told("Volumes", &pruned.removed);
        reclaimed += pruned.space_reclaimed;
    }
    let images = client.prune_images(of_images(filters, all)).await?;
    told("Images", &lines(&images.removed));
    total(reclaimed + images.space_reclaimed);
    Ok(0)
}

fn of_images(mut filters: Filters, all: bool) -> Filters {
    filters.insert("dangling".to_owned(), vec![(!all).to_string()]);
    filters
}

fn which_images(all: bool) -> &'static str {
    if all { "all images without at least one container associated to them" } else { "all dangling images" }
}

fn lines(removed: &[Removed]) -> Vec<String> {
    let line = |removed: &Removed| match removed {
        Removed::Untagged(name) => format!("untagged: {name}"),
        Removed::Deleted(id) => format!("deleted: {id}"),
    };
    removed.iter().map(line).collect()
}

fn told(kind: &str, removed: &[String]) {
    if !removed.is_empty() {
        let lines: Vec<String> = removed.iter().map(|line| inert(line)).collect();
        outln!("Deleted {kind}:\n{}\n", lines.join("\n"));
    }
}

fn total(bytes: u64) {
    outln!("Total reclaimed space: {}", size::words(bytes));
}

fn agreed(warning: &str) -> Result<bool, Failure> {
    out!("WARNING! {warning}\nAre you sure you want to continue? [y/N] ");
    std::io::stdout().flush().map_err(io("write the question"))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(io("read the answer"))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
