//! The id of the request being served: in every answer's `X-Request-ID`, in every error body and in the log.

use std::future::Future;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids of callers are not taken over.
const MAX_LENGTH: usize = 128;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The caller's own id, if it brings one that can't be mistaken for anything else in a log; else a new one.
pub(crate) fn of(headers: &HeaderMap) -> Arc<str> {
    let mut brought = headers.get_all(X_REQUEST_ID).iter();
    let (Some(id), None) = (brought.next(), brought.next()) else { return new() };
    id.to_str().ok().filter(|id| is_harmless(id)).map_or_else(new, Into::into)
}

/// A new id.
pub(crate) fn new() -> Arc<str> {
    chat::ids::public_id("req_").into()
}

/// Visible ASCII: neither blanks nor line ends, nor what quotes and escapes in a log.
fn is_harmless(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
}

/// Serves a request under its id.
pub(crate) async fn scope<F: Future>(id: Arc<str>, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the request that is being served by this task.
pub(crate) fn current() -> Arc<str> {
    CURRENT.try_with(Clone::clone).unwrap_or_else(|_| "".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_taken_over_unless_it_could_forge_a_log_line() {
        let longest = "x".repeat(MAX_LENGTH);
        for good in ["7", "0194f3c2-7d5e", "trace:a/b+c==;v=1,2", longest.as_str()] {
            assert!(is_harmless(good), "{good}");
        }
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for bad in ["", "a b", "a\nb", "a\tb", "a\"b", "a\\b", "\u{1b}[31m", "\u{7f}", "ä", too_long.as_str()]
        {
            assert!(!is_harmless(bad), "{bad:?}");
        }
    }
}
