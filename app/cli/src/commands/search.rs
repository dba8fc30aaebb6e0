//! `search`.

use crate::{
    arguments::{Search, filters},
    failure::Outcome,
    output::out,
    render::template::{self, Of},
};
use berth_api::Client;
use serde_json::{Value, json};

/// Docker's name for a row.
const ROW: Of = Of::Row("*registry.searchContext");
/// Docker's columns, and its longest description.
const TABLE: &str = "table {{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}";
const DESCRIPTION: usize = 45;

pub(super) async fn search(client: &Client, options: &Search) -> Outcome {
    let found = client.search_images(&options.term, options.limit, filters(&options.filter)?).await?;
    let rows: Vec<Value> = found
        .into_iter()
        .map(|found| {
            let description = found.description.unwrap_or_default().replace(['\n', '\r'], " ");
            json!({
                "Name": found.name.unwrap_or_default(),
                "Description": if options.no_trunc { description } else { ellipsis(&description) },
                "StarCount": found.star_count.unwrap_or(0).to_string(),
                "IsOfficial": if found.is_official == Some(true) { "[OK]" } else { "" },
                "IsAutomated": "",
            })
        })
        .collect();
    let format = if options.format == "table" { TABLE } else { &options.format };
    out!("{}", template::rows(format, ROW, &rows, title)?);
    Ok(0)
}

fn title(field: &str) -> Option<&'static str> {
    Some(match field {
        "StarCount" => "STARS",
        "IsOfficial" => "OFFICIAL",
        "IsAutomated" => "AUTOMATED",
        _ => return None,
    })
}

/// Cut as docker cuts it: to 44 letters and an ellipsis.
fn ellipsis(text: &str) -> String {
    if text.chars().count() <= DESCRIPTION {
        return text.to_owned();
    }
    text.chars().take(DESCRIPTION - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_description_is_cut_as_docker_cuts_it() {
        assert_eq!(ellipsis(&"x".repeat(45)), "x".repeat(45));
        assert_eq!(ellipsis(&"가".repeat(46)), "가".repeat(44) + "…");
    }
}
