//! An image from a container.

use super::{Engine, files::blocking, images::tagged, to_the_end};
use crate::{
    Error, Result,
    container::{ContainerConfig, ContainerState, fill_from_image},
    event::EventKind,
    files::stubs,
    instruction,
    roster::Container,
};
use berth_image::{Commit, ContainerDefaults, History, Image, ImageConfig, Reference};
use std::{collections::BTreeMap, sync::Arc};

/// How a container is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitOptions {
    /// The image's name; `None` leaves it without one.
    pub repository: Option<String>,
    /// The image's tag; `latest` without one.
    pub tag: Option<String>,
    /// Who made it.
    pub author: String,
    /// A remark.
    pub comment: String,
    /// The container stands still meanwhile.
    pub pause: bool,
    /// Instructions of a Dockerfile that change the configuration.
    pub changes: Vec<String>,
    /// What it says goes before the container's configuration.
    pub config: Option<ContainerConfig>,
}

impl Engine {
    /// Makes an image of a container's files and configuration; its id.
    ///
    /// # Errors
    /// No such container; a name or change that makes no sense; a container that is being removed.
    pub async fn commit_container(&self, name: &str, options: CommitOptions) -> Result<String> {
        let container = self.inner.roster.find(name)?;
        let engine = self.clone();
        to_the_end(async move { engine.commit(&container, options).await }).await
    }

    async fn commit(&self, container: &Arc<Container>, options: CommitOptions) -> Result<String> {
        let live = container.now()?;
        let id = container.id();
        match live.life.status() {
            ContainerState::Dead => {
                return Err(Error::Conflict(format!("You cannot commit container {id} which is Dead")));
            }
            ContainerState::Removing => {
                return Err(Error::Conflict(format!("You cannot commit container {id} which is being removed")));
            }
            _ => {}
        }
        let reference = tagged(options.repository.as_deref(), options.tag.as_deref())?;
        let base = self.inner.seams.images.resolve(&container.definition.image_id).await.map_err(|_| {
            Error::NotFound(format!(
                "the image {} of container {id} was removed, so that nothing can be made on top of it; pull it again",
                container.definition.image_id
            ))
        })?;
        let mut defaults = defaults(&container.definition.config, &base.config.config);
        if let Some(given) = &options.config {
            let (filled, _) = fill_from_image(given.clone(), &defaults)?;
            defaults = self::defaults(&filled, &base.config.config);
        }
        instruction::apply(&options.changes, &mut defaults)?;
        let frozen = options.pause && live.life.status() == ContainerState::Running;
        if frozen {
            self.pause_container(id).await?;
        }
        let made = self.make_image(container, &options, &base, defaults, reference.clone()).await;
        if frozen {
            match self.unpause_container(id).await {
                // It was killed or let go by somebody else meanwhile.
                Ok(()) | Err(Error::Conflict(_) | Error::NotRunning(_) | Error::NoSuchContainer(_)) => {}
                Err(e) => tracing::error!("container {id} stays paused after a commit: {e}"),
            }
        }
        let image = made?;
        let new = image.id.to_string();
        let mut told = vec![("comment", options.comment), ("imageID", new.clone())];
        if let Some(reference) = &reference {
            told.push(("imageRef", reference.to_string()));
            let attributes = BTreeMap::from([("name".to_owned(), reference.familiar())]);
            self.tell_of(EventKind::Image, "tag", &new, attributes);
        }
        self.tell(container, &live, "commit", &told);
        Ok(new)
    }

    async fn make_image(
        &self,
        container: &Arc<Container>,
        options: &CommitOptions,
        base: &Image,
        defaults: ContainerDefaults,
        name: Option<Reference>,
    ) -> Result<Image> {
        let definition = &container.definition;
        // One that does not run is kept from being started; its view is not looked at otherwise.
        let _still = if container.now()?.life.runs() { None } else { Some(self.view(container).await?) };
        let dir = self.inner.paths.container(&definition.id);
        let snapshot = self.inner.seams.snapshots.get(&definition.id, &dir).await?;
        // What was written last must be in the files before they are read.
        let upper = snapshot.upper.clone();
        blocking(move || {
            let dir = std::fs::File::open(&upper).map_err(super::io_error("open", &upper))?;
            rustix::fs::syncfs(&dir).map_err(|e| super::io_error("flush", &upper)(e.into()))
        })
        .await?;
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let now = self.inner.seams.clock.now().rfc3339();
        let config = ImageConfig {
            created: Some(now.clone()),
            author: text(&options.author),
            config: defaults,
            ..(*base.config).clone()
        };
        let history = History {
            created: Some(now),
            created_by: text(&definition.config.cmd.clone().unwrap_or_default().join(" ")),
            author: text(&options.author),
            comment: text(&options.comment),
            empty_layer: false,
        };
        let commit = Commit { snapshot, config, history, stubs: stubs(), name };
        Ok(self.inner.seams.images.commit(commit).await?)
    }
}

/// What an image keeps of a container's configuration. What a container does not know (the shell of later builds) is
/// the base image's.
fn defaults(config: &ContainerConfig, base: &ContainerDefaults) -> ContainerDefaults {
    ContainerDefaults {
        user: config.user.clone(),
        exposed_ports: config.exposed_ports.iter().map(ToString::to_string).collect(),
        env: config.env.clone(),
        entrypoint: config.entrypoint.clone(),
        cmd: config.cmd.clone(),
        volumes: config.volumes.clone(),
        working_dir: config.working_dir.clone(),
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone(),
        healthcheck: config.healthcheck.as_ref().map(Into::into),
        shell: base.shell.clone(),
        on_build: base.on_build.clone(),
    }
}
