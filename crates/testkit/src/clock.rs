//! [`ManualClock`]: a clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chat::clock::{Clock, SystemClock};
use jiff::Timestamp;

/// Begins at 2026-01-01T00:00:00Z unless told otherwise. Clones tell the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    milliseconds: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at its beginning.
    pub fn new() -> Self {
        Self { milliseconds: Arc::new(AtomicI64::new(1_767_225_600_000)) }
    }

    /// A clock that stands at the present: for times that come from outside.
    pub fn at_present() -> Self {
        Self { milliseconds: Arc::new(AtomicI64::new(SystemClock.now().as_millisecond())) }
    }

    /// Moves it on, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        self.milliseconds.fetch_add(milliseconds(by), Ordering::Relaxed);
    }

    /// Sets it back, by whole milliseconds.
    pub fn set_back(&self, by: Duration) {
        self.milliseconds.fetch_sub(milliseconds(by), Ordering::Relaxed);
    }
}

fn milliseconds(by: Duration) -> i64 {
    i64::try_from(by.as_millis()).expect("a test stays within the calendar")
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let milliseconds = self.milliseconds.load(Ordering::Relaxed);
        Timestamp::from_millisecond(milliseconds).expect("a test stays within the calendar")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_only_when_told() {
        let clock = ManualClock::new();
        let clone = clock.clone();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00Z");
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clone.now().to_string(), "2026-01-01T00:00:01.5Z");
    }
}
