//! What the verbs on a container take and give besides its name.

use bytes::Bytes;

/// What `logs` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Wait for more until the container ends.
    pub follow: bool,
    /// Only the last so many lines; `None` for all.
    pub tail: Option<u64>,
    /// Only lines since then, nanoseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Only lines up to then, nanoseconds since the Unix epoch.
    pub until: Option<i64>,
    /// Each line begins with its time.
    pub timestamps: bool,
    /// What the log's options attach to a line is in front of it.
    pub details: bool,
}

impl LogOptions {
    /// As a query of the Docker Engine API.
    pub(crate) fn query(&self) -> String {
        let on = |key: &str, on: bool| if on { format!("&{key}=1") } else { String::new() };
        let moment = |key: &str, at: Option<i64>| {
            at.map_or_else(String::new, |at| {
                format!("&{key}={}.{:09}", at.div_euclid(1_000_000_000), at.rem_euclid(1_000_000_000))
            })
        };
        let mut query = "stdout=1&stderr=1".to_owned();
        query += &on("follow", self.follow);
        query += &on("timestamps", self.timestamps);
        query += &on("details", self.details);
        query += &self.tail.map_or_else(String::new, |lines| format!("&tail={lines}"));
        query + &moment("since", self.since) + &moment("until", self.until)
    }
}

/// Which containers to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerQuery {
    /// Those that do not run too.
    pub all: bool,
    /// The newest so many.
    pub limit: Option<i32>,
    /// Count what each has written.
    pub size: bool,
    /// Docker's filters.
    pub filters: crate::client::Filters,
}

/// A piece of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChunk {
    /// Whether it was written to standard error.
    pub stderr: bool,
    /// The bytes as written.
    pub bytes: Bytes,
}

/// How a container is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Kill it first when it runs.
    pub force: bool,
    /// Remove its anonymous volumes too.
    pub volumes: bool,
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// It does not run: answers at once when it does not.
    NotRunning,
    /// The next end of its process.
    NextExit,
    /// It is removed.
    Removed,
}

impl WaitFor {
    pub(crate) fn condition(self) -> &'static str {
        match self {
            Self::NotRunning => "not-running",
            Self::NextExit => "next-exit",
            Self::Removed => "removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_asked_for_as_docker_does() {
        assert_eq!(LogOptions::default().query(), "stdout=1&stderr=1");
        let all = LogOptions {
            follow: true,
            tail: Some(3),
            since: Some(1_700_000_000_000_000_007),
            until: Some(5),
            timestamps: true,
            details: true,
        };
        assert_eq!(
            all.query(),
            "stdout=1&stderr=1&follow=1&timestamps=1&details=1&tail=3&since=1700000000.000000007&until=0.000000005"
        );
    }
}
