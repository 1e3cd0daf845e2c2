//! What was verified of late, by the hash of the whole token.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat::Principal;
use jiff::{SignedDuration, Timestamp};

/// How long a revoked account's token may go on.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(60);
const MAX_ENTRIES: usize = 10_000;

struct Entry {
    principal: Principal,
    since: Timestamp,
    until: Timestamp,
}

impl Entry {
    /// Not before it was made, either: the clock may have been set back.
    fn is_good(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }
}

#[derive(Default)]
pub(super) struct Cache {
    entries: Mutex<HashMap<[u8; 32], Entry>>,
}

impl Cache {
    pub(super) fn get(&self, hash: &[u8; 32], now: Timestamp) -> Option<Principal> {
        let entries = self.lock();
        entries.get(hash).filter(|entry| entry.is_good(now)).map(|entry| entry.principal.clone())
    }

    /// Remembers until the token's end, in seconds since 1970, or for a minute.
    pub(super) fn put(&self, hash: [u8; 32], principal: Principal, expires_at: f64, now: Timestamp) {
        let mut until = now + MAX_AGE;
        if expires_at < until.as_second() as f64 {
            // In range, since it lies before a time that is.
            until = Timestamp::from_second(expires_at as i64).unwrap_or(now);
        }
        let mut entries = self.lock();
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, entry| entry.is_good(now));
        }
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(hash, Entry { principal, since: now, until });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
