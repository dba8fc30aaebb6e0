//! Keeps the guest's clock on the host's: at intervals, and at once when the host's has jumped, as after sleep.

use super::Guest;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two settings in quiet times; an emulated guest drifts by milliseconds in this time.
const INTERVAL: Duration = Duration::from_secs(30);
/// How often a jump is looked for: within a second of waking up, the guest is right again.
const LOOK: Duration = Duration::from_secs(1);
/// A wall clock this far from where the monotonic one expects it has jumped.
const JUMP: Duration = Duration::from_millis(250);

/// The host's wall clock, nanoseconds since the Unix epoch.
#[must_use]
pub fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Keeps the clock of `guest` until dropped.
pub async fn keep(guest: Guest) {
    let mut watch = JumpWatch::new(Instant::now(), unix_nanos());
    let mut last_set = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let jumped = watch.look(Instant::now(), unix_nanos());
        if !jumped && last_set.elapsed() < INTERVAL {
            continue;
        }
        match guest.set_clock(unix_nanos).await {
            Ok(moved) => {
                last_set = Instant::now();
                if jumped {
                    tracing::info!(moved_millis = moved / 1_000_000, "the host's clock jumped; the guest follows");
                }
            }
            Err(error) => tracing::warn!(%error, "the guest's clock was not set"),
        }
    }
}

/// Compares the two clocks of the host: during sleep only the wall clock goes on.
struct JumpWatch {
    monotonic: Instant,
    wall: u64,
}

impl JumpWatch {
    fn new(monotonic: Instant, wall: u64) -> Self {
        Self { monotonic, wall }
    }

    /// Whether the wall clock has jumped since the last look.
    fn look(&mut self, monotonic: Instant, wall: u64) -> bool {
        let expected = i128::from(self.wall)
            + i128::try_from(monotonic.duration_since(self.monotonic).as_nanos()).unwrap_or(i128::MAX / 2);
        (self.monotonic, self.wall) = (monotonic, wall);
        (i128::from(wall) - expected).unsigned_abs() > JUMP.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jump_counts_in_either_direction() {
        let (start, wall) = (Instant::now(), 1_000_000_000_000_000_000);
        let mut watch = JumpWatch::new(start, wall);
        let second = 1_000_000_000;
        assert!(!watch.look(start + Duration::from_secs(1), wall + second + 1_000_000));
        assert!(watch.look(start + Duration::from_secs(2), wall + 3600 * second));
        assert!(!watch.look(start + Duration::from_secs(3), wall + 3601 * second));
        assert!(watch.look(start + Duration::from_secs(4), wall));
    }
}
