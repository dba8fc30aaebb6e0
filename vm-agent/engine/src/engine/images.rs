//! Images.

use super::{Engine, inspect::STORAGE_DRIVER, to_the_end};
use crate::{
    Error, Result, Timestamp,
    container::{Healthcheck, image_ports},
    event::EventKind,
    image::{Described, Found, ImageConfig, ImageDetails, ImageRemoval, LayerStep, PullProgress, RegistryAuth},
};
use berth_image::{
    Credentials, Image, ImageUse, LayerProgress, Platform, PullEvent, PullStatus, PushEvent, Reference, Removal,
};
use futures_util::{StreamExt, stream::BoxStream};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// What a pull says, until it is done or failed. Dropping it ends the pull.
pub type PullStream = BoxStream<'static, Result<PullProgress>>;
/// What a push says, until it is done or failed. Dropping it ends the push.
pub type PushStream = BoxStream<'static, Result<PushEvent>>;

impl Engine {
    /// Fetches an image. Errors that are known before anything is fetched are returned; later ones end the stream.
    ///
    /// # Errors
    /// A reference that is none.
    pub async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        auth: Option<RegistryAuth>,
    ) -> Result<PullStream> {
        let reference = parse_reference(reference)?.or_latest();
        let platform = parse_platform(platform)?;
        let credentials = auth.and_then(credentials);
        let engine = self.clone();
        Ok(told(|news| async move {
            let digest = Arc::new(Mutex::new(String::new()));
            let progress = {
                let (news, digest) = (news.clone(), digest.clone());
                // A listener that is gone ends the task; nothing is lost by not telling it.
                Arc::new(move |event: PullEvent| drop(translate(event, &digest).map(|event| news.send(Ok(event)))))
            };
            let images = &engine.inner.seams.images;
            let pulled = images.pull(&reference, platform.as_ref(), credentials.as_ref(), progress).await;
            match pulled {
                Ok(_) => engine.tell_image("pull", &reference.familiar(), &reference.familiar_repository()),
                Err(e) => drop(news.send(Err(e.into()))),
            }
        }))
    }

    /// Sends an image to the registry of its name, or those of all tags of the repository when the reference has none;
    /// with a platform, only if they are for that.
    /// Errors that are known before anything is sent are returned; later ones end the stream.
    ///
    /// # Errors
    /// A reference that is none.
    pub async fn push_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        auth: Option<RegistryAuth>,
    ) -> Result<PushStream> {
        let reference = parse_reference(reference)?;
        let platform = parse_platform(platform)?;
        let credentials = auth.and_then(credentials);
        let engine = self.clone();
        Ok(told(|news| async move {
            let progress = {
                let (news, engine, reference) = (news.clone(), engine.clone(), reference.clone());
                Arc::new(move |event: PushEvent| {
                    if let PushEvent::Done { tag, .. } = &event {
                        let repository = reference.familiar_repository();
                        engine.tell_image("push", &format!("{repository}:{tag}"), &repository);
                    }
                    drop(news.send(Ok(event)));
                })
            };
            let pushed =
                engine.inner.seams.images.push(&reference, platform.as_ref(), credentials.as_ref(), progress).await;
            if let Err(e) = pushed {
                drop(news.send(Err(e.into())));
            }
        }))
    }

    /// Shows credentials to the registry at `server` (docker.io when it is empty); gives the identity token that stands
    /// for them from now on, empty where the registry has no such.
    ///
    /// # Errors
    /// When the registry refuses them or does not answer.
    pub async fn log_in(&self, server: &str, auth: RegistryAuth) -> Result<String> {
        let nobody = Credentials::Basic { username: String::new(), password: String::new() };
        let credentials = credentials(auth).unwrap_or(nobody);
        Ok(self.inner.seams.images.log_in(server, &credentials).await?.unwrap_or_default())
    }

    /// What a registry has under a name.
    ///
    /// # Errors
    /// A reference that is none; the registry's.
    pub async fn describe_image(&self, reference: &str, auth: Option<RegistryAuth>) -> Result<Described> {
        let reference = parse_reference(reference)?;
        Ok(self.inner.seams.images.describe(&reference, auth.and_then(credentials).as_ref()).await?)
    }

    /// At most `limit` repositories whose name fits `term`, which may begin with a registry's host.
    ///
    /// # Errors
    /// The registry's.
    pub async fn search_images(&self, term: &str, limit: usize, auth: Option<RegistryAuth>) -> Result<Vec<Found>> {
        Ok(self.inner.seams.images.search(term, limit, auth.and_then(credentials).as_ref()).await?)
    }

    /// Everything about one image, by reference, id or prefix of an id.
    ///
    /// # Errors
    /// No such image; one that does not run on the platform that is given.
    pub async fn inspect_image(&self, name: &str, platform: Option<&str>) -> Result<ImageDetails> {
        let image = self.image_suiting(name, platform).await?;
        let config = &image.config;
        Ok(ImageDetails {
            id: image.id.to_string(),
            repo_tags: image.tags.iter().map(Reference::familiar).collect(),
            repo_digests: image.digests.iter().map(Reference::familiar).collect(),
            created: created(&image),
            author: config.author.clone().unwrap_or_default(),
            comment: config.history.last().and_then(|last| last.comment.clone()).unwrap_or_default(),
            architecture: config.architecture.clone(),
            variant: config.variant.clone().unwrap_or_default(),
            os: config.os.clone(),
            size: image.size,
            diff_ids: image.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
            last_tagged: image.tagged_at.map(|at| Timestamp(at.saturating_mul(1_000_000_000))),
            storage_driver: STORAGE_DRIVER.to_owned(),
            config: ImageConfig {
                cmd: config.config.cmd.clone().unwrap_or_default(),
                entrypoint: config.config.entrypoint.clone().unwrap_or_default(),
                env: config.config.env.clone(),
                user: config.config.user.clone(),
                working_dir: config.config.working_dir.clone(),
                volumes: config.config.volumes.clone(),
                exposed_ports: image_ports(&config.config).collect(),
                stop_signal: config.config.stop_signal.clone(),
                healthcheck: config.config.healthcheck.as_ref().map(Healthcheck::from),
                labels: config.config.labels.clone(),
                on_build: config.config.on_build.clone().unwrap_or_default(),
                shell: config.config.shell.clone().unwrap_or_default(),
            },
        })
    }

    /// Gives an image another name, `repository[:tag]`.
    ///
    /// # Errors
    /// No such image; a name that is none.
    pub async fn tag_image(&self, name: &str, target: &str) -> Result<()> {
        let target = parse_reference(target)?.or_latest();
        let image = self.inner.seams.images.tag(name, &target).await?;
        self.tell_image("tag", &image.id.to_string(), &target.familiar());
        Ok(())
    }

    /// Takes a name off an image, and with its last name the image.
    ///
    /// # Errors
    /// Conflict while a container uses it (a stopped one yields to force); an image for another platform than asked.
    pub async fn remove_image(&self, name: &str, platform: Option<&str>, force: bool) -> Result<Vec<ImageRemoval>> {
        if platform.is_some() {
            self.image_suiting(name, platform).await?;
        }
        let (engine, name) = (self.clone(), name.to_owned());
        to_the_end(async move { engine.take_away(&name, force, engine.image_users()).await }).await
    }

    /// The image of this name, which must run on `platform`.
    pub(super) async fn image_suiting(&self, name: &str, platform: Option<&str>) -> Result<Image> {
        let platform = parse_platform(platform)?;
        let image = self.inner.seams.images.resolve(name).await?;
        if let Some(platform) = platform {
            image.config.must_suit(&platform, name)?;
        }
        Ok(image)
    }

    /// Removes what `users`, by image id, let go.
    pub(super) async fn take_away(
        &self,
        name: &str,
        force: bool,
        users: HashMap<String, ImageUse>,
    ) -> Result<Vec<ImageRemoval>> {
        let in_use = move |id: &berth_image::ImageId| users.get(&id.to_string()).cloned();
        let removals = self.inner.seams.images.remove(name, force, &in_use).await?;
        let told = |removal| match removal {
            Removal::Untagged(reference) => {
                self.tell_image("untag", &reference.familiar(), &reference.familiar());
                ImageRemoval::Untagged(reference.familiar())
            }
            Removal::Deleted(id) => {
                self.tell_image("delete", &id.to_string(), &id.to_string());
                ImageRemoval::Deleted(id.to_string())
            }
        };
        Ok(removals.into_iter().map(told).collect())
    }

    /// By image id, a container that uses it; one that runs before one that does not.
    pub(super) fn image_users(&self) -> HashMap<String, ImageUse> {
        let mut users: HashMap<String, ImageUse> = HashMap::new();
        for container in self.inner.roster.all() {
            let running = container.now().is_ok_and(|live| live.life.runs());
            let user = ImageUse { container: container.definition.short_id().to_owned(), running };
            let known = users.entry(container.definition.image_id.clone()).or_insert_with(|| user.clone());
            if running && !known.running {
                *known = user;
            }
        }
        users
    }

    pub(super) fn tell_image(&self, action: &str, actor: &str, name: &str) {
        let attributes = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        self.tell_of(EventKind::Image, action, actor, attributes);
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn parse_platform(text: Option<&str>) -> Result<Option<Platform>> {
    let platform = text.filter(|text| !text.is_empty()).map(str::parse::<Platform>).transpose();
    platform.map_err(|e| Error::InvalidParameter(e.to_string()))
}

/// What a new image is called: repository and tag as a request has them.
pub(super) fn tagged(repository: Option<&str>, tag: Option<&str>) -> Result<Option<Reference>> {
    let Some(repository) = repository.filter(|repository| !repository.is_empty()) else { return Ok(None) };
    let reference = match tag.filter(|tag| !tag.is_empty()) {
        Some(tag) => parse_reference(&format!("{repository}:{tag}"))?,
        None => parse_reference(repository)?,
    };
    if reference.digest().is_some() {
        return Err(Error::InvalidParameter("cannot import digest reference".to_owned()));
    }
    Ok(Some(reference.or_latest()))
}

pub(super) fn parse_reference(text: &str) -> Result<Reference> {
    text.parse().map_err(|e: berth_image::InvalidReference| Error::InvalidParameter(e.to_string()))
}

fn credentials(auth: RegistryAuth) -> Option<Credentials> {
    let RegistryAuth { username, password, identity_token, registry_token } = auth;
    if !registry_token.is_empty() {
        Some(Credentials::RegistryToken(registry_token))
    } else if !identity_token.is_empty() {
        Some(Credentials::IdentityToken(identity_token))
    } else if !username.is_empty() {
        Some(Credentials::Basic { username, password })
    } else {
        None
    }
}

/// What `work` tells, which ends with the stream.
pub(super) fn told<T, F>(work: impl FnOnce(mpsc::UnboundedSender<Result<T>>) -> F) -> BoxStream<'static, Result<T>>
where
    T: Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (news, stream) = mpsc::unbounded_channel();
    let end_with_stream = AbortOnDrop(tokio::spawn(work(news)).abort_handle());
    let stream = UnboundedReceiverStream::new(stream).map(move |event| {
        let _held = &end_with_stream;
        event
    });
    stream.boxed()
}

