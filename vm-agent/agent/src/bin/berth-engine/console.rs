//! What the process says goes to standard error, which is the machine's console: one line each, with the process's
//! name in front, without colours and without the time, which the host puts on every line of the console.

use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext,
        format::{self, Compact, FormatEvent, FormatFields, Writer},
    },
    registry::LookupSpan,
};

/// Starts telling. `BERTH_LOG` chooses what, in `tracing`'s words; `info` when it is not set.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("BERTH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(Named(format::format().compact().without_time().with_target(false)))
        .init();
}

struct Named(format::Format<Compact, ()>);

impl<S, N> FormatEvent<S, N> for Named
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writer.write_str("berth-engine: ")?;
        self.0.format_event(context, writer, event)
    }
}
