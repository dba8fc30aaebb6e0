//! Streams to the window, by the number that the window gave each, until they end or it has enough of one.

use berth_api::{Error, Problem};
use futures_util::{
    Stream, StreamExt as _,
    future::{AbortHandle, Abortable},
};
use std::{
    collections::HashMap,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tauri::ipc::{Channel, IpcResponse};

/// Those that run.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<u32, AbortHandle>>);

impl Streams {
    /// Runs `work` until it is done or its number is ended; being ended is no failure.
    pub(crate) async fn run(
        &self,
        number: u32,
        work: impl Future<Output = Result<(), Problem>>,
    ) -> Result<(), Problem> {
        let (handle, registration) = AbortHandle::new_pair();
        self.all().insert(number, handle);
        let ended = Abortable::new(work, registration).await;
        self.all().remove(&number);
        ended.unwrap_or(Ok(()))
    }

    /// Ends one.
    pub(crate) fn end(&self, number: u32) {
        if let Some(handle) = self.all().remove(&number) {
            handle.abort();
        }
    }

    /// Ends every one.
    pub(crate) fn end_all(&self) {
        self.all().drain().for_each(|(_, handle)| handle.abort());
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u32, AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends each item to the window until there are no more.
pub(crate) async fn pass_on<T: IpcResponse>(
    items: impl Stream<Item = Result<T, Error>>,
    to: &Channel<T>,
) -> Result<(), Problem> {
    let mut items = pin!(items);
    while let Some(item) = items.next().await {
        // It fails only while the window is being closed.
        if to.send(item?).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::pending, sync::Arc, time::Duration};

    #[tokio::test]
    async fn a_stream_ends_when_the_window_has_enough_and_no_other_does() {
        let streams = Arc::new(Streams::default());
        let run = |number| {
            let streams = streams.clone();
            tokio::spawn(async move { streams.run(number, pending()).await })
        };
        let (first, second) = (run(1), run(2));
        while streams.all().len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        streams.end(1);
        assert_eq!(first.await.unwrap(), Ok(()));
        assert!(!second.is_finished());
        streams.end_all();
        assert_eq!(second.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn how_a_stream_ends_by_itself_is_told() {
        let streams = Streams::default();
        let problem = Problem::machine_stopped();
        assert_eq!(streams.run(1, async { Err(problem.clone()) }).await, Err(problem));
        assert!(streams.all().is_empty());
    }
}
