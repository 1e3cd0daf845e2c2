//! Time as an argument: every wall-clock reading of the program goes through a [`Clock`], so that tests can move it.

use jiff::Timestamp;

/// Tells the time of day. Waiting is another matter and uses tokio's timers.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment in UTC, in whole milliseconds: what stores keep, so that a time reads the same when it is told
    /// and when it is told again.
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
        let now = Timestamp::now().as_millisecond();
        Timestamp::from_millisecond(now).expect("a moment without its fraction is still one")
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
