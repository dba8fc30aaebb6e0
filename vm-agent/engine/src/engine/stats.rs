//! What containers use, and which processes they have.

use super::{Engine, system::cpus};
use crate::{
    Error, Result,
    container::{ContainerState, Live, NetworkMode},
    rootfs::Rootfs,
    roster::Container,
    spec::Names,
    stats::{self, ContainerStats, Usage},
    top::{self, ProcessTable},
};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::{sync::Arc, time::Duration};

/// Docker's time between two looks.
const EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// One look at a container.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_stats(&self, name: &str) -> Result<ContainerStats> {
        let container = self.inner.roster.find(name)?;
        self.look(&container).await
    }

    /// A look now and one a second from then on, until the container is gone. Nothing is looked at between two items
    /// that nobody asks for.
    ///
    /// # Errors
    /// No such container.
    pub fn container_stats_stream(&self, name: &str) -> Result<BoxStream<'static, ContainerStats>> {
        let container = self.inner.roster.find(name)?;
        let engine = self.clone();
        let mut interval = tokio::time::interval(EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let looks = stream::unfold((engine, container, interval), |(engine, container, mut interval)| async move {
            interval.tick().await;
            let stats = engine.look(&container).await.ok()?;
            Some((stats, (engine, container, interval)))
        });
        Ok(looks.boxed())
    }

    async fn look(&self, container: &Container) -> Result<ContainerStats> {
        let live = container.now()?;
        let usage = if live.life.runs() { Some(self.usage(container, &live).await?) } else { None };
        let at = self.inner.seams.clock.now();
        Ok(ContainerStats { id: container.id().to_owned(), name: live.name.clone(), at, usage })
    }

    async fn usage(&self, container: &Container, live: &Live) -> Result<Usage> {
        let directory = self.cgroup(&container.definition);
        let own_network = container.definition.host.network_mode != NetworkMode::Host;
        let (pid, online) = (live.life.details.pid, cpus());
        let read = move || {
            let mut usage = stats::read_cgroup(&directory, super::system::memory());
            usage.cpu.system = stats::cpu_time();
            usage.cpu.online = online;
            if own_network {
                usage.networks = stats::interfaces(pid);
            }
            usage
        };
        // The kernel adds up its counters when they are read, which takes longer the more groups there are.
        tokio::task::spawn_blocking(read).await.map_err(|e| Error::Internal(format!("could not read usage: {e}")))
    }

    /// The processes of a running container, as ps would show them with these options; none are `-ef`.
    ///
    /// # Errors
    /// Conflict when it does not run; options that are not known.
    pub async fn container_top(&self, name: &str, options: &str) -> Result<ProcessTable> {
        let columns = top::columns(options)?;
        let container: Arc<Container> = self.inner.roster.find(name)?;
        let live = container.now()?;
        match live.life.status() {
            ContainerState::Running | ContainerState::Paused => {}
            ContainerState::Restarting => {
                let id = container.id();
                return Err(Error::Conflict(format!(
                    "Container {id} is restarting, wait until the container is running"
                )));
            }
            _ => return Err(Error::NotRunning(container.id().to_owned())),
        }
        let directory = self.cgroup(&container.definition);
        let now = self.inner.seams.clock.now();
        let rootfs = self.inner.paths.rootfs(container.id());
        let read = move || {
            let names = Rootfs::open(&rootfs).map(|root| Names::read(&root)).unwrap_or_default();
            top::table(&directory, &columns, now, super::system::memory(), names)
        };
        let table = tokio::task::spawn_blocking(read)
            .await
            .map_err(|e| Error::Internal(format!("could not read processes: {e}")))?;
        self.tell(&container, &live, "top", &[]);
        Ok(table)
    }
}
