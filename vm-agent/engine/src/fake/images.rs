//! Images without registries, and root filesystems without overlays.

use crate::seam::{Images, InUse, Snapshotter};
use async_trait::async_trait;
use berth_image::{
    CheckProgress, Checked, Commit, Credentials, Described, Digest, Explored, Found, History, Ids, Image, ImageConfig,
    ImageError, ImageId, Import, LoadEvent, LoadProgress, Meaning, Platform, Progress, PullEvent, PullStatus,
    PushEvent, PushProgress, Reference, Removal, Saved, Snapshot,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::io::{AsyncRead, AsyncReadExt};

#[derive(Default)]
pub struct FakeImages {
    here: Mutex<Vec<Image>>,
    /// What a pull can fetch.
    registry: Mutex<BTreeMap<String, Image>>,
}

impl FakeImages {
    /// An image that is here.
    pub fn add(&self, name: &str, change: impl FnOnce(&mut ImageConfig)) -> String {
        let image = image(name, change);
        let id = image.id.to_string();
        self.store(image);
        id
    }

    /// An image that a registry has.
    pub fn offer(&self, name: &str, change: impl FnOnce(&mut ImageConfig)) {
        let image = image(name, change);
        self.registry.lock().unwrap().insert(image.tags[0].to_string(), image);
    }

    fn make(&self, mut config: ImageConfig, history: History, name: Option<Reference>) -> Result<Image, ImageError> {
        config.history.push(history);
        let json = serde_json::to_vec(&config).map_err(|e| ImageError::Internal(e.to_string()))?;
        let image = stored(json, config, name.into_iter().collect());
        self.store(image.clone());
        Ok(image)
    }

    fn store(&self, image: Image) {
        let mut here = self.here.lock().unwrap();
        for other in here.iter_mut() {
            other.tags.retain(|tag| !image.tags.contains(tag));
        }
        here.push(image);
    }
}

fn image(name: &str, change: impl FnOnce(&mut ImageConfig)) -> Image {
    let native = Platform::native();
    let mut config = ImageConfig { architecture: native.architecture, os: native.os, ..ImageConfig::default() };
    config.created = Some("2026-01-01T00:00:00Z".into());
    change(&mut config);
    let json = serde_json::to_vec(&(name, &config)).unwrap();
    stored(json, config, vec![name.parse::<Reference>().unwrap().or_latest()])
}

fn stored(json: Vec<u8>, config: ImageConfig, tags: Vec<Reference>) -> Image {
    Image {
        id: Digest::of(&json),
        manifest: None,
        tags,
        digests: vec![],
        config: Arc::new(config),
        config_json: json.into(),
        layers: vec![],
        size: 1000,
        stored_at: 1_800_000_000,
        tagged_at: Some(1_800_000_000),
    }
}

#[async_trait]
impl Images for FakeImages {
    async fn pull(
        &self,
        reference: &Reference,
        _platform: Option<&Platform>,
        _credentials: Option<&Credentials>,
        progress: Progress,
    ) -> Result<Image, ImageError> {
        let offered = self.registry.lock().unwrap().get(&reference.to_string()).cloned();
        let image =
            offered.ok_or_else(|| ImageError::ManifestUnknown(reference.familiar(), "manifest unknown".into()))?;
        let known = self.here.lock().unwrap().iter().any(|here| here.id == image.id);
        progress(PullEvent::Pulling { reference: reference.clone() });
        progress(PullEvent::Digest(image.id));
        let status = if known { PullStatus::UpToDate } else { PullStatus::Downloaded };
        progress(PullEvent::Status { status, reference: reference.clone() });
        if !known {
            self.store(image.clone());
        }
        Ok(image)
    }

    async fn push(
        &self,
        reference: &Reference,
        _platform: Option<&Platform>,
        _credentials: Option<&Credentials>,
        progress: PushProgress,
    ) -> Result<(), ImageError> {
        progress(PushEvent::Refers { repository: reference.repository() });
        let image = self.resolve(&reference.familiar()).await;
        let image = image.map_err(|_| ImageError::NothingToPush(reference.familiar_repository()))?;
        let tag = reference.tag().unwrap_or("latest").to_owned();
        progress(PushEvent::Done { tag, digest: image.id, size: 500 });
        self.registry.lock().unwrap().insert(reference.to_string(), image);
        Ok(())
    }

    /// Everyone's password is `right`.
    async fn log_in(&self, server: &str, credentials: &Credentials) -> Result<Option<String>, ImageError> {
        match credentials {
            Credentials::Basic { password, .. } if password == "right" => Ok(None),
            _ => {
                Err(ImageError::Unauthorized(format!("login attempt to {server} failed with status: 401 Unauthorized")))
            }
        }
    }

    async fn describe(&self, reference: &Reference, _: Option<&Credentials>) -> Result<Described, ImageError> {
        let registry = self.registry.lock().unwrap();
        let image = registry.get(&reference.clone().or_latest().to_string());
        let image = image.ok_or_else(|| ImageError::ManifestUnknown(reference.familiar(), "unknown".into()))?;
        Ok(Described { media_type: String::new(), digest: image.id, size: 0, platforms: vec![] })
    }

    async fn search(&self, term: &str, limit: usize, _: Option<&Credentials>) -> Result<Vec<Found>, ImageError> {
        let registry = self.registry.lock().unwrap();
        let names = registry.keys().filter(|name| name.contains(term)).take(limit);
        Ok(names.map(|name| Found { name: name.clone(), ..Found::default() }).collect())
    }

    /// The archive is the image's name.
    async fn load(
        &self,
        mut archive: Box<dyn AsyncRead + Send + Unpin>,
        _platform: Option<&Platform>,
        progress: LoadProgress,
    ) -> Result<(), ImageError> {
        let mut name = String::new();
        let read = archive.read_to_string(&mut name).await;
        if read.is_err() || name.parse::<Reference>().is_err() {
            return Err(ImageError::Malformed("the archive holds no image".into()));
        }
        let image = image(&name, |_| {});
        self.store(image.clone());
        progress(LoadEvent::Loaded { id: image.id, name: image.tags.first().cloned() });
        Ok(())
    }

    /// The archive is the images' names, a line each.
    async fn save(&self, names: &[String], _platform: Option<&Platform>) -> Result<Saved, ImageError> {
        let mut images = Vec::new();
        let mut text = String::new();
        for name in names {
            let image = self.resolve(name).await?;
            text += &format!("{}\n", image.tags[0].familiar());
            images.push(image.id);
        }
        let write = Box::new(move |out: &mut dyn std::io::Write| {
            let written = out.write_all(text.as_bytes());
            written.map_err(|source| ImageError::Io { doing: "write", path: "the archive".into(), source })
        });
        Ok(Saved { images, write })
    }

    async fn resolve(&self, name: &str) -> Result<Image, ImageError> {
        let reference = name.parse::<Reference>().ok().map(Reference::or_latest);
        let here = self.here.lock().unwrap();
        let found = here.iter().find(|image| {
            let id = image.id.to_string();
            reference.as_ref().is_some_and(|r| image.tags.contains(r)) || id == name || id[7..].starts_with(name)
        });
        found.cloned().ok_or_else(|| ImageError::NoSuchImage(name.to_owned()))
    }

    async fn list(&self) -> Result<Vec<Image>, ImageError> {
        Ok(self.here.lock().unwrap().clone())
    }

    /// These images have no layers.
    async fn explore(&self, name: &str) -> Result<(Image, Explored), ImageError> {
        Ok((self.resolve(name).await?, Explored::default()))
    }

    /// This one forgets what it meant before.
    async fn meanings(&self, name: &Reference) -> Result<Vec<Meaning>, ImageError> {
        let image = self.resolve(&name.familiar()).await?;
        Ok(vec![Meaning { tagged_at: image.stored_at, image, replaced_at: None }])
    }

    async fn tag(&self, source: &str, target: &Reference) -> Result<Image, ImageError> {
        let image = self.resolve(source).await?;
        let mut here = self.here.lock().unwrap();
        for other in here.iter_mut() {
            other.tags.retain(|tag| tag != target);
            if other.id == image.id {
                other.tags.push(target.clone());
            }
        }
        Ok(image)
    }

    async fn remove(&self, name: &str, force: bool, in_use: &InUse) -> Result<Vec<Removal>, ImageError> {
        let image = self.resolve(name).await?;
        if let Some(user) = in_use(&image.id).filter(|user| user.running || !force) {
            return Err(ImageError::Conflict(format!(
                "unable to remove {name}: container {} is using it",
                user.container
            )));
        }
        self.here.lock().unwrap().retain(|here| here.id != image.id);
        let untagged = image.tags.iter().cloned().map(Removal::Untagged);
        Ok(untagged.chain([Removal::Deleted(image.id)]).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Image, ImageError> {
        self.make(commit.config, commit.history, commit.name)
    }

    async fn import(
        &self,
        mut archive: Box<dyn AsyncRead + Send + Unpin>,
        import: Import,
    ) -> Result<Image, ImageError> {
        let mut files = Vec::new();
        let read = archive.read_to_end(&mut files).await;
        read.map_err(|source| ImageError::Io { doing: "receive", path: "the archive".into(), source })?;
        self.make(import.config, import.history, import.name)
    }

    /// Every address has an archive.
    async fn import_from(
        &self,
        url: &str,
        found: Box<dyn FnOnce(String) + Send>,
        import: Import,
    ) -> Result<Image, ImageError> {
        found(url.to_owned());
        self.make(import.config, import.history, import.name)
    }

    async fn check(&self, progress: CheckProgress) -> Result<Checked, ImageError> {
        let blobs = self.here.lock().unwrap().len() as u64;
        progress(0, 0);
        Ok(Checked { blobs, ..Checked::default() })
    }

    async fn close(&self) -> Result<(), ImageError> {
        Ok(())
    }
}

#[derive(Default)]
pub struct FakeSnapshots {
    prepared: Mutex<BTreeSet<String>>,
    mounted: Mutex<BTreeSet<PathBuf>>,
}

impl FakeSnapshots {
    /// What is mounted.
    pub fn mounted(&self) -> usize {
        self.mounted.lock().unwrap().len()
    }

    /// How many containers hold layers.
    pub fn held(&self) -> usize {
        self.prepared.lock().unwrap().len()
    }

    /// The machine is restarted.
    pub fn lose_mounts(&self) {
        self.mounted.lock().unwrap().clear();
    }
}

fn snapshot(dir: &Path) -> Snapshot {
    Snapshot { lower: vec![dir.join("lower")], upper: dir.join("upper"), work: dir.join("work") }
}

#[async_trait]
impl Snapshotter for FakeSnapshots {
    async fn prepare(&self, container: &str, _image: &ImageId, dir: &Path) -> Result<Snapshot, ImageError> {
        self.prepared.lock().unwrap().insert(container.to_owned());
        Ok(snapshot(dir))
    }

    async fn intact(&self, _container: &str) -> Result<(), ImageError> {
        Ok(())
    }

    async fn get(&self, container: &str, dir: &Path) -> Result<Snapshot, ImageError> {
        if self.prepared.lock().unwrap().contains(container) {
            Ok(snapshot(dir))
        } else {
            Err(ImageError::NoSuchSnapshot(container.to_owned()))
        }
    }

    async fn mount(&self, _snapshot: &Snapshot, target: &Path, _ids: Ids) -> Result<(), ImageError> {
        assert!(self.mounted.lock().unwrap().insert(target.to_owned()), "mounted twice");
        Ok(())
    }

    async fn unmount(&self, target: &Path) -> Result<(), ImageError> {
        if self.mounted.lock().unwrap().remove(target) {
            std::fs::remove_dir_all(target).unwrap();
            std::fs::create_dir(target).unwrap();
        }
        Ok(())
    }

    async fn release(&self, container: &str, _dir: &Path) -> Result<(), ImageError> {
        self.prepared.lock().unwrap().remove(container);
        Ok(())
    }

    async fn known(&self) -> Result<Vec<String>, ImageError> {
        Ok(self.prepared.lock().unwrap().iter().cloned().collect())
    }
}
