//! `doctor`: damage that nobody has met yet is looked for.

use crate::{
    failure::{Failure, Outcome},
    output::outln,
    render::{
        progress::{To, Transfer},
        size,
        text::inert,
    },
};
use berth_api::{CheckStep, Client, ImageCheck, ImageDamage, PullProgress};
use futures_util::StreamExt;
use std::pin::pin;

pub(super) async fn images(client: &Client) -> Outcome {
    super::must_run(client).await?;
    let mut shown = Transfer::new(To::Stderr);
    let mut found = None;
    let mut steps = pin!(client.check_images().await?);
    while let Some(step) = steps.next().await {
        match step? {
            CheckStep::Read(current, total) => shown.show(&PullProgress {
                id: Some("images".into()),
                status: "Checking".into(),
                current: Some(current),
                total: Some(total).filter(|total| *total > 0),
            }),
            CheckStep::Done(check) => found = Some(check),
        }
    }
    drop(shown);
    let Some(found) = found else {
        return Err(berth_api::Error::Broken("the engine ended in the middle of the check".into()).into());
    };
    outln!("{}", report(&found));
    if found.damaged.is_empty() { Ok(0) } else { Err(Failure::Said(1)) }
}

/// What was looked at, what was damaged, and what to do.
fn report(check: &ImageCheck) -> String {
    let looked = format!(
        "checked {} stored files and {} unpacked layers, {}",
        check.blobs,
        check.layers,
        size::words(check.bytes)
    );
    if check.damaged.is_empty() {
        return format!("{looked}: all is as it was stored");
    }
    let mut lines = vec![format!("{looked}; damaged and set aside, {}:", check.damaged.len())];
    lines.extend(check.damaged.iter().map(damage));
    let mut images: Vec<_> = check.damaged.iter().flat_map(|damage| &damage.images).collect();
    images.sort();
    images.dedup();
    if !images.is_empty() {
        lines.push("to repair them:".into());
        lines.extend(images.into_iter().map(|image| format!("  berth pull {}", inert(image))));
    }
    lines.join("\n")
}

fn damage(damage: &ImageDamage) -> String {
    let ImageDamage { kind, digest, images, containers } = damage;
    let what = if kind == "layer" { "unpacked layer" } else { "stored file" };
    let short = digest.strip_prefix("sha256:").map_or(digest.as_str(), |hex| &hex[..hex.len().min(12)]);
    let of = |word: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("{word} {}", inert(&names.join(", "))),
    };
    format!("  {what} {}{}{}", inert(short), of(" of", images), of("; containers that stand on it:", containers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_ends_with_what_is_damaged_and_how_to_repair_it() {
        let mut check = ImageCheck { blobs: 7, layers: 2, bytes: 1_500_000, damaged: vec![] };
        assert_eq!(report(&check), "checked 7 stored files and 2 unpacked layers, 1.5MB: all is as it was stored");
        let digest = "sha256:0123456789abcdef".to_owned();
        let (images, containers) = (vec!["app:latest".to_owned()], vec!["web".to_owned()]);
        check.damaged = vec![
            ImageDamage { kind: "layer".into(), digest: digest.clone(), images: images.clone(), containers },
            ImageDamage { kind: "blob".into(), digest, images, containers: vec![] },
        ];
        assert_eq!(
            report(&check),
            "checked 7 stored files and 2 unpacked layers, 1.5MB; damaged and set aside, 2:
  unpacked layer 0123456789ab of app:latest; containers that stand on it: web
  stored file 0123456789ab of app:latest
to repair them:
  berth pull app:latest"
        );
    }
}
