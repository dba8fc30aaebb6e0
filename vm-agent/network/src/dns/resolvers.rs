//! The name servers of all containers.

use super::{Look, Resolver};
use crate::Error;
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// One name server for each container that has a place where names are resolved.
#[derive(Debug)]
pub struct Resolvers {
    nft: PathBuf,
    open: Mutex<HashMap<String, Resolver>>,
}

impl Resolvers {
    /// None yet; `nft` is the program.
    #[must_use]
    pub fn new(nft: PathBuf) -> Self {
        Self { nft, open: Mutex::default() }
    }

    /// Opens the one of a container; one that it has already is replaced. See [`Resolver::open`].
    ///
    /// # Errors
    /// As [`Resolver::open`].
    pub async fn open(
        &self,
        container: &str,
        namespace: PathBuf,
        names: Look,
        outside: Vec<SocketAddr>,
    ) -> Result<(), Error> {
        let resolver = Resolver::open(namespace, self.nft.clone(), names, outside).await?;
        self.lock().insert(container.to_owned(), resolver);
        Ok(())
    }

    /// Closes the one of a container, if it has one.
    pub fn close(&self, container: &str) {
        self.lock().remove(container);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Resolver>> {
        // An entry is there or it is not, whatever happened to another holder.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
