//! How often a password may be tried: five times in a quarter of an hour for each name, right ones not counted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

const TRIES: u32 = 5;
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// More names than this are not told apart: the oldest are forgotten.
const MAX_NAMES: usize = 10_000;

struct Tries {
    since: Timestamp,
    count: u32,
}

/// The tries of late, by whom they were for.
#[derive(Default)]
pub(crate) struct Throttle {
    tries: Mutex<HashMap<String, Tries>>,
}

impl Throttle {
    /// Counts a try, before its outcome is known, so that many at once are no way around. `Err`: too many; try again then.
    pub(crate) fn begin(&self, name: &str, now: Timestamp) -> Result<(), Duration> {
        let mut all = self.lock();
        if all.len() >= MAX_NAMES && !all.contains_key(name) {
            make_room(&mut all, now);
        }
        let tries = all.entry(name.to_owned()).or_insert(Tries { since: now, count: 0 });
        // A clock that was set back must not lock anybody out for longer.
        if now.duration_since(tries.since).abs() >= WINDOW {
            *tries = Tries { since: now, count: 0 };
        }
        if tries.count >= TRIES {
            let over = WINDOW - now.duration_since(tries.since);
            return Err(over.try_into().unwrap_or_default());
        }
        tries.count += 1;
        Ok(())
    }

    /// The password was right: what was tried before counts no more.
    pub(crate) fn succeeded(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(all: &mut HashMap<String, Tries>, now: Timestamp) {
    all.retain(|_, tries| now.duration_since(tries.since).abs() < WINDOW);
    if all.len() < MAX_NAMES {
        return;
    }
    let mut times: Vec<_> = all.values().map(|tries| tries.since).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    all.retain(|_, tries| tries.since > median);
}

#[cfg(test)]
mod tests {
    use chat::clock::Clock as _;
    use testkit::ManualClock;

    use super::*;

    #[test]
    fn five_tries_in_a_quarter_of_an_hour() {
        let (throttle, clock) = (Throttle::default(), ManualClock::new());
        for _ in 0..5 {
            assert_eq!(throttle.begin("ada", clock.now()), Ok(()));
            clock.advance(Duration::from_secs(60));
        }
        assert_eq!(throttle.begin("ada", clock.now()), Err(Duration::from_secs(600)));
        assert_eq!(throttle.begin("bob", clock.now()), Ok(()));
        clock.advance(Duration::from_secs(600));
        assert_eq!(throttle.begin("ada", clock.now()), Ok(()));
    }

    #[test]
    fn a_right_password_begins_anew() {
        let (throttle, clock) = (Throttle::default(), ManualClock::new());
        for _ in 0..20 {
            assert_eq!(throttle.begin("ada", clock.now()), Ok(()));
            throttle.succeeded("ada");
        }
    }

    #[test]
    fn many_names_are_bounded() {
        let (throttle, clock) = (Throttle::default(), ManualClock::new());
        for number in 0..2 * MAX_NAMES {
            assert_eq!(throttle.begin(&number.to_string(), clock.now()), Ok(()));
            clock.advance(Duration::from_millis(1));
        }
        assert!(throttle.lock().len() <= MAX_NAMES);
    }
}
