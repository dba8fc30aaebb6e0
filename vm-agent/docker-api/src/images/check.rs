//! `POST /images/check`, which docker does not have: everything that is stored of images is read and compared with what
//! it was, told line by line. The last line's `aux` is what was found.

use super::message::{self, Detail, Message};
use crate::{error::Reply, wire::lines};
use berth_engine::{
    Engine,
    image::{CheckStep, Checked, Damage, DamageKind},
};
use bytes::Bytes;
use serde::Serialize;

pub(super) async fn post(engine: &Engine) -> Reply {
    message::reply(engine.check_images(), said).await
}

fn said(step: &CheckStep) -> Bytes {
    match step {
        CheckStep::Read { current, total } => {
            let detail = Detail { current: Some(*current), total: Some(*total) };
            lines::line(&Message { progress_detail: Some(detail), ..Message::status("Checking".to_owned()) })
        }
        CheckStep::Done(checked) => lines::line(&Done { aux: Aux::of(checked) }),
    }
}

#[derive(Serialize)]
struct Done<'a> {
    aux: Aux<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aux<'a> {
    blobs: u64,
    layers: u64,
    bytes: u64,
    damaged: Vec<Damaged<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Damaged<'a> {
    kind: &'static str,
    digest: String,
    images: &'a [String],
    containers: &'a [String],
}

impl<'a> Aux<'a> {
    fn of(checked: &'a Checked) -> Self {
        let damaged = |damage: &'a Damage| Damaged {
            kind: match damage.kind {
                DamageKind::Blob => "blob",
                DamageKind::Layer => "layer",
            },
            digest: damage.digest.to_string(),
            images: &damage.images,
            containers: &damage.containers,
        };
        Self {
            blobs: checked.blobs,
            layers: checked.layers,
            bytes: checked.bytes,
            damaged: checked.damage.iter().map(damaged).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_told_as_a_pull_is_and_ends_with_what_was_found() {
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
        let damage = Damage {
            kind: DamageKind::Layer,
            digest,
            images: vec!["app:latest".into()],
            containers: vec!["web".into()],
        };
        let checked = Checked { blobs: 3, layers: 1, bytes: 10, damage: vec![damage] };
        let text: Vec<u8> = [CheckStep::Read { current: 5, total: 10 }, CheckStep::Done(checked)]
            .iter()
            .flat_map(|step| said(step).to_vec())
            .collect();
        let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
        insta::assert_snapshot!(text, @r#"
        {"status":"Checking","progressDetail":{"current":5,"total":10}}
        {"aux":{"Blobs":3,"Layers":1,"Bytes":10,"Damaged":[{"Kind":"layer","Digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","Images":["app:latest"],"Containers":["web"]}]}}
        "#);
    }
}
