//! What the scripted upstream answers: a status, bytes, how they are cut into writes, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// One scripted answer. The constructors say what is sent; the methods say how.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// Each is one HTTP chunk and one write.
    pub(super) pieces: Vec<Bytes>,
    pub(super) pace: Pace,
    pub(super) ending: Ending,
}

/// What comes before each piece.
#[derive(Debug, Clone)]
pub(super) enum Pace {
    AtOnce,
    Gated(Gate),
    Every(Duration),
}

/// What comes after the last piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ending {
    /// The final chunk.
    Whole,
    /// The connection is closed without the final chunk.
    Cut,
    /// Nothing; the connection stays open.
    Stall,
    /// Nothing at all is sent, not even the head.
    Hang,
}

/// Lets the pieces of a paced [`Reply`] out, one for each permit; the final HTTP chunk is a piece of its own.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// Lets the next `pieces` pieces out.
    pub fn release(&self, pieces: usize) {
        self.0.add_permits(pieces);
    }

    /// Lets out everything that is left.
    pub fn open(&self) {
        self.0.close();
    }

    pub(super) async fn pass(&self) {
        // A closed semaphore is an open gate.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

impl Pace {
    pub(super) async fn wait(&self) {
        match self {
            Self::AtOnce => {}
            Self::Gated(gate) => gate.pass().await,
            Self::Every(gap) => tokio::time::sleep(*gap).await,
        }
    }
}

impl Reply {
    /// A 200 with an event stream of exactly these bytes.
    pub fn sse(body: impl Into<Bytes>) -> Self {
        Self::status(200).header("content-type", "text/event-stream").body(body)
    }

    /// This status and JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status).header("content-type", "application/json").body(body.to_string())
    }

    /// A 200 that is a web page, as a captive portal or a wrong address gives.
    pub fn html() -> Self {
        let page = "<!doctype html><title>Welcome</title><p>data: sign in first</p>";
        Self::status(200).header("content-type", "text/html").body(page)
    }

    /// A 200 event stream whose one event is `bytes` long and never ends.
    pub fn huge_event(bytes: usize) -> Self {
        let block = Bytes::from(vec![b'a'; 64 * 1024]);
        let mut reply = Self::sse("data: ");
        reply.pieces.extend(std::iter::repeat_n(block, bytes.div_ceil(64 * 1024)));
        reply
    }

    /// Takes the request and never says anything.
    pub fn hang() -> Self {
        Self { ending: Ending::Hang, ..Self::status(200) }
    }

    /// This status without headers and body; add them with [`Reply::header`] and [`Reply::body`].
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), pieces: Vec::new(), pace: Pace::AtOnce, ending: Ending::Whole }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces the body, to be sent in one write.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.pieces = if body.is_empty() { Vec::new() } else { vec![body] };
        self
    }

    /// Sends the body in several writes, cut at these byte positions, which rise.
    pub fn split_at(self, positions: &[usize]) -> Self {
        let body = self.whole_body();
        let starts = std::iter::once(0).chain(positions.iter().copied());
        let ends = positions.iter().copied().chain(std::iter::once(body.len()));
        let pieces = starts.zip(ends).map(|(start, end)| body.slice(start..end));
        Self { pieces: pieces.filter(|piece| !piece.is_empty()).collect(), ..self }
    }

    /// Sends every byte in a write of its own.
    pub fn byte_by_byte(self) -> Self {
        let positions: Vec<usize> = (1..self.whole_body().len()).collect();
        self.split_at(&positions)
    }

    /// Closes the connection, without the final chunk, after `bytes` bytes of the body.
    pub fn cut_after(self, bytes: usize) -> Self {
        Self { ending: Ending::Cut, ..self.first(bytes) }
    }

    /// Falls silent after `bytes` bytes of the body, and waits for the client to leave.
    pub fn stall_after(self, bytes: usize) -> Self {
        Self { ending: Ending::Stall, ..self.first(bytes) }
    }

    /// Sends the head at once, then one event for each piece that the gate lets out.
    pub fn paced(self) -> (Self, Gate) {
        let gate = Gate(Arc::new(Semaphore::new(0)));
        let reply = Self { pace: Pace::Gated(gate.clone()), ..self.event_by_event() };
        (reply, gate)
    }

    /// Sends one event after each `gap`. For benches; a test paces instead.
    pub fn every(self, gap: Duration) -> Self {
        Self { pace: Pace::Every(gap), ..self.event_by_event() }
    }

    /// How many events the body has.
    pub fn events(&self) -> usize {
        self.clone().event_by_event().pieces.len()
    }

    /// How many bytes the body has.
    pub fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    fn event_by_event(self) -> Self {
        let body = self.whole_body();
        let is_end = |position: &usize| body[..*position].ends_with(b"\n\n");
        let positions: Vec<usize> = (1..body.len()).filter(is_end).collect();
        self.split_at(&positions)
    }

    fn first(self, bytes: usize) -> Self {
        let mut left = bytes;
        let pieces = self.pieces.iter().map(|piece| {
            let taken = piece.len().min(left);
            left -= taken;
            piece.slice(..taken)
        });
        let pieces = pieces.filter(|piece| !piece.is_empty()).collect();
        Self { pieces, ..self }
    }

    fn whole_body(&self) -> Bytes {
        match self.pieces.as_slice() {
            [piece] => piece.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

/// A chat completion stream of OpenAI with these deltas, a finish reason, usage and `[DONE]`.
pub fn openai_stream(deltas: &[&str]) -> Reply {
    let chunk = |choices: Value, usage: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-5",
            "choices": choices, "usage": usage})
    };
    let choice = |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
    let mut body =
        data(&chunk(choice(json!({"role": "assistant", "content": ""}), Value::Null), Value::Null));
    for delta in deltas {
        body += &data(&chunk(choice(json!({"content": delta}), Value::Null), Value::Null));
    }
    body += &data(&chunk(choice(json!({}), json!("stop")), Value::Null));
    let completion = deltas.len();
    body += &data(&chunk(json!([]), json!({"prompt_tokens": 9, "completion_tokens": completion})));
    Reply::sse(body + "data: [DONE]\n\n")
}

/// A message stream of Anthropic with these deltas in one text block, up to `message_stop`.
pub fn anthropic_stream(deltas: &[&str]) -> Reply {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [],
        "model": "claude-sonnet-4-5", "stop_reason": null, "usage": {"input_tokens": 9, "output_tokens": 1}});
    let mut body = event(&json!({"type": "message_start", "message": message}));
    let block = json!({"type": "text", "text": ""});
    body += &event(&json!({"type": "content_block_start", "index": 0, "content_block": block}));
    for delta in deltas {
        let delta = json!({"type": "text_delta", "text": delta});
        body += &event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    }
    body += &event(&json!({"type": "content_block_stop", "index": 0}));
    let usage = json!({"output_tokens": deltas.len()});
    body += &event(&json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}));
    Reply::sse(body + &event(&json!({"type": "message_stop"})))
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn event(value: &Value) -> String {
    let name = value["type"].as_str().unwrap_or_default();
    format!("event: {name}\n{}", data(value))
}
