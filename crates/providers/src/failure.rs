//! How a vendor's failure becomes a [`CompletionError`]: one table for all vendors, by HTTP status.

use std::time::Duration;

use chat::provider::CompletionError;

/// A reason longer than this is cut.
const MAX_REASON: usize = 300;

/// What a vendor says about a failure, in a response of its own or inside a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VendorError {
    /// The HTTP status that the vendor gives to this kind of failure.
    pub(crate) status: u16,
    /// The prompt is longer than the model reads.
    pub(crate) is_context_length: bool,
    /// The vendor's words; may be empty.
    pub(crate) message: String,
}

impl VendorError {
    /// A failure of which only the status is known.
    pub(crate) fn unexplained(status: u16) -> Self {
        Self { status, is_context_length: false, message: String::new() }
    }

    /// What this failure is to the core. The vendor's words are passed on as they are: see [`presentable`].
    pub(crate) fn classify(self, retry_after: Option<Duration>) -> CompletionError {
        if self.is_context_length {
            return CompletionError::ContextLength;
        }
        let reason = match self.message.is_empty() {
            true => format!("HTTP status {}", self.status),
            false => self.message,
        };
        match self.status {
            401 | 403 => CompletionError::Unauthorized,
            // A bill that was not paid ends our quota.
            402 | 429 => CompletionError::RateLimited { retry_after },
            408 => CompletionError::Timeout,
            503 | 529 => CompletionError::Overloaded { retry_after },
            400..=499 => CompletionError::Refused(reason),
            _ => CompletionError::Failed(reason),
        }
    }
}

/// Makes the vendor's words fit to be shown: one short line, without our key or anything like it.
pub(crate) fn presentable(mut error: CompletionError, api_key: Option<&str>) -> CompletionError {
    if let CompletionError::Refused(reason) | CompletionError::Failed(reason) = &mut error {
        let is_secret = |word: &str| looks_like_key(word) || api_key.is_some_and(|key| word.contains(key));
        let words = reason.split_whitespace().map(|word| if is_secret(word) { "[key]" } else { word });
        *reason = words.collect::<Vec<_>>().join(" ").chars().take(MAX_REASON).collect();
    }
    error
}

/// Both vendors' keys begin so.
fn looks_like_key(word: &str) -> bool {
    word.trim_start_matches(|c: char| !c.is_alphanumeric()).starts_with("sk-")
}

/// Reads a `Retry-After` in seconds or as a date. A date is measured against the response's own `Date`, so that the
/// vendor's clock is compared with itself.
pub(crate) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(date?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_to_wait_for_is_measured_against_the_response() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let in_a_minute = "Sun, 06 Nov 1994 08:50:37 GMT";
        assert_eq!(retry_after("7", None), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(in_a_minute, Some(date)), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(date, Some(in_a_minute)), Some(Duration::ZERO));
        assert_eq!(retry_after(in_a_minute, None), None);
        assert_eq!(retry_after("soon", Some(date)), None);
    }

    #[test]
    fn a_reason_is_short_and_holds_no_key() {
        let words = format!("bad key\n'sk-abc123', or is it hunter2? {}", "x".repeat(400));
        let shown = presentable(CompletionError::Refused(words), Some("hunter2"));
        let CompletionError::Refused(reason) = shown else { panic!("{shown:?}") };
        assert!(reason.starts_with("bad key [key] or is it [key] xxx"), "{reason}");
        assert_eq!(reason.chars().count(), 300);
    }
}
