//! The facade.

use crate::{
    CheckProgress, Checked, Commit, Credentials, Explored, Image, ImageError, ImageId, Import, LoadProgress, Platform,
    Progress, PushProgress, Reference, Result, Saved, Snapshot, StoreConfig,
    assemble::{Lease, blocking},
    check, commit,
    describe::{Described, describe},
    explore, import,
    load::Load,
    pull::{Pull, now},
    push::Push,
    registry::{self, Client, Found},
    save, snapshot,
    store::Store,
    turns::Turns,
};
use std::{path::Path, sync::Arc};
use tokio::io::AsyncRead;

/// The images of one machine. Cloning gives another handle to the same store.
#[derive(Clone)]
pub struct ImageStore {
    store: Arc<Store>,
    turns: Arc<Turns>,
    client: Arc<Client>,
}

/// A container that uses an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// Its name or short id, for people.
    pub container: String,
    /// Whether it runs: then its image cannot be deleted even by force.
    pub running: bool,
}

/// What a tag means, or meant.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// The image.
    pub image: Image,
    /// When the tag was put on it, seconds since the Unix epoch.
    pub tagged_at: i64,
    /// When another image took its place, as `tagged_at`; `None` for the one of now.
    pub replaced_at: Option<i64>,
}

/// One line of what a removal did; `Display` gives docker's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A name was taken off.
    Untagged(Reference),
    /// An image or a layer (its chain id) was deleted.
    Deleted(ImageId),
}

impl std::fmt::Display for Removal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Untagged(name) => write!(f, "Untagged: {}", name.familiar()),
            Self::Deleted(id) => write!(f, "Deleted: {id}"),
        }
    }
}

impl std::fmt::Debug for ImageStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageStore").field("layout", &self.store.layout).finish_non_exhaustive()
    }
}

impl ImageStore {
    /// Opens the store, creates it when missing, and clears away what a crash left half-made. One process may have it
    /// open at a time.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`ImageError::Database`], [`ImageError::NewerFormat`].
    pub async fn open(config: StoreConfig) -> Result<Self> {
        let client = Arc::new(Client::new(&config.network)?);
        let store = Arc::new(blocking(move || Store::open(&config.root)).await?);
        store.keep_spare()?;
        let doubted = Arc::downgrade(&store);
        tokio::task::spawn_blocking(move || {
            let Some(store) = doubted.upgrade() else { return };
            if let Err(error) = store.look_at_all_doubted() {
                tracing::error!(%error, "the layers could not be looked at after the machine had died");
            }
        });
        Ok(Self { store, turns: Arc::default(), client })
    }

    /// Says that the machine goes down in order: what is stored is not doubted at the next start.
    ///
    /// # Errors
    /// [`ImageError::Io`].
    pub async fn close(&self) -> Result<()> {
        self.work(Store::close).await
    }

    /// Reads everything that is stored and compares it with what it was. What is damaged is set aside; the next pull or
    /// load puts it back. `progress` is told how far it is.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`ImageError::Database`].
    pub async fn check(&self, progress: CheckProgress) -> Result<Checked> {
        self.work(move |store| check::check(store, &*progress)).await
    }

    /// Tells whether a container can stand on its layers, before it is started.
    ///
    /// # Errors
    /// [`ImageError::Lost`] with the image to pull again; [`ImageError::NoSuchSnapshot`], [`ImageError::Database`].
    pub async fn intact(&self, container: &str) -> Result<()> {
        let container = container.to_owned();
        self.work(move |store| store.stand(&container).map(drop)).await
    }

    /// Pulls an image; `latest` when the reference has neither tag nor digest, the native platform when none is
    /// given. When it returns, the image is durable. Dropping the future ends the pull and leaves nothing half-made.
    ///
    /// # Errors
    /// Any [`ImageError`]; see [`ImageError::kind`].
    pub async fn pull(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        credentials: Option<&Credentials>,
        progress: Progress,
    ) -> Result<Image> {
        let pull = Pull {
            store: self.store.clone(),
            turns: self.turns.clone(),
            client: self.client.clone(),
            reference: reference.clone().or_latest(),
            platform: platform.cloned(),
            credentials: credentials.cloned(),
            progress,
        };
        Box::pin(pull.run()).await
    }

    /// Pushes the image that a tag means, or those of all tags of the repository when the reference has none, to the
    /// registry of its name; with a platform, only if they are for that. What the registry has is not sent again.
    ///
    /// # Errors
    /// [`ImageError::NothingToPush`], [`ImageError::NoSuchTag`], [`ImageError::OtherPlatform`]; any of a registry; see [`ImageError::kind`].
    pub async fn push(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        credentials: Option<&Credentials>,
        progress: PushProgress,
    ) -> Result<()> {
        let push = Push {
            store: self.store.clone(),
            client: self.client.clone(),
            reference: reference.clone(),
            platform: platform.cloned(),
            credentials: credentials.cloned(),
            progress,
        };
        Box::pin(push.run()).await
    }

