//! Identifiers: UUIDv7 inside (ordered by the clock), prefixed random strings outside (unguessable).

use crate::clock::Clock;
use jiff::Timestamp;
use uuid::{NoContext, Uuid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than all that were made before by the same clock.
            pub fn new(clock: &dyn Clock) -> Self {
                Self(uuid_v7(clock))
            }

            /// The id stored as these 16 bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// When it was made, which the id tells.
            pub fn made_at(&self) -> Option<Timestamp> {
                let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
            }

            /// The 16 bytes to store.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// What things belong to and quota is counted on.
    AccountId
);
id!(
    /// One conversation, whatever the dialect calls it.
    ConversationId
);
id!(
    /// One turn. Its public name is another matter: a client may choose it.
    TurnId
);

id!(
    /// A document of a project.
    DocumentId
);

fn uuid_v7(clock: &dyn Clock) -> Uuid {
    let now = clock.now();
    let seconds = now.as_second().max(0).unsigned_abs();
    let nanos = now.subsec_nanosecond().max(0).unsigned_abs();
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `length` random characters of `[0-9A-Za-z]` (5.95 bits each) from the operating system's generator.
pub fn random_base62(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).expect("the operating system has a random generator");
        // 248 = 4 * 62: bytes above it would favour the first characters.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        text.extend(fair.take(length - text.len()).map(|byte| char::from(BASE62[usize::from(*byte % 62)])));
    }
    text
}

/// A new public id of 130 random bits, such as `sess_4tq…`; `prefix` includes the underscore.
pub fn public_id(prefix: &str) -> String {
    format!("{prefix}{}", random_base62(22))
}

/// A new random UUID (version 4), for things whose clients expect one.
pub fn random_uuid() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system has a random generator");
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn ids_made_later_sort_later() {
        let first = TurnId::new(&SystemClock);
        std::thread::yield_now();
        let second = TurnId::new(&SystemClock);
        assert_eq!(&first.as_bytes()[..4], &second.as_bytes()[..4], "the time leads");
        assert_ne!(first, second);
    }

    #[test]
    fn public_ids_are_well_formed_and_never_repeat() {
        let id = public_id("sess_");
        assert_eq!(id.len(), 27);
        assert!(id.bytes().skip(5).all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        assert_ne!(id, public_id("sess_"));
    }
}
