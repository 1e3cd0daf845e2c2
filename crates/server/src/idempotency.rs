//! The client's key for "this is the same request again", read alike in every dialect.

use chat::turn::IdempotencyKey;
use http::{HeaderMap, HeaderName};

use crate::body::{BodyError, WrongField};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST: usize = 255;

/// The request's key for this route, if it has one.
pub(crate) fn idempotency_key(
    headers: &HeaderMap,
    route: &'static str,
) -> Result<Option<IdempotencyKey>, BodyError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let visible =
        |key: &&str| (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value.to_str().ok().filter(visible);
    key.map(|key| Some(IdempotencyKey { route, key: key.to_owned() })).ok_or_else(|| {
        let message = format!("Idempotency-Key must be 1 to {LONGEST} visible ASCII characters");
        BodyError::Wrong(WrongField { field: "Idempotency-Key".to_owned(), message })
    })
}
