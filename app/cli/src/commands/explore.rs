//! `image explore`: an image, layer by layer.

use crate::{
    failure::{Outcome, invalid},
    output::out,
    render::{size, table, template, text},
};
use berth_api::{
    Client,
    image::{Exploration, ExploredLayer, WastedFile},
};

/// A command is cut to so many characters.
const COMMAND: usize = 60;

pub(super) async fn explore(client: &Client, name: &str, whole: bool, format: Option<&str>) -> Outcome {
    let image = client.explore_image(name).await?;
    match format {
        Some(format) => {
            let value = serde_json::to_value(&image).map_err(|error| invalid(error.to_string()))?;
            out!("{}", template::rows(format, template::Of::Object, &[value], |_| None)?);
        }
        None => out!("{}", told(name, &image, whole)),
    }
    Ok(0)
}

fn told(name: &str, image: &Exploration, whole: bool) -> String {
    let layers = match image.layers.len() {
        1 => "1 layer".to_owned(),
        count => format!("{count} layers"),
    };
    let percent = (image.wasted * 100).checked_div(image.size).unwrap_or(0);
    let (all, wasted) = (size::words(image.size), size::words(image.wasted));
    let id = text::short_id(&image.id);
    let mut out = format!("{} ({id}): {layers}, {all}, of which {wasted} wasted ({percent}%)\n\n", text::inert(name));
    let rows: Vec<_> = image.layers.iter().enumerate().map(|(at, layer)| row(at, layer, whole)).collect();
    out += &table::render(["LAYER", "SIZE", "ADDED", "CHANGED", "REMOVED", "WASTED", "COMMAND"], &rows);
    if !image.largest.is_empty() {
        let rows: Vec<_> = image.largest.iter().map(file).collect();
        out += "\nFiles that a later layer overwrites or deletes, the largest first:\n\n";
        out += &table::render(["SIZE", "LAYER", "HIDDEN BY", "PATH"], &rows);
    }
    out
}

/// Layers are counted from 1, as people count.
fn row(at: usize, layer: &ExploredLayer, whole: bool) -> [String; 7] {
    let command = layer.created_by.replace(['\t', '\n'], " ");
    [
        (at + 1).to_string(),
        size::words(layer.size),
        layer.added.to_string(),
        layer.changed.to_string(),
        layer.removed.to_string(),
        size::words(layer.wasted),
        if whole { command } else { text::ellipsis(&command, COMMAND) },
    ]
}

fn file(file: &WastedFile) -> [String; 4] {
    let position = |at: usize| (at + 1).to_string();
    [size::words(file.size), position(file.layer), position(file.hidden_by), file.path.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_and_what_they_waste_are_told() {
        let layer = |command: &str, size, added, wasted| ExploredLayer {
            diff_id: "sha256:ab".into(),
            created: 0,
            created_by: command.into(),
            size,
            added,
            changed: 1,
            removed: 0,
            wasted,
        };
        let image = Exploration {
            id: "sha256:0123456789abcdef".into(),
            size: 6_000_000,
            wasted: 1_500_000,
            layers: vec![layer("COPY a /", 5_000_000, 120, 1_500_000), layer("RUN make\u{1b}[2J", 1_000_000, 3, 0)],
            largest: vec![WastedFile { path: "/usr/lib/x".into(), size: 1_500_000, layer: 0, hidden_by: 1 }],
        };
        insta::assert_snapshot!(told("app:1", &image, false), @r"
        app:1 (0123456789ab): 2 layers, 6MB, of which 1.5MB wasted (25%)

        LAYER     SIZE      ADDED     CHANGED   REMOVED   WASTED    COMMAND
        1         5MB       120       1         0         1.5MB     COPY a /
        2         1MB       3         1         0         0B        RUN make [2J

        Files that a later layer overwrites or deletes, the largest first:

        SIZE      LAYER     HIDDEN BY   PATH
        1.5MB     1         2           /usr/lib/x
        ");
    }
}
