//! Verbs on containers that exist.

use super::{each, run, session};
use crate::{
    arguments::{Start, Timed},
    failure::{Outcome, invalid},
    output::outln,
};
use berth_api::{
    Client,
    client::AttachOptions,
    container::{RemoveOptions, WaitFor},
};

pub(super) async fn start(client: &Client, options: &Start) -> Outcome {
    let names = &options.names.names;
    if !options.attach && !options.interactive {
        return each(names, |name| async move { client.start_container(&name).await }).await;
    }
    let [name] = names.as_slice() else {
        return Err(invalid("you cannot start and attach multiple containers at once"));
    };
    let details = client.inspect_container(name).await?;
    let is = |field: &str| details["Config"][field] == true;
    let id = details["Id"].as_str().unwrap_or(name);
    let (stdin, tty) = (options.interactive && is("OpenStdin"), is("Tty"));
    session::check(tty, stdin)?;
    let how = AttachOptions { stdin, stdout: true, stderr: true, tty, detach_keys: options.detach_keys.clone() };
    let until = if details["HostConfig"]["AutoRemove"] == true { WaitFor::Removed } else { WaitFor::NextExit };
    let begin = async { Ok(client.start_container(id).await?) };
    run::attended(client, id, &how, until, options.sig_proxy, begin).await
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