    /// Shows credentials to the registry at `server`, host and port with or without scheme (docker.io when it is
    /// empty); gives the refresh token that stands for them from now on, where the registry has such.
    ///
    /// # Errors
    /// [`ImageError::Unauthorized`] when the registry refuses them; see [`ImageError::kind`].
    pub async fn log_in(&self, server: &str, credentials: &Credentials) -> Result<Option<String>> {
        registry::log_in(&self.client, server, credentials).await
    }

    /// What the registry of `reference` has under that name, without fetching it.
    ///
    /// # Errors
    /// Any of a registry; see [`ImageError::kind`].
    pub async fn describe(&self, reference: &Reference, credentials: Option<&Credentials>) -> Result<Described> {
        describe(self.client.clone(), &reference.clone().or_latest(), credentials).await
    }

    /// At most `limit` repositories whose name fits `term`: of docker.io, or of the registry whose host stands in front
    /// (`localhost:5000/word`), which lists what it has.
    ///
    /// # Errors
    /// Any of a registry; see [`ImageError::kind`].
    pub async fn search(&self, term: &str, limit: usize, credentials: Option<&Credentials>) -> Result<Vec<Found>> {
        registry::search(&self.client, term, limit, credentials).await
    }

    /// Loads the images of a docker archive or an OCI layout, plain or compressed tar, as `docker save` writes it. Of
    /// what is offered for several platforms the native one is taken, or the one that is given.
    ///
    /// # Errors
    /// Any [`ImageError`] but those of registries.
    pub async fn load(
        &self,
        archive: impl AsyncRead + Send + Unpin,
        platform: Option<&Platform>,
        progress: LoadProgress,
    ) -> Result<()> {
        let load = Load { store: self.store.clone(), turns: self.turns.clone(), platform: platform.cloned(), progress };
        Box::pin(load.run(archive)).await
    }

    /// Prepares to write images to an archive that [`ImageStore::load`], docker and tools for OCI layouts read. A name
    /// without a tag is all tags of its repository.
    ///
    /// # Errors
    /// As [`ImageStore::resolve`]; [`ImageError::OtherPlatform`] for an image that does not run on `platform`.
    pub async fn save(&self, names: &[String], platform: Option<&Platform>) -> Result<Saved> {
        let (store, names, platform) = (self.store.clone(), names.to_vec(), platform.cloned());
        blocking(move || save::save(store, &names, platform.as_ref())).await
    }

    /// The image that `name` means: a name with or without tag, a name with a digest, an id, or a prefix of exactly
    /// one id.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::Ambiguous`], [`ImageError::Reference`].
    pub async fn resolve(&self, name: &str) -> Result<Image> {
        let name = name.to_owned();
        self.work(move |store| {
            let id = store.find(&name)?;
            store.image(&id)?.ok_or(ImageError::NoSuchImage(name))
        })
        .await
    }

    /// All images, the last stored first.
    ///
    /// # Errors
    /// [`ImageError::Database`], [`ImageError::DigestMismatch`] when a configuration is damaged.
    pub async fn list(&self) -> Result<Vec<Image>> {
        self.work(Store::images).await
    }

    /// Lets `target` (with `latest` when it has no tag) mean the image that `source` means.
    ///
    /// # Errors
    /// As [`ImageStore::resolve`]; [`ImageError::Malformed`] when `target` has a digest.
    pub async fn tag(&self, source: &str, target: &Reference) -> Result<Image> {
        if target.digest().is_some() {
            return Err(ImageError::Malformed("refusing to create a tag with a digest reference".into()));
        }
        let (source, target) = (source.to_owned(), target.clone().or_latest());
        self.work(move |store| {
            let id = store.find(&source)?;
            store.tag(&id, &target, now())?;
            store.image(&id)?.ok_or(ImageError::NoSuchImage(source))
        })
        .await
    }

    /// The images that a tag means and meant before, the last first; `latest` when the name has no tag. Those of before
    /// stay until they are removed.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`] when it never meant one that is still here; [`ImageError::Database`].
    pub async fn meanings(&self, name: &Reference) -> Result<Vec<Meaning>> {
        let name = name.clone().or_latest();
        self.work(move |store| {
            let mut meanings = Vec::new();
            for meant in store.meanings(&name)? {
                // It may go meanwhile.
                let Some(image) = store.image(&meant.image)? else { continue };
                meanings.push(Meaning { image, tagged_at: meant.tagged_at, replaced_at: meant.replaced_at });
            }
            if meanings.is_empty() { Err(ImageError::NoSuchImage(name.familiar())) } else { Ok(meanings) }
        })
        .await
    }

