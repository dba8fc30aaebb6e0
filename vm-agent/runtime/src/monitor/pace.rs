//! When to rest before the next reading. A program that pours out small pieces would otherwise be interrupted by its
//! monitor for each of them: the monitor lets them come together instead. Output that trickles is never kept waiting.

use std::time::{Duration, Instant};

/// The rate is looked at whenever this many bytes have come.
const SPAN: usize = 32 * 1024;
/// Who needs less time than this for them is pouring.
const POURS_WITHIN: Duration = Duration::from_millis(4);
/// How long the monitor rests: the pipe must not be full before.
const REST: Duration = Duration::from_micros(400);

/// The pace of one stream.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the bytes that count now began to come.
    since: Option<Instant>,
    bytes: usize,
    pours: bool,
}

impl Pace {
    /// Takes in that `length` bytes were read at `now`, and says how long to rest. With `all` there was nothing left.
    pub(super) fn rest(&mut self, length: usize, all: bool, now: Instant) -> Option<Duration> {
        let took = now.saturating_duration_since(*self.since.get_or_insert(now));
        self.bytes += length;
        if took >= POURS_WITHIN {
            (self.pours, self.since, self.bytes) = (false, Some(now), 0);
        } else if self.bytes >= SPAN {
            (self.pours, self.since, self.bytes) = (true, Some(now), 0);
        }
        (self.pours && all).then_some(REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often one rests for `count` readings of `length` bytes with `apart` between them.
    fn rests(count: u32, length: usize, apart: Duration) -> u32 {
        let (mut pace, start) = (Pace::default(), Instant::now());
        (0..count).map(|number| u32::from(pace.rest(length, true, start + apart * number).is_some())).sum()
    }

    #[test]
    fn what_trickles_never_waits() {
        assert_eq!(rests(10_000, 100, Duration::from_millis(1)), 0);
        assert_eq!(rests(10_000, 30_000, Duration::from_millis(5)), 0);
        assert_eq!(rests(7, 4096, Duration::ZERO), 0);
    }

    #[test]
    fn what_pours_comes_together() {
        assert!(rests(1000, 4096, Duration::from_micros(20)) > 990);
    }

    #[test]
    fn a_stream_that_has_more_is_read_at_once() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert!((0..1000).all(|_| pace.rest(SPAN, false, now).is_none()));
    }

    #[test]
    fn pouring_is_forgotten_with_the_next_quiet_moment() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert!(pace.rest(SPAN, true, start).is_some());
        assert!(pace.rest(10, true, start + Duration::from_millis(5)).is_none());
        assert!(pace.rest(10, true, start + Duration::from_millis(6)).is_none());
    }
}
