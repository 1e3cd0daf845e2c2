//! How many requests an account may make in a minute, and what answers tell of it in their headers.
//!
//! Minutes are those of the clock: a client that is told when the limit is reset has all of it again then.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use chat::ids::AccountId;
use chat::{Error, ErrorKind};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;

pub(crate) const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(crate) const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
pub(crate) const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const MINUTE_MS: i64 = 60_000;

tokio::task_local! {
    static CURRENT: Cell<Option<Charged>>;
}

/// The requests of this minute, by account.
#[derive(Default)]
pub(crate) struct RateLimit {
    limit: Option<NonZeroU32>,
    minute: Mutex<Minute>,
}

/// Holds only who has asked in this minute: the next one begins with nothing.
#[derive(Default)]
struct Minute {
    number: i64,
    requests: HashMap<AccountId, u32>,
}

/// What a request was told.
#[derive(Clone, Copy)]
struct Charged {
    limit: u32,
    remaining: u32,
    refused: Option<Refused>,
}

#[derive(Clone, Copy)]
struct Refused {
    /// Unix seconds.
    reset: i64,
    wait: u64,
}

impl RateLimit {
    /// At most so many in a minute; `None`: any number, and answers tell nothing.
    pub(crate) fn new(limit: Option<NonZeroU32>) -> Self {
        Self { limit, minute: Mutex::default() }
    }

    /// Counts the request that is being served on this account, once, however often it is asked.
    pub(crate) fn charge(&self, account: AccountId, now: Timestamp) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let before = CURRENT.try_with(Cell::get).ok().flatten();
        let charged = before.unwrap_or_else(|| self.count(limit.get(), account, now));
        let _no_request_is_being_served = CURRENT.try_with(|current| current.set(Some(charged)));
        charged.refused.map_or(Ok(()), |Refused { wait, .. }| {
            let kind = ErrorKind::RateLimited { retry_after: Duration::from_secs(wait) };
            Err(Error::new(kind, format!("this account may make {limit} requests a minute; wait {wait} s")))
        })
    }

    fn count(&self, limit: u32, account: AccountId, now: Timestamp) -> Charged {
        let number = now.as_millisecond().div_euclid(MINUTE_MS);
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != number {
            *minute = Minute { number, ..Minute::default() };
        }
        let requests = minute.requests.entry(account).or_default();
        if *requests < limit {
            *requests += 1;
            return Charged { limit, remaining: limit - *requests, refused: None };
        }
        let reset = (number + 1) * MINUTE_MS;
        let wait = (reset - now.as_millisecond()).unsigned_abs().div_ceil(1000);
        Charged { limit, remaining: 0, refused: Some(Refused { reset: reset / 1000, wait }) }
    }
}

/// Serves a request; its answer tells what it was charged, if it was.
pub(crate) async fn scope(work: impl Future<Output = Response>) -> Response {
    let served = async {
        let response = work.await;
        match CURRENT.with(Cell::get) {
            Some(charged) => charged.told_in(response),
            None => response,
        }
    };
    CURRENT.scope(Cell::new(None), served).await
}

impl Charged {
    fn told_in(self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(X_RATELIMIT_LIMIT, HeaderValue::from(self.limit));
        headers.insert(X_RATELIMIT_REMAINING, HeaderValue::from(self.remaining));
        if let Some(Refused { reset, wait }) = self.refused {
            headers.insert(X_RATELIMIT_RESET, HeaderValue::from(reset));
            headers.insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use chat::clock::Clock as _;
    use testkit::ManualClock;

    use super::*;

    #[test]
    fn only_the_accounts_of_this_minute_are_held() {
        let clock = ManualClock::new();
        let limit = RateLimit::new(NonZeroU32::new(1));
        let held = || limit.minute.lock().map(|minute| minute.requests.len()).unwrap_or_default();
        for _ in 0..1_000 {
            assert!(limit.charge(AccountId::new(&clock), clock.now()).is_ok());
        }
        assert_eq!(held(), 1_000);
        clock.advance(Duration::from_secs(60));
        assert!(limit.charge(AccountId::new(&clock), clock.now()).is_ok());
        assert_eq!(held(), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let clock = ManualClock::new();
        let limit = RateLimit::new(NonZeroU32::new(1));
        let ada = AccountId::new(&clock);
        let later = clock.now() + jiff::SignedDuration::from_hours(1);
        assert!(limit.charge(ada, later).is_ok());
        assert!(limit.charge(ada, later).is_err());
        assert!(limit.charge(ada, clock.now()).is_ok());
    }
}