    /// What each layer of an image does to the files of those below, and what of it is wasted.
    ///
    /// # Errors
    /// As [`ImageStore::resolve`]; [`ImageError::Unsupported`] for a tree that is absurdly deep or large.
    pub async fn explore(&self, name: &str) -> Result<(Image, Explored)> {
        let image = self.resolve(name).await?;
        let store = self.store.clone();
        blocking(move || {
            let _lease = Lease::new(store.clone(), image.layers.iter().map(|layer| layer.chain_id).collect());
            if !store.has_image(&image.id)? {
                return Err(ImageError::NoSuchImage(image.id.to_string()));
            }
            let explored = explore::explore(&store.layout, &image)?;
            Ok((image, explored))
        })
        .await
    }

    /// Takes a name off an image, and deletes the image with its last name. By id, takes off all its names when they
    /// are of one repository or `force` is given. `in_use` tells which container uses an image; a stopped one yields
    /// to `force` (its layers stay until it is gone), a running one never.
    ///
    /// # Errors
    /// [`ImageError::Conflict`]; as [`ImageStore::resolve`].
    pub async fn remove(
        &self,
        name: &str,
        force: bool,
        in_use: &(dyn Fn(&ImageId) -> Option<ImageUse> + Send + Sync),
    ) -> Result<Vec<Removal>> {
        let wanted = name.to_owned();
        let id = self.work(move |store| store.find(&wanted)).await?;
        let (name, user) = (name.to_owned(), in_use(&id));
        self.work(move |store| store.remove(&name, &id, force, user.as_ref())).await
    }

    /// Makes a container's snapshot of `image` with `upper/` and `work/` in `dir`, and keeps the image's layers until
    /// [`ImageStore::release`], whatever happens to the image. Preparing again gives the same snapshot.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::Lost`], [`ImageError::Io`], [`ImageError::Database`].
    pub async fn prepare(&self, container: &str, image: &ImageId, dir: &Path) -> Result<Snapshot> {
        let (container, image, dir) = (container.to_owned(), *image, dir.to_owned());
        self.work(move |store| {
            store.hold(&container, &image)?;
            let prepared = store.stand(&container).and_then(|layers| snapshot::prepare(&store.layout, &layers, &dir));
            if prepared.is_err() {
                store.let_go(&container)?;
            }
            prepared
        })
        .await
    }

    /// The snapshot that was prepared for a container, for instance before the engine was started again.
    ///
    /// # Errors
    /// [`ImageError::NoSuchSnapshot`], [`ImageError::Database`].
    pub async fn snapshot(&self, container: &str, dir: &Path) -> Result<Snapshot> {
        let (container, dir) = (container.to_owned(), dir.to_owned());
        self.work(move |store| match store.held(&container)? {
            Some(layers) => Ok(snapshot::describe(&store.layout, &layers, &dir)),
            None => Err(ImageError::NoSuchSnapshot(container)),
        })
        .await
    }

    /// Deletes `upper/` and `work/` in `dir` and lets go of the layers. The snapshot must not be mounted. A container
    /// without a snapshot is fine.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`ImageError::Database`].
    pub async fn release(&self, container: &str, dir: &Path) -> Result<()> {
        let (container, dir) = (container.to_owned(), dir.to_owned());
        self.work(move |store| {
            snapshot::delete(&dir)?;
            store.let_go(&container)
        })
        .await
    }

    /// Makes an image of what a container changed, on top of the layers that it holds. When it returns, the image is
    /// durable.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`ImageError::Database`]; [`ImageError::Malformed`] for files that no layer can hold.
    pub async fn commit(&self, commit: Commit) -> Result<Image> {
        let id = Box::pin(commit::commit(self.store.clone(), self.turns.clone(), commit)).await?;
        self.work(move |store| store.image(&id)?.ok_or_else(|| ImageError::NoSuchImage(id.to_string()))).await
    }

    /// Makes an image of one layer from an archive of files, plain or compressed tar. When it returns, the image is
    /// durable.
    ///
    /// # Errors
    /// Any [`ImageError`] but those of registries.
    pub async fn import(&self, archive: impl AsyncRead + Send + Unpin, import: Import) -> Result<Image> {
        let id = Box::pin(import::import(self.store.clone(), self.turns.clone(), archive, import)).await?;
        self.work(move |store| store.image(&id)?.ok_or_else(|| ImageError::NoSuchImage(id.to_string()))).await
    }

    /// [`ImageStore::import`] of the archive at `url`, of http or https. `found` is told when it has begun to come.
    ///
    /// # Errors
    /// Any [`ImageError`].
    pub async fn import_from(&self, url: &str, found: impl FnOnce(String) + Send, import: Import) -> Result<Image> {
        let fetched = registry::fetch(&self.client, url).await?;
        found(fetched.url.to_string());
        self.import(fetched.body, import).await
    }

    /// The containers that have a snapshot, so that the engine can release those it does not know.
    ///
    /// # Errors
    /// [`ImageError::Database`].
    pub async fn snapshots(&self) -> Result<Vec<String>> {
        self.work(Store::holders).await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce(&Store) -> Result<T> + Send + 'static) -> Result<T> {
        let store = self.store.clone();
        blocking(move || work(&store)).await
    }
}
