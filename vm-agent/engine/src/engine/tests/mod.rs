//! The use-cases on fakes.

mod events;
mod images;
mod lifecycle;
mod limits;
mod names;
mod networks;
mod recovery;
mod refusals;
mod sharing;
mod users;
mod volumes;

use crate::{
    Engine,
    container::{ContainerConfig, ContainerState, CreateContainer, HostConfig, StateDetails},
    fake::Fakes,
    network::CreateNetwork,
};
use std::time::Duration;

/// An engine on fakes in a directory of its own.
struct Case {
    dir: tempfile::TempDir,
    fakes: Fakes,
    engine: Engine,
}

impl Case {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fakes = Fakes::new(dir.path());
        let engine = fakes.engine().await.unwrap();
        Self { dir, fakes, engine }
    }

    /// The engine dies: what happens from now on it does not see.
    fn engine_killed(&self) {
        self.fakes.runtime.abandon_waiters();
    }

    /// Another engine on the same ground, as after a crash of the first; what runs goes on.
    async fn engine_restarted(mut self) -> Self {
        self.engine_killed();
        self.fakes.ports.forget();
        self.engine = self.fakes.engine().await.unwrap();
        self
    }

    /// Another boot of the machine: nothing runs, nothing is mounted.
    async fn machine_restarted(self) -> Self {
        self.engine_killed();
        self.fakes.runtime.lose_everything();
        self.fakes.snapshots.lose_mounts();
        std::fs::remove_dir_all(self.dir.path().join("run")).unwrap();
        self.engine_restarted().await
    }

    async fn network(&self, name: &str) -> String {
        let asked = CreateNetwork { name: name.to_owned(), ..CreateNetwork::default() };
        self.engine.create_network(asked).await.unwrap()
    }

    async fn create(&self, name: &str, change: impl FnOnce(&mut HostConfig)) -> String {
        self.engine.create_container(busybox(name, change)).await.unwrap().id
    }

    async fn run(&self, name: &str, change: impl FnOnce(&mut HostConfig)) -> String {
        let id = self.create(name, change).await;
        self.engine.start_container(&id).await.unwrap();
        id
    }

    async fn state(&self, name: &str) -> StateDetails {
        self.engine.inspect_container(name).await.unwrap().state
    }

    /// Waits until the container is so.
    async fn until(&self, name: &str, status: ContainerState) {
        let reached = async {
            while self.state(name).await.status != status {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap();
    }

    async fn until_gone(&self, name: &str) {
        let gone = async {
            while self.engine.inspect_container(name).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    }

    /// Nothing that only a running container needs is there.
    fn nothing_runs(&self) {
        assert_eq!(self.fakes.runtime.known(), Vec::<String>::new());
        assert_eq!(self.fakes.snapshots.mounted(), 0);
        assert_eq!(self.fakes.network.attached(), 0);
        assert_eq!(self.fakes.ports.published(), []);
    }

    /// Nothing at all is left of any container.
    fn nothing_is_left(&self) {
        self.nothing_runs();
        assert_eq!(self.fakes.snapshots.held(), 0);
        for dir in ["data/containers", "run/containers"] {
            assert_eq!(std::fs::read_dir(self.dir.path().join(dir)).unwrap().count(), 0, "{dir}");
        }
    }
}

fn busybox(name: &str, change: impl FnOnce(&mut HostConfig)) -> CreateContainer {
    let mut host = HostConfig::default();
    change(&mut host);
    CreateContainer {
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        config: ContainerConfig { image: "busybox".into(), ..ContainerConfig::default() },
        host,
        ..CreateContainer::default()
    }
}
