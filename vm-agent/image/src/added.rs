//! An image with a new uppermost layer, which lies in a scratch directory as a plain archive.

use crate::{
    Digest, History, ImageConfig, ImageError, ImageId, Reference, Result,
    assemble::{Assembly, Open, Plan, Source, blocking, plans},
    error::IoContext as _,
    pull::now,
    store::{NewImage, Scratch, Store},
    turns::Turns,
};
use std::{fs::File, io::BufReader, path::PathBuf, sync::Arc};

/// What the new image is.
pub(crate) struct Added {
    /// Where [`Added::layer`] is.
    pub(crate) scratch: Arc<Scratch>,
    /// Digest and size of the layer; `None` when nothing is added but what the configuration says.
    pub(crate) layer: Option<(Digest, u64)>,
    /// The image below, with what the new one says of itself.
    pub(crate) config: ImageConfig,
    pub(crate) history: History,
    pub(crate) name: Option<Reference>,
}

impl Added {
    /// The layer's archive.
    pub(crate) fn layer(scratch: &Scratch) -> PathBuf {
        scratch.path().join("layer")
    }

    /// Makes the image. When it returns, the image is durable; what fails leaves nothing.
    pub(crate) async fn store(self, store: Arc<Store>, turns: Arc<Turns>) -> Result<ImageId> {
        let Self { scratch, layer, mut config, mut history, name } = self;
        let mut blobs = vec![None; config.rootfs.diff_ids.len()];
        match layer {
            Some((diff_id, size)) => {
                config.rootfs.diff_ids.push(diff_id);
                blobs.push(Some((diff_id, size)));
            }
            None => history.empty_layer = true,
        }
        config.rootfs.kind = "layers".to_owned();
        config.history.push(history);
        let json = serde_json::to_vec(&config)
            .map_err(|e| ImageError::Internal(format!("the new image's configuration cannot be written: {e}")))?;
        let plans: Vec<Plan> = plans("the new image", &config, &blobs)?;
        let top = plans.last().map(|plan| plan.chain_id);
        let own = plans.len();
        let path = Self::layer(&scratch);
        let open: Open = Arc::new(move |at| {
            let (path, missing) = (path.clone(), at + 1 != own);
            Box::pin(blocking(move || {
                if missing {
                    let why = "a layer of the container's image is not stored any more; pull the image again";
                    return Err(ImageError::Malformed(why.to_owned()));
                }
                let file = File::open(&path).at("open", &path)?;
                Ok(Source { reader: Box::new(BufReader::with_capacity(256 << 10, file)), feeder: None })
            }))
        });
        let assembly = Assembly { store, turns, open, report: Arc::new(|_, _| {}) };
        let names = name.into_iter().collect();
        let id = assembly.run(plans, move |store| {
            let image = NewImage { config: &json, manifests: vec![], top, names, now: now() };
            Ok(store.commit_image(&image)?.0)
        });
        let id = id.await?;
        drop(scratch);
        Ok(id)
    }
}
