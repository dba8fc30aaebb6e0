//! Kills for want of memory, told when they happen and not only at the container's end.

use super::Engine;
use crate::{
    container::{Definition, Turn},
    roster::Container,
    spec,
};
use std::{convert::Infallible, path::PathBuf};

impl Engine {
    /// The directory of a container's control group.
    pub(super) fn cgroup(&self, definition: &Definition) -> PathBuf {
        self.inner.config.cgroup_root.join(spec::cgroup_path(definition).trim_start_matches('/'))
    }

    /// Tells each time the kernel has killed processes of a running container for want of memory. The kernel reports a
    /// change of the file to inotify (Documentation/admin-guide/cgroup-v2.rst, "memory.events"): nothing is polled.
    pub(super) async fn notice_oom(&self, container: &Container) -> Infallible {
        let file = self.cgroup(&container.definition).join("memory.events");
        if !file.exists() {
            // No memory controller: nobody is killed for the container's own want.
            return std::future::pending().await;
        }
        let mut watched = self.inner.logs.follow(&file);
        let known = container.now().is_ok_and(|live| live.life.details.oom_killed);
        let mut seen = if known { kills(&file).await } else { 0 };
        loop {
            let kills = kills(&file).await;
            if kills > seen {
                seen = kills;
                self.told_oom(container).await;
            }
            watched.grown().await;
        }
    }

    async fn told_oom(&self, container: &Container) {
        let Ok(live) = container.now() else { return };
        if !live.life.details.oom_killed
            && let Err(e) = self.turn(container, Turn::OutOfMemory).await
        {
            // At its end at the latest it is kept.
            tracing::warn!("a lack of memory of {} could not be kept: {e}", container.definition.short_id());
        }
        self.tell(container, &live, "oom", &[]);
    }
}

/// How many processes were killed; none once the group is gone.
async fn kills(file: &std::path::Path) -> u64 {
    let events = tokio::fs::read_to_string(file).await.unwrap_or_default();
    let count = |line: &str| line.strip_prefix("oom_kill ")?.trim().parse().ok();
    events.lines().find_map(count).unwrap_or(0)
}
