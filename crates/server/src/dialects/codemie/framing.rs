//! Server-Sent Events or a row of JSON objects: which of the two a CodeMie client reads.
//!
//! The vendor's page promises SSE, its own SDK and UI read NDJSON, and neither says so in a header. So `Accept` decides
//! where it names one of them; else a body that has only the page's own fields gets what the page promises.

use http::HeaderMap;
use http::header::ACCEPT;

const EVENT_STREAM: &str = "text/event-stream";
const NDJSON: &str = "application/x-ndjson";
/// The fields that the published page knows.
const PUBLISHED: [&str; 3] = ["text", "stream", "llmModel"];

/// How the objects of a stream are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    EventStream,
    Ndjson,
}

impl Framing {
    /// `fields`: the known fields that the body has, each in its camelCase spelling.
    pub(super) fn of<'a>(headers: &HeaderMap, fields: impl IntoIterator<Item = &'a str>) -> Self {
        match (quality(headers, EVENT_STREAM), quality(headers, NDJSON)) {
            (Some(events), Some(ndjson)) if events.beats(&ndjson) => Self::EventStream,
            (Some(_), Some(_)) | (None, Some(_)) => Self::Ndjson,
            (Some(_), None) => Self::EventStream,
            (None, None) if fields.into_iter().all(|field| PUBLISHED.contains(&field)) => Self::EventStream,
            (None, None) => Self::Ndjson,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::EventStream => EVENT_STREAM,
            // Exactly so: the vendor's clients compare the whole value.
            Self::Ndjson => NDJSON,
        }
    }
}

/// How much a media type is wanted (RFC 9110 section 12.5.1), and how early it is named.
struct Wanted {
    quality: f32,
    place: usize,
}

impl Wanted {
    fn beats(&self, other: &Self) -> bool {
        self.quality > other.quality || (self.quality == other.quality && self.place < other.place)
    }
}

fn quality(headers: &HeaderMap, media: &str) -> Option<Wanted> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).enumerate();
    let mut named = ranges.filter_map(|(place, range)| {
        let mut parts = range.split(';').map(str::trim);
        let is_it = parts.next()?.eq_ignore_ascii_case(media);
        let quality =
            parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
        (is_it && quality > 0.0).then_some(Wanted { quality, place })
    });
    named.next()
}

#[cfg(test)]
mod tests {
    use super::Framing::{EventStream, Ndjson};
    use super::*;

    #[track_caller]
    fn check(accept: Option<&str>, fields: &[&str], expected: Framing) {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, accept.parse().unwrap());
        }
        assert_eq!(Framing::of(&headers, fields.iter().copied()), expected, "{accept:?} {fields:?}");
    }

    #[test]
    fn accept_decides_where_it_names_one() {
        check(Some("text/event-stream"), &["text", "stream", "topK"], EventStream);
        check(Some("application/x-ndjson"), &["text", "stream"], Ndjson);
        check(Some("application/x-ndjson;q=0.5, text/event-stream"), &[], EventStream);
        check(Some("text/event-stream;q=0.5, application/x-ndjson"), &[], Ndjson);
        check(Some("application/x-ndjson, text/event-stream"), &[], Ndjson);
        check(Some("TEXT/event-stream, application/x-ndjson"), &["topK"], EventStream);
        check(Some("text/event-stream;q=0, */*"), &["topK"], Ndjson);
    }

    #[test]
    fn else_the_fields_of_the_body_do() {
        for accept in [None, Some("*/*"), Some("application/json")] {
            check(accept, &["text", "stream", "llmModel"], EventStream);
            check(accept, &["text", "stream", "conversationId"], Ndjson);
            check(accept, &["text", "stream", "history", "topK"], Ndjson);
        }
    }
}
