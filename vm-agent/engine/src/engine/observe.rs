//! Logs and events.

use super::Engine;
use crate::{
    Error, Result,
    container::Definition,
    event::{Event, EventOptions},
    log::{self, LogOptions, LogStream, LogTarget, Reading, Rotation},
    roster::Container,
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
        self.read_log(&container, options).await
    }

    /// Events, kept ones first when asked; ends at `until`.
    #[must_use]
    pub fn events(&self, options: EventOptions) -> BoxStream<'static, Event> {
        self.inner.events.listen(options, self.inner.seams.clock.now())
    }

    pub(super) async fn read_log(&self, container: &Container, options: LogOptions) -> Result<LogStream> {
        let definition = &container.definition;
        if !log::is_kept(&definition.host.log_config) {
            return Err(Error::LogNotKept);
        }
        let path = self.inner.paths.log(&definition.id);
        let now = self.inner.seams.clock.now();
        let reading = Reading { path: &path, options, now };
        log::read(reading, &self.inner.logs, container.live.subscribe()).await
    }

    /// Where and how the container's output is kept; `None` for nowhere.
    pub(super) fn log_target(&self, definition: &Definition, name: &str) -> Result<Option<LogTarget>> {
        let Some(Rotation { max_size, max_files, compress }) = log::rotation(&definition.host.log_config)? else {
            return Ok(None);
        };
        let attributes = log::attributes(definition, name)?;
        let path = self.inner.paths.log(&definition.id);
        Ok(Some(LogTarget { path, max_size, max_files, compress, attributes }))
    }
}
