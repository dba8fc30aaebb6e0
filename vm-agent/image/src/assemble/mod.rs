//! Many layers at once: each is made in its own scratch directory, three at a time; what is finished without a gap from
//! below becomes durable together.
//!
//! A layer is identified by its chain id, which names all layers below it as well. Whoever holds a layer's turn waits
//! only for shorter chains of its own, so turns cannot wait for each other in a circle.

mod plan;

use crate::{
    Digest, ImageError, LayerProgress, Result,
    layer::{self, Applied, Expected, Target},
    seal,
    store::{NewLayer, NewTree, Scratch, Store, Twin},
    turns::{Turn, Turns},
    unpack::{self, Unpacked},
};
use futures_util::future::BoxFuture;
pub(crate) use plan::{Plan, plans};
use std::{io::BufRead, path::PathBuf, sync::Arc};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};

/// Layers that are fetched and unpacked at the same time, docker's number.
const AT_ONCE: usize = 3;

/// The bytes of a layer's blob.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn BufRead + Send>,
    /// What feeds the reader, ended when the layer is not wanted any more.
    pub(crate) feeder: Option<Feeder>,
}

/// A task that ends when this is dropped.
pub(crate) struct Feeder(pub(crate) AbortHandle);

impl Drop for Feeder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins reading the blob of the layer at this position.
pub(crate) type Open = Arc<dyn Fn(usize) -> BoxFuture<'static, Result<Source>> + Send + Sync>;
/// Told what happens to the layer at this position.
pub(crate) type Report = Arc<dyn Fn(usize, LayerProgress) + Send + Sync>;

/// Everything that making layers needs.
#[derive(Clone)]
pub(crate) struct Assembly {
    pub(crate) store: Arc<Store>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) open: Open,
    pub(crate) report: Report,
}

/// What became of one layer.
enum Made {
    /// It is stored already, with its files here.
    Stored(PathBuf),
    /// It is finished and must be made durable. The turn is kept until then.
    Fresh { layer: FreshLayer, turn: Turn },
}

enum FreshLayer {
    /// Its files are another layer's, which must not be collected before this one's row is written.
    Twin(Twin, Lease),
    Applied {
        dir: Scratch,
        applied: Applied,
        /// Dropped after the directory: whoever waits for the end of all finds it gone.
        _alive: mpsc::Sender<std::convert::Infallible>,
    },
}

/// Keeps layers from being collected while an image is assembled.
pub(crate) struct Lease {
    store: Arc<Store>,
    chain_ids: Vec<Digest>,
}

impl Lease {
    pub(crate) fn new(store: Arc<Store>, chain_ids: Vec<Digest>) -> Self {
        store.lease(&chain_ids);
        Self { store, chain_ids }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.store.release(&self.chain_ids);
    }
}

