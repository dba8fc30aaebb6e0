//! The engine process of the guest. PID 1 starts it, hands it the boot configuration on standard input, and starts it
//! again when it ends.
//!
//! It listens on three vsock ports ([`berth_protocol::port`]). Every connection opens with the handshake; then it is
//! HTTP ([`api`]), one forwarded stream ([`forward`]), or the link on which the host publishes ports.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accept;
mod api;
mod boot;
mod console;
mod file_limit;
mod forward;
mod handshake;
mod listen;
mod presence;

use anyhow::Context;
use berth_engine::{Engine, EngineConfig};
use berth_protocol::{boot::BootConfig, port};
use std::{process::ExitCode, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// How long containers may take to end when the machine stops. The host gives PID 1 ten seconds, docker's default, after
/// which PID 1 kills this process; what is between is for killing the rest and writing down how they ended.
const GRACE: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    console::start();
    let ended = boot::read().and_then(|boot| {
        file_limit::raise();
        forward::start(|| accept::bind(port::FORWARD), boot.secret.clone())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(run(boot))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(boot: BootConfig) -> anyhow::Result<()> {
    let mut stop = signal(SignalKind::terminate())?;
    // The ports, as that of forwarded connections, listen before the engine is open, so that the host's first connection waits
    // instead of failing.
    let api = accept::bind(port::API)?;
    let publishes = accept::bind(port::PUBLISH)?;
    let secret = boot.secret.clone();
    let config = EngineConfig::guest(boot);
    let engine = Engine::open(config).await.context("the engine's state could not be opened")?;

    let router = berth_docker_api::router(engine.clone());
    tokio::spawn(listen::serve(api, port::API, secret.clone(), move |stream| api::serve(stream, router.clone())));
    let publisher = engine.clone();
    tokio::spawn(listen::serve(publishes, port::PUBLISH, secret, move |stream| publish(publisher.clone(), stream)));
    tracing::info!("ready");

    stop.recv().await;
    tracing::info!("stopping every container");
    engine.shutdown(GRACE).await;
    Ok(())
}

async fn publish(engine: Engine, stream: tokio_vsock::VsockStream) {
    match engine.publish_link(stream).await {
        Ok(()) => tracing::info!("the host closed the link on which it publishes ports"),
        Err(error) => tracing::warn!("the link on which the host publishes ports broke: {error}"),
    }
}
