//! Logs and events.

use super::Engine;
use crate::{
    Error, Result,
    event::{Event, EventOptions},
    log::{self, LogOptions, LogStream, Reading},
};
use futures_util::stream::BoxStream;

impl Engine {
    /// A container's output. A followed one ends after the container's last byte.
    ///
    /// # Errors
    /// No such container; neither output chosen.
    pub async fn container_logs(&self, name: &str, options: LogOptions) -> Result<LogStream> {
        if !options.stdout && !options.stderr {
            return Err(Error::InvalidParameter("Bad parameters: you must choose at least one stream".to_owned()));
        }
        let container = self.inner.roster.find(name)?;
        container.now()?;
        self.read_log(container.id(), options, &container.live).await
    }

    /// Events, kept ones first when asked; ends at `until`.
    #[must_use]
    pub fn events(&self, options: EventOptions) -> BoxStream<'static, Event> {
        self.inner.events.listen(options, self.inner.seams.clock.now())
    }

    pub(super) async fn read_log(
        &self,
        id: &str,
        options: LogOptions,
        live: &tokio::sync::watch::Sender<Option<std::sync::Arc<crate::container::Live>>>,
    ) -> Result<LogStream> {
        let path = self.inner.paths.log(id);
        let now = self.inner.seams.clock.now();
        let reading = Reading { path: &path, options, now };
        log::read(reading, &self.inner.logs, live.subscribe()).await
    }
}
