//! Containers, from create to remove.

use super::{Engine, pending};
use crate::{
    Result,
    container::{
        ContainerDetails, ContainerSummary, CreateContainer, Created, ListOptions, RemoveOptions, StopOptions,
        WaitCondition, WaitOutcome,
    },
};

impl Engine {
    /// Makes a container and all it needs except its process.
    ///
    /// # Errors
    /// No such image, name in use, and whatever in the request makes no sense.
    pub async fn create_container(&self, request: CreateContainer) -> Result<Created> {
        drop(request);
        Err(pending(self))
    }

    /// Starts a container; its ports are published when this returns.
    ///
    /// # Errors
    /// Not modified when it runs; docker's sentence when its command is not there; a port that is taken.
    pub async fn start_container(&self, name: &str) -> Result<()> {
        drop(name.to_owned());
        Err(pending(self))
    }

    /// Asks the process to end and kills it when it does not.
    ///
    /// # Errors
    /// Not modified when it does not run.
    pub async fn stop_container(&self, name: &str, options: StopOptions) -> Result<()> {
        drop((name.to_owned(), options));
        Err(pending(self))
    }

    /// Stops if it runs, then starts.
    ///
    /// # Errors
    /// As stop and start.
    pub async fn restart_container(&self, name: &str, options: StopOptions) -> Result<()> {
        drop((name.to_owned(), options));
        Err(pending(self))
    }

    /// Sends a signal (name with or without `SIG`, or number; `None` is SIGKILL). SIGKILL returns after the end.
    ///
    /// # Errors
    /// Conflict when it does not run.
    pub async fn kill_container(&self, name: &str, signal: Option<&str>) -> Result<()> {
        drop((name.to_owned(), signal.map(str::to_owned)));
        Err(pending(self))
    }

    /// Begins to wait: when this returns, nothing that happens after is missed.
    ///
    /// # Errors
    /// No such container.
    pub async fn wait_container(&self, name: &str, condition: WaitCondition) -> Result<ContainerWait> {
        drop((name.to_owned(), condition));
        Err(pending(self))
    }

    /// Removes a container with its files, and its anonymous volumes when asked.
    ///
    /// # Errors
    /// Conflict when it runs and force is not given.
    pub async fn remove_container(&self, name: &str, options: RemoveOptions) -> Result<()> {
        drop((name.to_owned(), options));
        Err(pending(self))
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// Name in use or malformed.
    pub async fn rename_container(&self, name: &str, new_name: &str) -> Result<()> {
        drop((name.to_owned(), new_name.to_owned()));
        Err(pending(self))
    }

    /// The containers that fit, newest first.
    ///
    /// # Errors
    /// A filter that makes no sense.
    pub async fn list_containers(&self, options: ListOptions) -> Result<Vec<ContainerSummary>> {
        drop(options);
        Err(pending(self))
    }

    /// Everything about one container, by id, prefix of an id, or name.
    ///
    /// # Errors
    /// No such container.
    pub async fn inspect_container(&self, name: &str) -> Result<ContainerDetails> {
        drop(name.to_owned());
        Err(pending(self))
    }
}

/// A wait that has begun.
pub struct ContainerWait {
    outcome: WaitOutcome,
}

impl ContainerWait {
    /// Resolves when the condition holds.
    pub async fn outcome(self) -> WaitOutcome {
        self.outcome
    }
}
