//! Logs, attachments and events.

use super::Engine;
use crate::{
    Error, Result,
    event::{Event, EventOptions},
    log::{self, AttachOptions, Attachment, LogOptions, LogStream, Reading, Until},
};
use futures_util::{StreamExt, stream::BoxStream};

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
        self.read_log(container.id(), options, false, Until::NotRunning, &container.live).await
    }

    /// A container's output from now on. One that does not run yet is waited for; the stream ends with the
    /// container's end.
    ///
    /// # Errors
    /// No such container.
    pub async fn attach_container(&self, name: &str, options: AttachOptions) -> Result<Attachment> {
        let container = self.inner.roster.find(name)?;
        let ends = container.now()?.life.ends;
        let AttachOptions { stdout, stderr, logs, stream } = options;
        let tty = container.definition.config.tty;
        let options = LogOptions { stdout, stderr, follow: stream, ..LogOptions::default() };
        let output = if logs || stream {
            self.read_log(container.id(), options, !logs, Until::MoreEndsThan(ends), &container.live).await?
        } else {
            futures_util::stream::empty().boxed()
        };
        if stream {
            self.tell(&container, &*container.now()?, "attach", &[]);
        }
        Ok(Attachment { tty, output })
    }

    /// Events, kept ones first when asked; ends at `until`.
    #[must_use]
    pub fn events(&self, options: EventOptions) -> BoxStream<'static, Event> {
        self.inner.events.listen(options, self.inner.seams.clock.now())
    }

    async fn read_log(
        &self,
        id: &str,
        options: LogOptions,
        from_end: bool,
        until: Until,
        live: &tokio::sync::watch::Sender<Option<std::sync::Arc<crate::container::Live>>>,
    ) -> Result<LogStream> {
        let path = self.inner.paths.log(id);
        let now = self.inner.seams.clock.now();
        let reading = Reading { path: &path, options, from_end, until, now };
        log::read(reading, &self.inner.logs, live.subscribe()).await
    }
}
