//! Containers, through the Docker Engine API of the guest.

use super::{Client, http, segment, streams};
use crate::{
    container::{self, ContainerRow, LogChunk, LogLine, LogOptions, RemoveOptions, WaitFor},
    error::Error,
    run::RunRequest,
};
use ::http::Method;
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, ListContainersOptions, RemoveContainerOptions,
    RestartContainerOptions, StartContainerOptions, StopContainerOptions,
};
use futures_util::{Stream, TryStreamExt};
use std::pin::Pin;

/// A stream of a container's output.
pub type Output = Pin<Box<dyn Stream<Item = Result<LogChunk, Error>> + Send>>;

/// A container that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its full id.
    pub id: String,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

/// A wait that has begun.
pub struct Waiting(::http::Response<hyper::body::Incoming>);

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ended {
    status_code: i64,
    #[serde(default)]
    error: Option<EndedBadly>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EndedBadly {
    message: String,
}

impl Waiting {
    /// Waits to the end and gives the exit code.
    ///
    /// # Errors
    /// [`Error::Engine`] when the container could not be waited for, [`Error::Broken`] when the machine went away.
    pub async fn exit_code(self) -> Result<i64, Error> {
        let body = http::body(self.0).await?;
        let ended: Ended = serde_json::from_slice(&body)
            .map_err(|_| Error::Broken("the engine ended the wait without an exit code".into()))?;
        match ended.error {
            Some(EndedBadly { message }) => Err(Error::Engine { status: 500, message }),
            None => Ok(ended.status_code),
        }
    }
}

impl Client {
    /// The running containers; with `all`, the others too. Newest first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn containers(&self, all: bool) -> Result<Vec<ContainerRow>, Error> {
        let options = ListContainersOptions { all, ..Default::default() };
        let list = self.docker()?.list_containers(Some(options)).await?;
        Ok(list.into_iter().map(Into::into).collect())
    }

    /// Creates a container. The image must be there; see [`Client::create_pulling`].
    ///
    /// # Errors
    /// Those of every request; 404 without the image, 409 when the name is in use.
    pub async fn create(&self, request: &RunRequest) -> Result<Created, Error> {
        let options = CreateContainerOptions {
            name: request.name.clone(),
            platform: request.platform.clone().unwrap_or_default(),
        };
        let created = self.docker()?.create_container(Some(options), request.body()?).await?;
        Ok(Created { id: created.id, warnings: created.warnings })
    }

    /// [`Client::create`]; a missing image is pulled first, and `on_progress` sees the pull.
    ///
    /// # Errors
    /// Those of both.
    pub async fn create_pulling(
        &self,
        request: &RunRequest,
        mut on_progress: impl FnMut(crate::PullProgress),
    ) -> Result<Created, Error> {
        match self.create(request).await {
            // The second is docker's sentence for an image that is there for another platform.
            Err(Error::Engine { status: 404, message })
                if message.contains("No such image") || message.contains("does not match the specified platform") => {}
            answer => return answer,
        }
        let mut pull = std::pin::pin!(self.pull(&request.image, request.platform.as_deref()).await?);
        while let Some(progress) = pull.try_next().await? {
            on_progress(progress);
        }
        self.create(request).await
    }

    /// Starts a container; one that runs is left alone.
    ///
    /// # Errors
    /// Those of every request; a port that is taken, a program that is not there.
    pub async fn start_container(&self, name: &str) -> Result<(), Error> {
        let name = segment("container", name)?;
        done_already(self.docker()?.start_container(&name, None::<StartContainerOptions>).await)
    }

    /// Stops a container: `signal`, then a kill after `seconds` (the container's own settings for `None`).
    ///
    /// # Errors
    /// Those of every request.
    pub async fn stop_container(&self, name: &str, seconds: Option<i32>, signal: Option<&str>) -> Result<(), Error> {
        let name = segment("container", name)?;
        Ok(self
            .docker()?
            .stop_container(&name, Some(StopContainerOptions { t: seconds, signal: signal.map(Into::into) }))
            .await?)
    }

    /// Stops a container and starts it again.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn restart_container(&self, name: &str, seconds: Option<i32>, signal: Option<&str>) -> Result<(), Error> {
        let name = segment("container", name)?;
        let options = RestartContainerOptions { t: seconds, signal: signal.map(Into::into) };
        Ok(self.docker()?.restart_container(&name, Some(options)).await?)
    }

    /// Sends a signal, by name or number, to a container's first process.
    ///
    /// # Errors
    /// Those of every request; 409 when it does not run.
    pub async fn kill_container(&self, name: &str, signal: &str) -> Result<(), Error> {
        let name = segment("container", name)?;
        Ok(self.docker()?.kill_container(&name, Some(KillContainerOptions { signal: signal.into() })).await?)
    }

    /// Removes a container.
    ///
    /// # Errors
    /// Those of every request; 409 when it runs and is not forced.
    pub async fn remove_container(&self, name: &str, options: RemoveOptions) -> Result<(), Error> {
        let name = segment("container", name)?;
        let options = RemoveContainerOptions { force: options.force, v: options.volumes, link: false };
        Ok(self.docker()?.remove_container(&name, Some(options)).await?)
    }

    /// Begins to wait for what `until` says. What happens after this has answered is not missed.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn wait_container(&self, name: &str, until: WaitFor) -> Result<Waiting, Error> {
        let path = format!("/containers/{}/wait?condition={}", segment("container", name)?, until.condition());
        Ok(Waiting(http::send(&self.home, Method::POST, &path).await?))
    }

    /// A container's output.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn logs(&self, name: &str, options: &LogOptions) -> Result<Output, Error> {
        let path = format!("/containers/{}/logs?{}", segment("container", name)?, options.query());
        Ok(streams::output(http::send(&self.home, Method::GET, &path).await?))
    }

    /// A container's output as lines with their times, those that come together as one item.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn log_lines(
        &self,
        name: &str,
        options: LogOptions,
    ) -> Result<impl Stream<Item = Result<Vec<LogLine>, Error>> + Send + use<>, Error> {
        Ok(container::lines(self.logs(name, &LogOptions { timestamps: true, ..options }).await?))
    }

    /// Everything the engine knows of a container, field by field as it said it.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inspect_container(&self, name: &str) -> Result<serde_json::Value, Error> {
        self.inspect_container_with(name, false).await
    }

    /// [`Client::inspect_container`], with what it has written when that is asked for: it takes the engine longer.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inspect_container_with(&self, name: &str, size: bool) -> Result<serde_json::Value, Error> {
        let query = if size { "?size=1" } else { "" };
        http::json(&self.home, Method::GET, &format!("/containers/{}/json{query}", segment("container", name)?)).await
    }
}

/// The engine says 304 to what is as it was asked to be.
fn done_already(answer: Result<(), bollard::errors::Error>) -> Result<(), Error> {
    match answer.map_err(Error::from) {
        Err(Error::Engine { status: 304, .. }) => Ok(()),
        answer => answer,
    }
}
