//! A turn's events as Cody's: `[START]`, chunks, `[END]`.

use bytes::{BufMut, BytesMut};
use chat::TurnLog;
use chat::turn::{Failure, Outcome, TurnEnd, TurnEvent};
use http::HeaderValue;

use super::messages::apology;
use super::wire::Chunk;
use crate::sse::{Encode, data_frame};

/// The id of the event that tells why the answer is not whole.
const FAILED: &str = "failed";
/// The id of the last event.
const END: &str = "end";

/// What a reader that comes back has seen, by the id of its last event: [`Encode::encode`]'s index and one, or a word for
/// what follows the answer, whose number is another after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    /// The events up to this number.
    Events(u64),
    /// All but the last.
    Failure,
    Everything,
}

impl Seen {
    /// An id that is not ours counts as none.
    pub(super) fn read(last_event_id: Option<&HeaderValue>) -> Self {
        match last_event_id.and_then(|id| id.to_str().ok()) {
            Some(END) => Self::Everything,
            Some(FAILED) => Self::Failure,
            Some(number) => {
                number.parse().ok().filter(|number| *number > 0).map_or(Self::Nothing, Self::Events)
            }
            None => Self::Nothing,
        }
    }

    /// Where to read on. After a crash a reader may have seen more than was stored: then only the end is left.
    pub(super) fn position(self, log: &TurnLog) -> usize {
        let events = log.events();
        let last = if log.outcome().is_some() { events.saturating_sub(1) } else { events };
        match self {
            Self::Nothing => 0,
            Self::Events(number) => usize::try_from(number).unwrap_or(usize::MAX).min(last),
            Self::Failure | Self::Everything => last,
        }
    }
}

/// The frames after what was seen.
pub(super) struct Chunks {
    with_ids: bool,
    /// Some of the answer was told, now or before.
    said_something: bool,
    told_failure: bool,
}

impl Chunks {
    pub(super) fn new(seen: Seen, with_ids: bool) -> Self {
        // Number 1 is the start.
        let said_something = matches!(seen, Seen::Events(2..) | Seen::Failure | Seen::Everything);
        Self { with_ids, said_something, told_failure: seen == Seen::Failure }
    }

    fn id(&self, id: &str, out: &mut BytesMut) {
        if self.with_ids {
            out.put_slice(b"id: ");
            out.put_slice(id.as_bytes());
            out.put_slice(b"\n");
        }
    }

    fn mark(&self, id: &str, mark: &[u8], out: &mut BytesMut) {
        self.id(id, out);
        out.put_slice(b"data: ");
        out.put_slice(mark);
        out.put_slice(b"\n\n");
    }

    fn end(&self, out: &mut BytesMut) {
        self.mark(END, b"[END]", out);
    }
}

impl Encode for Chunks {
    fn encode(&mut self, index: usize, event: TurnEvent<'_>, out: &mut BytesMut) {
        match event {
            TurnEvent::Started(_) => self.mark("1", b"[START]", out),
            TurnEvent::ReasoningDelta(_) | TurnEvent::Cited(_) => {}
            TurnEvent::TextDelta(chunk) => {
                self.said_something = true;
                self.id(&(index + 1).to_string(), out);
                data_frame(out, &Chunk { chunk });
            }
            TurnEvent::Ended(TurnEnd { outcome: Outcome::Failed(failure), .. }) => {
                self.fail(failure, out);
            }
            TurnEvent::Ended(_) => self.end(out),
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) -> bool {
        if !self.told_failure {
            let chunk = apology(failure, self.said_something);
            self.id(FAILED, out);
            data_frame(out, &Chunk { chunk: &chunk });
        }
        self.end(out);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_read_from_the_last_id() {
        for (id, seen) in [
            (None, Seen::Nothing),
            (Some(""), Seen::Nothing),
            (Some("0"), Seen::Nothing),
            (Some("-1"), Seen::Nothing),
            (Some("some page's own"), Seen::Nothing),
            (Some("1"), Seen::Events(1)),
            (Some("57"), Seen::Events(57)),
            (Some("failed"), Seen::Failure),
            (Some("end"), Seen::Everything),
        ] {
            let header = id.map(HeaderValue::from_static);
            assert_eq!(Seen::read(header.as_ref()), seen, "{id:?}");
        }
    }
}
