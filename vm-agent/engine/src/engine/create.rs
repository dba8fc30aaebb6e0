//! Making a container.

use super::{Engine, io_error, random_hex, system::cpus, to_the_end};
use crate::{
    Error, Protocol, Result,
    container::{
        ContainerConfig, CreateContainer, Created, Definition, Endpoint, HostConfig, Life, Live, MountKind, MountPoint,
        MountSpec, NetworkMode, NetworkSettings, ReadOnlyReach, RestartPolicy, Wish, WishKind, check_machine_bind,
        fill_from_image, name, plan_mounts,
    },
    log,
    roster::Container,
    signal, spec, users,
};
use berth_image::{Image, Platform, Reference};
use std::{collections::BTreeMap, sync::Arc};

/// Names are made up so often before giving up.
const NAME_ATTEMPTS: u32 = 20;

impl Engine {
    /// Makes a container and all it needs except its process.
    ///
    /// # Errors
    /// No such image, name in use, and whatever in the request makes no sense.
    pub async fn create_container(&self, request: CreateContainer) -> Result<Created> {
        let engine = self.clone();
        to_the_end(async move { engine.create(request).await }).await
    }

    async fn create(&self, request: CreateContainer) -> Result<Created> {
        let networks = self.networks_asked(&request)?;
        let CreateContainer { name, platform, config, mut host, .. } = request;
        let name = name.filter(|name| !name.is_empty());
        if let Some(name) = &name {
            name::check(name)?;
        }
        spec::adapt_resources(&mut host.resources);
        self.inner.defaults.settle(&mut host)?;
        let mut warnings = check(&config, &host, cpus())?;
        if users::remaps(&host, self.inner.defaults.userns_remap()) {
            users::check(&host)?;
        }
        self.resolve_shared(&mut host)?;
        if !host.privileged {
            // Written down, as docker does, so that inspect tells what is in force.
            (host.masked_paths, host.readonly_paths) =
                (Some(spec::masked_paths(&host)), Some(spec::readonly_paths(&host)));
        }
        let image = self.image_for(&config.image, platform.as_deref(), &mut warnings).await?;
        let (mut config, argv) = fill_from_image(config, &image.config.config)?;
        let wishes = plan_mounts(&config, &host, self.inherited_volumes(&host)?)?;
        for wish in &wishes {
            if let WishKind::Machine { source, propagation, .. } = &wish.what {
                check_machine_bind(source, propagation)?;
            }
        }
        config.exposed_ports.extend(host.port_bindings.keys().copied());

        let id = random_hex::<32>()?;
        if config.hostname.is_empty() {
            config.hostname = match &host.network_mode {
                NetworkMode::Host => self.inner.config.hostname.clone(),
                NetworkMode::Container(donor) => self.inner.roster.find(donor)?.definition.config.hostname.clone(),
                _ => id[..12].to_owned(),
            };
        }
        let name = self.reserve_name(name.as_deref(), &id)?;
        let definition = Definition {
            created: self.inner.seams.clock.now(),
            image_id: image.id.to_string(),
            argv,
            config,
            host,
            mounts: vec![],
            id: id.clone(),
        };
        let mut made_volumes = Vec::new();
        match self.make(definition, networks, &name, &image, wishes, &mut made_volumes).await {
            Ok(container) => {
                if let Ok(live) = container.now() {
                    self.tell(&container, &live, "create", &[]);
                }
                Ok(Created { id, warnings })
            }
            Err(e) => {
                self.unmake(&id, &name, made_volumes).await;
                Err(e)
            }
        }
    }

    /// Makes everything, the row last; what was made on the way is undone by the caller when this fails.
    async fn make(
        &self,
        mut definition: Definition,
        networks: BTreeMap<String, Endpoint>,
        name: &str,
        image: &Image,
        wishes: Vec<Wish>,
        made_volumes: &mut Vec<String>,
    ) -> Result<Arc<Container>> {
        let inner = &self.inner;
        let dir = inner.paths.container(&definition.id);
        tokio::fs::create_dir(&dir).await.map_err(io_error("create", &dir))?;
        inner.seams.snapshots.prepare(&definition.id, &image.id, &dir).await?;
        if let Some(log) = self.log_target(&definition, name)? {
            tokio::fs::File::create_new(&log.path).await.map_err(io_error("create", &log.path))?;
        }

        // Held until the container is known: no volume is removed between being chosen and being used.
        let mut volumes = inner.volumes.lock().await;
        for wish in wishes {
            let mount = match wish.what {
                WishKind::Tmpfs { options } => {
                    let point = point(MountKind::Tmpfs, wish.target, wish.mode, wish.rw);
                    MountSpec { tmpfs_options: options, ..spec_of(point, wish.reach) }
                }
                WishKind::Machine { source, propagation, non_recursive } => {
                    let point = point(MountKind::Bind, wish.target, wish.mode, wish.rw);
                    MountSpec { non_recursive, ..spec_of(MountPoint { source, propagation, ..point }, wish.reach) }
                }
                WishKind::Volume { name, fill, labels } => {
                    let anonymous = name.is_none();
                    let name = name.map_or_else(random_hex::<32>, Ok)?;
                    if self.ensure_volume(&mut volumes, &name, anonymous, labels).await? {
                        made_volumes.push(name.clone());
                    }
                    let source = inner.paths.volume_data(&name).to_string_lossy().into_owned();
                    let point = point(MountKind::Volume, wish.target, wish.mode, wish.rw);
                    let point = MountPoint { name, source, driver: "local".to_owned(), ..point };
                    MountSpec { fill, anonymous, ..spec_of(point, wish.reach) }
                }
            };
            definition.mounts.push(mount);
        }
        let live = Live {
            name: name.to_owned(),
            life: Life::new(),
            network: NetworkSettings { networks, ..NetworkSettings::default() },
            publications: vec![],
            filled: false,
            users: None,
            tuning: None,
        };
        inner.store.add_container(&definition, &live).await?;
        let container = Arc::new(Container::new(definition, live));
        inner.roster.add(container.clone());
        Ok(container)
    }

