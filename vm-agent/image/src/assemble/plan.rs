//! What is to be made of a manifest and a configuration.

use crate::{Digest, ImageConfig, ImageError, Result};

/// One layer to make.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) chain_id: Digest,
    pub(crate) parent: Option<Digest>,
    pub(crate) diff_id: Digest,
    /// Digest and size of the blob, where a manifest tells them.
    pub(crate) blob: Option<(Digest, u64)>,
}

/// The layers of `config`, lowest first, with a manifest's blobs.
pub(crate) fn plans(name: &str, config: &ImageConfig, blobs: &[Option<(Digest, u64)>]) -> Result<Vec<Plan>> {
    let diff_ids = &config.rootfs.diff_ids;
    if diff_ids.len() != blobs.len() {
        return Err(ImageError::Malformed(format!(
            "{name} contradicts itself: its manifest has {} layers, its configuration {}",
            blobs.len(),
            diff_ids.len()
        )));
    }
    if !config.os.is_empty() && config.os != "linux" {
        return Err(ImageError::Unsupported(format!(
            "{name} is made for the operating system {:?}; only Linux images can be run",
            config.os
        )));
    }
    let mut parent = None;
    let plan = |(diff_id, blob): (&Digest, &Option<(Digest, u64)>)| {
        let chain_id = chain_id(parent.as_ref(), diff_id);
        let plan = Plan { chain_id, parent, diff_id: *diff_id, blob: *blob };
        parent = Some(chain_id);
        plan
    };
    Ok(diff_ids.iter().zip(blobs).map(plan).collect())
}

/// Image specification, `config.md`, "Layer ChainID".
fn chain_id(parent: Option<&Digest>, diff_id: &Digest) -> Digest {
    parent.map_or(*diff_id, |parent| Digest::of(format!("{parent} {diff_id}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_ids_are_those_of_the_specification() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(chain_id(None, &a), a);
        assert_eq!(chain_id(Some(&a), &b), Digest::of(format!("{a} {b}").as_bytes()));
    }

    #[test]
    fn a_configuration_with_other_layers_than_its_manifest_is_refused() {
        let mut config = ImageConfig { os: "linux".into(), ..ImageConfig::default() };
        config.rootfs.diff_ids = vec![Digest::of(b"a")];
        assert!(matches!(plans("app", &config, &[]), Err(ImageError::Malformed(_))));
        config.os = "windows".into();
        assert!(matches!(plans("app", &config, &[None]), Err(ImageError::Unsupported(_))));
    }
}
