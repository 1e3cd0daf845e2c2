//! A turn's events as Codmir's frames: the published stream, v2, and the SDK's plain text.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use chat::provider::{FinishReason, Usage};
use chat::turn::{Failure, Outcome, TurnEnd, TurnEvent, TurnHead};

use super::error::{code, retryable};
use super::wire;
use crate::request_id;
use crate::sse::{Encode, data_frame};

/// The published stream: pieces of content, at a failure an error, at last `done`. Reasoning has no frame: readers add
/// up whatever comes.
pub(super) struct Published {
    session: Arc<str>,
}

impl Published {
    pub(super) fn new(session: &str) -> Self {
        Self { session: session.into() }
    }
}

impl Encode for Published {
    fn encode(&mut self, _: usize, event: TurnEvent<'_>, out: &mut BytesMut) {
        let session_id = &*self.session;
        match event {
            TurnEvent::Started(_) | TurnEvent::ReasoningDelta(_) | TurnEvent::Cited(_) => {}
            TurnEvent::TextDelta(content) => data_frame(out, &wire::Delta { content, session_id }),
            TurnEvent::Ended(TurnEnd { outcome: Outcome::Failed(failure), .. }) => {
                self.fail(failure, out);
            }
            TurnEvent::Ended(_) => data_frame(out, &wire::Done { done: true, session_id }),
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) -> bool {
        let session_id = &*self.session;
        let (error, code) = (failure.message.as_str(), code(failure));
        data_frame(out, &wire::StreamError { error, code, session_id });
        data_frame(out, &wire::Done { done: true, session_id });
        true
    }
}

/// The hook's stream: every frame has a number, so that a reader can come back.
///
/// Event 0 is frame 1, event n is frame n + 1; the end is two frames, usage or error, then `done`.
pub(super) struct V2 {
    session: Arc<str>,
    request: Arc<str>,
    /// Frames up to this number are not repeated.
    seen: u64,
}

impl V2 {
    /// For a reader that has seen the frames up to number `seen`.
    pub(super) fn new(session: &str, seen: u64) -> Self {
        Self { session: session.into(), request: request_id::current(), seen }
    }

    fn frame(&self, number: u64, event: wire::Event<'_>, out: &mut BytesMut) {
        if number > self.seen {
            out.put_slice(b"id: ");
            out.put_slice(number.to_string().as_bytes());
            out.put_slice(b"\n");
            data_frame(out, &wire::Frame { event, session_id: &self.session });
        }
    }

    fn end(&mut self, number: u64, end: &TurnEnd, out: &mut BytesMut) {
        let last_words = match &end.outcome {
            Outcome::Failed(failure) => wire::Event::Error {
                error: &failure.message,
                code: code(failure),
                request_id: &self.request,
                retryable: retryable(failure),
            },
            Outcome::Finished(_) | Outcome::Stopped => wire::Event::Usage { usage: usage(&end.usage) },
        };
        // After a crash a reader may have seen more than was stored: the end then follows what it saw, so that no
        // number is used twice.
        let number = if is_interrupted(&end.outcome) { number.max(self.seen + 1) } else { number };
        self.frame(number, last_words, out);
        let done = wire::Event::Done { done: true, finish_reason: finish_reason(&end.outcome) };
        self.frame(number + 1, done, out);
    }
}

impl Encode for V2 {
    fn encode(&mut self, index: usize, event: TurnEvent<'_>, out: &mut BytesMut) {
        let number = index as u64 + 1;
        match event {
            TurnEvent::Started(head) => self.frame(number, turn(head), out),
            TurnEvent::ReasoningDelta(reasoning) => {
                self.frame(number, wire::Event::Reasoning { reasoning }, out)
            }
            TurnEvent::TextDelta(content) => self.frame(number, wire::Event::Delta { content }, out),
            TurnEvent::Cited(citation) => {
                self.frame(number, wire::Event::Citation { citation: citation.into() }, out);
            }
            TurnEvent::Ended(end) => self.end(number, end, out),
        }
    }
}

/// Whether a process ended while the turn ran, so that its readers may know more than the store.
pub(super) fn is_interrupted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(Failure { kind: chat::ErrorKind::Interrupted, .. }))
}

/// The SDK's stream: the text alone. It has no form for errors; a failure breaks the connection.
pub(super) struct PlainText {
    whole: bool,
}

impl PlainText {
    pub(super) fn new() -> Self {
        Self { whole: false }
    }
}

impl Encode for PlainText {
    fn encode(&mut self, _: usize, event: TurnEvent<'_>, out: &mut BytesMut) {
        match event {
            TurnEvent::Started(_) | TurnEvent::ReasoningDelta(_) | TurnEvent::Cited(_) => {}
            TurnEvent::TextDelta(text) => out.put_slice(text.as_bytes()),
            TurnEvent::Ended(end) => self.whole = !matches!(end.outcome, Outcome::Failed(_)),
        }
    }

    fn is_whole(&self) -> bool {
        self.whole
    }
}

fn turn(head: &TurnHead) -> wire::Event<'_> {
    wire::Event::Turn {
        turn_id: &head.name,
        message_id: &head.answer_id,
        user_message_id: head.user_message_id(),
        parent_id: head.parent_id.as_deref(),
        model: &head.asked.model,
        provider: &head.asked.provider,
    }
}

fn finish_reason(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Finished(FinishReason::Stop) => "stop",
        Outcome::Finished(FinishReason::Length) => "length",
        Outcome::Finished(FinishReason::ContentFilter) => "content-filter",
        Outcome::Finished(FinishReason::ToolCalls) => "tool-calls",
        Outcome::Stopped => "stopped",
        Outcome::Failed(_) => "error",
    }
}

pub(super) fn usage(usage: &Usage) -> wire::Usage {
    wire::Usage {
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        cached_prompt_tokens: usage.cached_prompt_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        estimated: usage.estimated,
    }
}
