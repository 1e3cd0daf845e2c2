//! Time as an argument: every wall-clock reading of the program goes through a [`Clock`], so that tests can move it.

use jiff::Timestamp;

/// Tells the time of day. Waiting is another matter and uses tokio's timers.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment in UTC, to the millisecond: what is told is what is stored.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the operating system for the time"
    )]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whole_milliseconds() {
        let times = std::iter::repeat_with(|| SystemClock.now()).take(100);
        assert!(times.map(|now| now.subsec_nanosecond() % 1_000_000).all(|rest| rest == 0));
    }
}