    /// Takes back what [`Engine::make`] made. What cannot be taken back now is at the next start of the engine.
    async fn unmake(&self, id: &str, name: &str, made_volumes: Vec<String>) {
        let inner = &self.inner;
        let dir = inner.paths.container(id);
        for name in made_volumes {
            if let Err(e) = self.remove_volume(&name, true).await {
                tracing::warn!("the volume {name} of a container that was not made stays: {e}");
            }
        }
        if let Err(e) = inner.seams.snapshots.release(id, &dir).await {
            tracing::warn!("the files of a container that was not made stay: {e}");
        } else if let Err(e) = tokio::fs::remove_dir_all(&dir).await
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{} stays: {e}", dir.display());
        }
        inner.roster.free(name, id);
    }

    fn reserve_name(&self, name: Option<&str>, id: &str) -> Result<String> {
        if let Some(name) = name {
            let bare = name::check(name)?;
            self.inner.roster.reserve(bare, id)?;
            return Ok(bare.to_owned());
        }
        let mut taken = None;
        for attempt in 0..NAME_ATTEMPTS {
            let random = u64::from_str_radix(&random_hex::<8>()?, 16).unwrap_or_default();
            let name = name::make_up(random, attempt / 4);
            match self.inner.roster.reserve(&name, id) {
                Ok(()) => return Ok(name),
                Err(e) => taken = Some(e),
            }
        }
        Err(taken.unwrap_or_else(|| Error::Internal("no name could be made up".to_owned())))
    }

    async fn image_for(&self, name: &str, platform: Option<&str>, warnings: &mut Vec<String>) -> Result<Image> {
        let missing =
            || Error::NoSuchImage(name.parse::<Reference>().map_or(name.to_owned(), |r| r.or_latest().familiar()));
        let image = match self.inner.seams.images.resolve(name).await.map_err(Error::from) {
            Err(Error::NoSuchImage(_)) => return Err(missing()),
            answer => answer?,
        };
        let config = &image.config;
        let actual = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
        match platform.filter(|platform| !platform.is_empty()) {
            Some(platform) => {
                let wanted: Platform = platform
                    .parse()
                    .map_err(|e: berth_image::InvalidPlatform| Error::InvalidParameter(e.to_string()))?;
                if wanted.suits(&actual).is_none() {
                    return Err(Error::NotFound(format!(
                        "image with reference {name} was found but does not match the specified platform: wanted {wanted}, actual: {actual}"
                    )));
                }
            }
            None => {
                let native = Platform::native();
                if native.suits(&actual).is_none() {
                    warnings.push(format!(
                        "The requested image's platform ({actual}) does not match the detected host platform ({native}) and no specific platform was requested"
                    ));
                }
            }
        }
        Ok(image)
    }
}

/// Refuses what could never start, and warns of what will have no effect.
fn check(config: &ContainerConfig, host: &HostConfig, cpus: usize) -> Result<Vec<String>> {
    let refuse = |why: &str| Err(Error::InvalidParameter(why.to_owned()));
    spec::check(config, host, cpus)?;
    let mut warnings = Vec::new();
    match &host.network_mode {
        NetworkMode::Host | NetworkMode::None if !host.port_bindings.is_empty() => {
            warnings.push("Published ports are discarded when using host network mode".to_owned());
        }
        _ => {}
    }
    if host.auto_remove && host.restart_policy != RestartPolicy::No {
        return refuse("can't create 'AutoRemove' container with restart policy");
    }
    if let Some(port) = host.port_bindings.keys().find(|port| port.protocol == Protocol::Sctp) {
        return Err(Error::InvalidParameter(format!(
            "SCTP ports cannot be published, only TCP and UDP; leave out {port}"
        )));
    }
    log::rotation(&host.log_config)?;
    if let Some(stop) = &config.stop_signal {
        signal::parse(stop)?;
    }
    Ok(warnings)
}

fn spec_of(point: MountPoint, read_only_reach: ReadOnlyReach) -> MountSpec {
    MountSpec { point, fill: false, anonymous: false, tmpfs_options: vec![], read_only_reach, non_recursive: false }
}

fn point(kind: MountKind, destination: String, mode: String, rw: bool) -> MountPoint {
    MountPoint {
        kind,
        name: String::new(),
        source: String::new(),
        destination,
        driver: String::new(),
        mode,
        rw,
        propagation: String::new(),
    }
}
