//! The composition root: makes the pieces, gives them to each other, and ends them in order.

use crate::{
    logging,
    machine::{ChooseDriver, Machine, MachineConfig},
    platform,
    ports::Ports,
    server::Server,
    settings::Settings,
};
use berth_api::{BerthHome, Share};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::watch;

/// Why berthd ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another berthd owns this home.
    #[error("another berthd (pid {pid}) already runs for {home}")]
    AlreadyRunning {
        /// Its process id as it wrote it.
        pid: String,
        /// The home.
        home: PathBuf,
    },
    /// A file or folder of the home cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] berth_api::Error),
    /// The settings cannot be read or written.
    #[error("{path} cannot be used: {why}; correct it or remove it")]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl DaemonError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The way of getting a VM on this system.
#[must_use]
pub fn platform_driver() -> ChooseDriver {
    Arc::new(|| Box::pin(platform::choose_driver()))
}

/// Runs berthd, the one of its home, until it is told to end (`POST /berth/v1/shutdown`, SIGTERM, SIGINT).
///
/// # Errors
/// [`DaemonError`] when it cannot begin.
pub async fn run(home: BerthHome, share: Share, choose_driver: ChooseDriver) -> Result<(), DaemonError> {
    logging::start(&home)?;
    let settings = Settings::load(&home)?;
    let gateway = settings.gateway(&home, |name| std::env::var(name).ok())?;
    platform::raise_file_limit();
    tracing::info!(version = berth_api::VERSION, home = %home.root().display(), share = %share.root().display(), "berthd starts");
    let ports = Ports::new(settings.sharing(), platform::port_holder);
    let machine =
        Machine::new(MachineConfig { home: home.clone(), share, settings, gateway, choose_driver }, Arc::clone(&ports));
    let (end, ended) = watch::channel(false);
    let server = Server { home, machine: Arc::clone(&machine), ports, end };
    let serving = server.serve()?;
    tokio::select! {
        signal = platform::end_signal() => tracing::info!(signal, "told to end"),
        () = asked_to_end(ended) => tracing::info!("asked to end"),
    }
    machine.stop().await;
    serving.close().await;
    tracing::info!("berthd ends");
    Ok(())
}

async fn asked_to_end(mut ended: watch::Receiver<bool>) {
    if ended.wait_for(|end| *end).await.is_err() {
        std::future::pending::<()>().await;
    }
}
