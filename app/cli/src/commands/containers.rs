//! Verbs on containers that exist.

use super::each;
use crate::output::outln;
use crate::{arguments::Timed, failure::Outcome};
use berth_api::{
    Client,
    container::{RemoveOptions, WaitFor},
};

pub(super) async fn start(client: &Client, names: &[String]) -> Outcome {
    each(names, |name| async move { client.start_container(&name).await }).await
}

pub(super) async fn stop(client: &Client, options: &Timed) -> Outcome {
    each(&options.names.names, |name| async move {
        client.stop_container(&name, options.time, options.signal.as_deref()).await
    })
    .await
}

pub(super) async fn restart(client: &Client, options: &Timed) -> Outcome {
    each(&options.names.names, |name| async move {
        client.restart_container(&name, options.time, options.signal.as_deref()).await
    })
    .await
}

pub(super) async fn kill(client: &Client, signal: &str, names: &[String]) -> Outcome {
    each(names, |name| async move { client.kill_container(&name, signal).await }).await
}

/// With `force` a container that is not there is no failure, as in docker.
pub(super) async fn rm(client: &Client, force: bool, volumes: bool, names: &[String]) -> Outcome {
    let options = RemoveOptions { force, volumes };
    each(names, |name| async move {
        match client.remove_container(&name, options).await {
            Err(error) if force && error.is_not_found() => Ok(()),
            done => done,
        }
    })
    .await
}

/// Prints the codes, not the names.
pub(super) async fn wait(client: &Client, names: &[String]) -> Outcome {
    for name in names {
        outln!("{}", client.wait_container(name, WaitFor::NotRunning).await?.exit_code().await?);
    }
    Ok(0)
}
