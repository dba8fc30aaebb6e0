//! The first thing a user sees: the welcome container, from an image that ships inside Berth.

use crate::{
    client::Client,
    container::{ContainerRow, ContainerState, RemoveOptions},
    error::Error,
    problem::Code,
    run::{PublishSpec, RunRequest},
    share::Share,
};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The image in the shipped archive.
pub const IMAGE: &str = "berth/welcome:latest";
/// The container's name, unless the user has one of that name.
pub const NAME: &str = "welcome";
/// The label by which it is found again.
pub const LABEL: &str = "dev.berth.welcome";
/// The port it serves inside.
const CONTAINER_PORT: u16 = 80;
/// The port it gets on the host when that is free.
const HOST_PORT: u16 = 8080;
/// How long the page may take after the container has started.
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// The running welcome container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Welcome {
    /// Where a browser finds its page.
    pub url: String,
    /// The container's full id.
    pub container: String,
}

/// What [`run`] is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Starting the machine.
    Machine,
    /// Loading the image.
    Image,
    /// Creating and starting the container.
    Container,
    /// Waiting for its page.
    Page,
}

/// Makes the welcome container run and gives its address once its page answers. One that runs already is used.
///
/// # Errors
/// Those of each stage; [`Error::Timeout`] when the page does not answer.
pub async fn run(client: &Client, share: &Share, mut on_stage: impl FnMut(Stage)) -> Result<Welcome, Error> {
    on_stage(Stage::Machine);
    client.ensure_running(|_| {}).await?;
    if let Some(row) = find(client).await? {
        if row.state == ContainerState::Running {
            return page(client, row.id, &mut on_stage).await;
        }
        // Its port may be taken by now, and there is nothing in it to keep.
        client.remove_container(&row.id, RemoveOptions { force: true, volumes: true }).await?;
    }
    on_stage(Stage::Image);
    match client.inspect_image(IMAGE).await {
        Err(error) if error.is_not_found() => load(client, &share.welcome_archive()?).await?,
        answer => drop(answer?),
    }
    on_stage(Stage::Container);
    let id = match start(client, Some(HOST_PORT)).await {
        Err(error) if error.problem().code == Code::PortInUse => start(client, None).await?,
        answer => answer?,
    };
    page(client, id, &mut on_stage).await
}

async fn load(client: &Client, archive: &std::path::Path) -> Result<(), Error> {
    let file = tokio::fs::File::open(archive).await.map_err(Error::io(format!("open {}", archive.display())))?;
    client.load(file, None, true).await?.try_for_each(|_| std::future::ready(Ok(()))).await
}

async fn find(client: &Client) -> Result<Option<ContainerRow>, Error> {
    let ours = |row: &ContainerRow| row.labels.iter().any(|(key, _)| key == LABEL);
    Ok(client.containers(true).await?.into_iter().find(ours))
}

/// Creates and starts it; nothing is left when it does not start.
async fn start(client: &Client, host_port: Option<u16>) -> Result<String, Error> {
    let publish = PublishSpec {
        host_ip: None,
        host_port,
        host_port_last: None,
        container_port: CONTAINER_PORT,
        protocol: "tcp".into(),
    };
    let mut request = RunRequest {
        image: IMAGE.into(),
        name: Some(NAME.into()),
        publish: vec![publish],
        labels: vec![(LABEL.into(), String::new())],
        ..Default::default()
    };
    let id = match client.create(&request).await {
        Err(error) if error.problem().code == Code::Conflict => {
            request.name = None;
            client.create(&request).await?.id
        }
        answer => answer?.id,
    };
    if let Err(error) = client.start_container(&id).await {
        client.remove_container(&id, RemoveOptions { force: true, volumes: true }).await?;
        return Err(error);
    }
    Ok(id)
}

/// Waits until the page answers.
async fn page(client: &Client, container: String, on_stage: &mut impl FnMut(Stage)) -> Result<Welcome, Error> {
    on_stage(Stage::Page);
    let begun = Instant::now();
    let mut last = String::from("its port is not published");
    while begun.elapsed() < PAGE_DEADLINE {
        let row = find(client).await?.filter(|row| row.id == container && row.state == ContainerState::Running);
        let Some(row) = row else {
            last = "the container has ended; see why with: berth logs welcome".into();
            break;
        };
        let port = row.ports.iter().find(|port| port.container_port == CONTAINER_PORT);
        if let Some((host_port, url)) = port.and_then(|port| Some((port.host_port?, port.url.clone()?))) {
            match crate::client::probe_page(host_port).await {
                Ok(status) if status.is_success() => return Ok(Welcome { url, container }),
                Ok(status) => last = format!("it answers {status}"),
                Err(error) => last = error,
            }
        }
        tokio::time::sleep(POLL).await;
    }
    Err(Error::Timeout(format!("the welcome page does not answer: {last}")))
}
