//! The guest's clocks. The wall clock is the host's: set at boot, and again whenever the host says it has drifted.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use std::time::Duration;

/// Below this the clock is left alone: the message itself takes a few milliseconds, and a clock that steps back and
/// forth by that much does more harm than one that is slightly off. A tenth of the skew that is to be noticed.
const TOLERANCE: Duration = Duration::from_millis(10);

/// Why the clock was not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClockError {
    /// The time is not one a clock can show.
    #[error("the host's clock says {0} ns since 1970, which no clock can show; set the host's clock")]
    OutOfRange(u64),
    /// The kernel refused.
    #[error("the kernel does not take the time")]
    Set(#[from] nix::Error),
}

/// Time since the kernel began to count, sleep included.
pub(crate) fn since_kernel_start() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}

/// Sets the wall clock to what the host's shows now; by how much it moved, nanoseconds.
pub(crate) fn set(unix_nanos: u64) -> Result<i64, ClockError> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_REALTIME)?);
    let target = Duration::from_nanos(unix_nanos);
    let Some(moved) = distance(now, target) else { return Err(ClockError::OutOfRange(unix_nanos)) };
    if moved != 0 {
        clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(target))?;
    }
    Ok(moved)
}

/// Sets the wall clock at boot from the host's clock at the start of the VM: the kernel has counted since then.
pub(crate) fn set_at_boot(unix_nanos_at_start: u64) -> Result<i64, ClockError> {
    let elapsed = u64::try_from(since_kernel_start().as_nanos()).unwrap_or(0);
    set(unix_nanos_at_start.saturating_add(elapsed))
}

/// From `now` to `target` in nanoseconds; 0 within the tolerance; `None` when the target cannot be shown.
fn distance(now: Duration, target: Duration) -> Option<i64> {
    let target_nanos = i64::try_from(target.as_nanos()).ok()?;
    let now_nanos = i64::try_from(now.as_nanos()).ok()?;
    if now.abs_diff(target) < TOLERANCE { Some(0) } else { Some(target_nanos - now_nanos) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn a_clock_that_is_right_is_left_alone_and_a_wrong_one_moves_both_ways() {
        assert_eq!(distance(NOW, NOW + Duration::from_millis(9)), Some(0));
        assert_eq!(distance(NOW, NOW + Duration::from_secs(3600)), Some(3_600_000_000_000));
        assert_eq!(distance(NOW, NOW - Duration::from_secs(1)), Some(-1_000_000_000));
    }

    #[test]
    fn a_time_beyond_what_a_clock_can_show_is_refused() {
        assert_eq!(distance(NOW, Duration::from_nanos(u64::MAX)), None);
    }
}
