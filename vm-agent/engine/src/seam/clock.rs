//! The wall clock.

use crate::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the wall clock's time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}