impl Assembly {
    /// Makes all layers, lowest first, then calls `then` while they are still safe from being collected.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        plans: Vec<Plan>,
        then: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lease = Lease::new(self.store.clone(), plans.iter().map(|plan| plan.chain_id).collect());
        // Dropped with the last layer that a blocking thread made, so that a failure returns when nothing is left of it.
        let (alive, mut ended) = mpsc::channel::<std::convert::Infallible>(1);
        let result = self.layers(&plans, alive).await;
        while ended.recv().await.is_some() {}
        result?;
        let store = self.store.clone();
        blocking(move || {
            let done = then(&store);
            drop(lease);
            done
        })
        .await
    }

    async fn layers(&self, plans: &[Plan], alive: mpsc::Sender<std::convert::Infallible>) -> Result<()> {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        for (at, plan) in plans.iter().enumerate() {
            let (assembly, plan, slots, alive) = (self.clone(), plan.clone(), slots.clone(), alive.clone());
            tasks.spawn(async move { (at, assembly.make(at, plan, slots, alive).await) });
        }
        drop(alive);
        let mut waiting: Vec<Option<Made>> = plans.iter().map(|_| None).collect();
        let mut below: Vec<PathBuf> = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let (at, made) = ended.map_err(|e| ImageError::Internal(format!("fetching a layer: {e}")))?;
            waiting[at] = Some(made?);
            let ready: Vec<Made> = waiting[below.len()..].iter_mut().map_while(Option::take).collect();
            if !ready.is_empty() {
                below = self.settle(plans, below, ready).await?;
            }
        }
        Ok(())
    }

    /// Makes the next layers durable; gives the files of all layers so far, lowest first.
    async fn settle(&self, plans: &[Plan], below: Vec<PathBuf>, ready: Vec<Made>) -> Result<Vec<PathBuf>> {
        let store = self.store.clone();
        let first = below.len();
        let plans: Vec<Plan> = plans[first..first + ready.len()].to_vec();
        let fresh: Vec<bool> = ready.iter().map(|made| matches!(made, Made::Fresh { .. })).collect();
        let below = blocking(move || settle(&store, &plans, below, ready)).await?;
        for (offset, _) in fresh.iter().enumerate().filter(|(_, fresh)| **fresh) {
            (self.report)(first + offset, LayerProgress::PullComplete);
        }
        Ok(below)
    }

    async fn make(
        &self,
        at: usize,
        plan: Plan,
        slots: Arc<Semaphore>,
        alive: mpsc::Sender<std::convert::Infallible>,
    ) -> Result<Made> {
        let report = |progress| (self.report)(at, progress);
        let turn = match self.turns.try_take(&plan.chain_id) {
            Some(turn) => turn,
            None => {
                report(LayerProgress::Waiting);
                self.turns.take(&plan.chain_id).await
            }
        };
        let store = self.store.clone();
        let (chain_id, diff_id) = (plan.chain_id, plan.diff_id);
        let known = blocking(move || {
            let stored = store.whole(&chain_id)?.map(|tree| store.layout.diff(&tree));
            let mut twin = if stored.is_none() { store.lease_twin(&diff_id)? } else { None };
            if let Some(Twin { chain_id, blob, shareable: false, .. }) = &twin {
                // It is about to be unpacked again, and what is damaged must be fetched instead.
                let right = store.is_right(blob, &mut |_| {});
                if !matches!(right, Ok(true)) {
                    store.release(&[*chain_id]);
                    right?;
                    store.set_blob_aside(blob)?;
                    twin = None;
                }
            }
            Ok((stored, twin))
        });
        let (stored, twin) = known.await?;
        if let Some(stored) = stored {
            report(LayerProgress::AlreadyExists);
            return Ok(Made::Stored(stored));
        }
        let twin = twin.map(|twin| {
            let lease = Lease { store: self.store.clone(), chain_ids: vec![twin.chain_id] };
            (twin, lease)
        });
        let twin = match twin {
            Some((twin, lease)) if twin.shareable => {
                report(LayerProgress::AlreadyExists);
                return Ok(Made::Fresh { layer: FreshLayer::Twin(twin, lease), turn });
            }
            other => other,
        };
        report(LayerProgress::PullingFsLayer);
        let slot = match slots.clone().try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => {
                report(LayerProgress::Waiting);
                slots.acquire_owned().await.map_err(|e| ImageError::Internal(e.to_string()))?
            }
        };
        let (source, expected, copy) = match &twin {
            Some((twin, _)) => self.local(&plan, twin).await?,
            None => ((self.open)(at).await?, Expected { blob: plan.blob, diff_id: plan.diff_id }, true),
        };
        let (store, reports) = (self.store.clone(), self.report.clone());
        // Held here, where an abandoned pull ends first, and not by the thread that waits for the bytes.
        let Source { reader, feeder: _feeder } = source;
        let applied = blocking(move || {
            // Dropped in the opposite order, after everything below.
            let (_alive, _slot, _twin) = (alive, slot, twin);
            let dir = store.layout.scratch()?;
            let target = Target { blob: copy.then(|| dir.path().join("blob")), tree: dir.path().join("tree/diff") };
            let verified = {
                let reports = reports.clone();
                move || {
                    reports(at, LayerProgress::VerifyingChecksum);
                    reports(at, LayerProgress::DownloadComplete);
                }
            };
            let applied = layer::apply(reader, &expected, &target, &verified)?;
            reports(at, LayerProgress::Extracting { current: applied.blob_size, total: applied.blob_size });
            Ok(FreshLayer::Applied { dir, applied, _alive })
        });
        Ok(Made::Fresh { layer: applied.await?, turn })
    }

    /// The blob of a layer of the same content, whose files depend on what is below them.
    async fn local(&self, plan: &Plan, twin: &Twin) -> Result<(Source, Expected, bool)> {
        use crate::error::IoContext as _;
        let path = self.store.layout.blob(&twin.blob);
        let (blob, diff_id) = (twin.blob, plan.diff_id);
        blocking(move || {
            let file = std::fs::File::open(&path).at("open", &path)?;
            let size = file.metadata().at("read", &path)?.len();
            let source = Source { reader: Box::new(std::io::BufReader::with_capacity(128 << 10, file)), feeder: None };
            Ok((source, Expected { blob: Some((blob, size)), diff_id }, false))
        })
        .await
    }
}

fn settle(store: &Store, plans: &[Plan], mut below: Vec<PathBuf>, ready: Vec<Made>) -> Result<Vec<PathBuf>> {
    use crate::error::IoContext as _;
    let mut layers = Vec::new();
    let mut turns = Vec::new();
    let mut leases = Vec::new();
    let mut fresh = Vec::new();
    for (plan, made) in plans.iter().zip(ready) {
        let (layer, turn) = match made {
            Made::Stored(diff) => {
                below.push(diff);
                continue;
            }
            Made::Fresh { layer, turn } => (layer, turn),
        };
        turns.push(turn);
        fresh.push(below.len());
        let (blob, size, tree, describes_root) = match layer {
            FreshLayer::Twin(twin, lease) => {
                leases.push(lease);
                below.push(store.layout.diff(&twin.tree));
                (twin.blob, twin.size, NewTree::Shared(twin.tree), twin.describes_root)
            }
            FreshLayer::Applied { dir, applied, .. } => {
                let diff = dir.path().join("tree/diff");
                let upwards: Vec<PathBuf> = below.iter().rev().cloned().collect();
                unpack::inherit(&diff, &applied.unpacked.implicit, &upwards).at("complete", &diff)?;
                let shareable = applied.unpacked.implicit.is_empty();
                let Applied { blob, blob_size, unpacked: Unpacked { size, describes_root, sums, .. } } = applied;
                let seal = seal::seal(&diff, &sums, &mut |_| {}).at("read", &diff)?;
                below.push(diff);
                (blob, size, NewTree::Made { dir, blob_size, shareable, seal }, describes_root)
            }
        };
        let (chain_id, parent, diff_id) = (plan.chain_id, plan.parent, plan.diff_id);
        layers.push(NewLayer { chain_id, parent, diff_id, blob, size, describes_root, tree });
    }
    let trees = store.commit_layers(&layers)?;
    // What was in a scratch directory has moved to its place.
    for (place, tree) in fresh.into_iter().zip(trees) {
        below[place] = store.layout.diff(&tree);
    }
    Ok(below)
}

/// Runs what blocks where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ImageError::Internal(format!("image store: {error}"))),
    }
}
