//! Streams, read to their end.

use futures_util::{Stream, StreamExt};
use std::pin::pin;

/// What a stream gives up to its end or its first error, and that error. It is polled outside of any runtime of the caller.
///
/// # Panics
/// When the system has no room for a runtime.
pub fn drained<T, E>(stream: impl Stream<Item = Result<T, E>>) -> (Vec<T>, Option<E>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut stream = pin!(stream);
        let mut items = Vec::new();
        while let Some(item) = stream.next().await {
            match item {
                Ok(item) => items.push(item),
                Err(error) => return (items, Some(error)),
            }
        }
        (items, None)
    })
}
