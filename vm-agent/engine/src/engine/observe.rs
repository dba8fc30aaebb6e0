//! Logs, attachments and events.

use super::{Engine, pending};
use crate::{
    Result,
    event::{Event, EventOptions},
    log::{AttachOptions, Attachment, LogOptions, LogStream},
};
use futures_util::stream::BoxStream;

impl Engine {
    /// A container's output. A followed one ends after the container's last byte.
    ///
    /// # Errors
    /// No such container; neither output chosen.
    pub async fn container_logs(&self, name: &str, options: LogOptions) -> Result<LogStream> {
        drop((name.to_owned(), options));
        Err(pending(self))
    }

    /// A container's output from now on. One that does not run yet is waited for; the stream ends with the
    /// container's end.
    ///
    /// # Errors
    /// No such container.
    pub async fn attach_container(&self, name: &str, options: AttachOptions) -> Result<Attachment> {
        drop((name.to_owned(), options));
        Err(pending(self))
    }

    /// Events, kept ones first when asked; ends at `until`.
    #[must_use]
    pub fn events(&self, options: EventOptions) -> BoxStream<'static, Event> {
        drop(options);
        Box::pin(futures_util::stream::empty())
    }
}