/// The store's news in the engine's terms. The digest is kept until the end, which tells both.
fn translate(event: PullEvent, digest: &Mutex<String>) -> Option<PullProgress> {
    let mut digest = digest.lock().unwrap_or_else(PoisonError::into_inner);
    Some(match event {
        PullEvent::Pulling { reference } => PullProgress::Started {
            repository: reference.path().to_owned(),
            tag: reference
                .tag()
                .map(str::to_owned)
                .or_else(|| reference.digest().map(|d| d.to_string()))
                .unwrap_or_default(),
        },
        PullEvent::Layer { id, progress } => PullProgress::Layer {
            id,
            step: match progress {
                LayerProgress::PullingFsLayer => LayerStep::Needed,
                LayerProgress::Waiting => LayerStep::Waiting,
                LayerProgress::Downloading { current, total } => LayerStep::Downloading { current, total },
                LayerProgress::VerifyingChecksum => LayerStep::Verifying,
                LayerProgress::DownloadComplete => LayerStep::Downloaded,
                LayerProgress::Extracting { current, total } => LayerStep::Extracting { current, total },
                LayerProgress::PullComplete => LayerStep::Complete,
                LayerProgress::AlreadyExists => LayerStep::AlreadyExists,
            },
        },
        PullEvent::Digest(served) => {
            *digest = served.to_string();
            return None;
        }
        PullEvent::Status { status, reference } => PullProgress::Done {
            digest: std::mem::take(&mut digest),
            reference: reference.familiar(),
            up_to_date: status == PullStatus::UpToDate,
        },
    })
}

pub(super) fn created(image: &Image) -> Option<Timestamp> {
    image.config.created.as_deref().and_then(Timestamp::parse_rfc3339)
}
