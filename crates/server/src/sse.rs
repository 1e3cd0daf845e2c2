//! The body of a streamed answer: a turn's events encoded by the dialect as they come, heartbeats while none come.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use chat::turn::{Failure, TurnEvent};
use chat::{ErrorKind, TurnStream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use http_body::Frame;
use serde::Serialize;
use tokio::time::{Instant, Sleep};

use crate::auth::Standing;

/// A write takes in more events until it is this long.
const FULL: usize = 32 << 10;
pub(crate) const HEARTBEAT: &[u8] = b": ping\n\n";

/// A dialect's form of a turn's events.
pub(crate) trait Encode: Send + Unpin + 'static {
    /// Writes event number `index` as none, one or two frames.
    fn encode(&mut self, index: usize, event: TurnEvent<'_>, out: &mut BytesMut);

    /// Ends the stream with a failure that is its reader's and not the turn's. A dialect that has no form for that, or
    /// whose readers could take it for the turn's end, says no, and the connection breaks.
    fn fail(&mut self, _failure: &Failure, _out: &mut BytesMut) -> bool {
        false
    }

    /// Called after the last event: whether the body is whole. A dialect without a form for errors says no, and the
    /// connection breaks.
    fn is_whole(&self) -> bool {
        true
    }
}

/// Writes one `data:` line of JSON and ends the frame. JSON has no line breaks outside its escapes.
pub(crate) fn data_frame<T: Serialize>(out: &mut BytesMut, data: &T) {
    out.put_slice(b"data: ");
    serde_json::to_writer(out.writer(), data).expect("our own types are valid JSON");
    out.put_slice(b"\n\n");
}

/// An answer of Server-Sent Events.
pub(crate) fn event_stream(body: axum::body::Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // nginx buffers answers unless told otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Streams a turn until its last event, or until its reader's credentials are revoked.
pub(crate) struct TurnBody<E> {
    stream: TurnStream,
    encoder: E,
    revoked: Job,
    /// What is left to do once the reader has been given everything.
    last: Option<Job>,
    buffer: BytesMut,
    by_line: bool,
    heartbeat: Option<Heartbeat>,
    ended: bool,
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Heartbeat {
    interval: Duration,
    bytes: &'static [u8],
    last_write: Instant,
    /// Armed for an interval after some write; looked at anew when it fires, so that a write costs no timer.
    timer: Pin<Box<Sleep>>,
}

impl Heartbeat {
    fn new(interval: Duration, bytes: &'static [u8]) -> Self {
        Self { interval, bytes, last_write: Instant::now(), timer: Box::pin(tokio::time::sleep(interval)) }
    }

    fn wrote(&mut self) {
        self.last_write = Instant::now();
    }

    fn poll_due(&mut self, ctx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(ctx).is_ready() {
            let due = self.last_write + self.interval;
            let now = Instant::now();
            let next = if due <= now { now + self.interval } else { due };
            self.timer.as_mut().reset(next);
            if due <= now {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl<E: Encode> TurnBody<E> {
    pub(crate) fn new(stream: TurnStream, encoder: E, standing: Standing) -> Self {
        let revoked = Box::pin(standing.revoked());
        Self {
            stream,
            encoder,
            revoked,
            last: None,
            buffer: BytesMut::new(),
            by_line: false,
            heartbeat: None,
            ended: false,
        }
    }

    /// With a comment line after each `interval` of silence.
    pub(crate) fn with_heartbeat(self, interval: Duration) -> Self {
        self.with_keep_alive(interval, HEARTBEAT)
    }

    /// With these bytes after each `interval` of silence.
    pub(crate) fn with_keep_alive(mut self, interval: Duration, bytes: &'static [u8]) -> Self {
        self.heartbeat = Some(Heartbeat::new(interval, bytes));
        self
    }

    /// Each line is written as an HTTP chunk of its own, for clients that take a chunk for an object.
    pub(crate) fn by_line(mut self) -> Self {
        self.by_line = true;
        self
    }

    /// Does this before the body ends, if the reader has been given all of it.
    pub(crate) fn then(mut self, job: impl Future<Output = ()> + Send + 'static) -> Self {
        self.last = Some(Box::pin(job));
        self
    }

    /// As an answer of Server-Sent Events.
    pub(crate) fn into_event_stream(self) -> Response {
        event_stream(axum::body::Body::new(self))
    }
}

impl<E: Encode> TurnBody<E> {
    /// What goes out next of the bytes that are ready.
    fn written(&mut self) -> Frame<Bytes> {
        let line = if self.by_line { self.buffer.iter().position(|byte| *byte == b'\n') } else { None };
        let end = line.map_or(self.buffer.len(), |at| at + 1);
        Frame::data(self.buffer.split_to(end).freeze())
    }

    /// The last that a reader gets who may read no more.
    fn cut(&mut self) -> Result<Frame<Bytes>, axum::BoxError> {
        (self.ended, self.last) = (true, None);
        let message = "the credentials of this stream have been revoked; sign in again";
        let failure = Failure { kind: ErrorKind::Unauthorized, message: message.to_owned() };
        if self.encoder.fail(&failure, &mut self.buffer) { Ok(self.written()) } else { Err(message.into()) }
    }
}

impl<E: Encode> http_body::Body for TurnBody<E> {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        if !this.buffer.is_empty() {
            return Poll::Ready(Some(Ok(this.written())));
        }
        if !this.ended && this.revoked.as_mut().poll(ctx).is_ready() {
            return Poll::Ready(Some(this.cut()));
        }
        while !this.ended {
            let (encoder, buffer) = (&mut this.encoder, &mut this.buffer);
            let events = this.stream.poll_events(ctx, |index, event| {
                encoder.encode(index, event, buffer);
                if buffer.len() < FULL { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            match events {
                // Events that the dialect has no frame for leave the buffer empty: look again.
                Poll::Ready(true) if buffer.is_empty() => {}
                Poll::Ready(true) => {
                    this.heartbeat.as_mut().map(Heartbeat::wrote);
                    return Poll::Ready(Some(Ok(this.written())));
                }
                Poll::Ready(false) => this.ended = true,
                Poll::Pending => {
                    let Some(heartbeat) = &mut this.heartbeat else { return Poll::Pending };
                    let bytes = Bytes::from_static(heartbeat.bytes);
                    return heartbeat.poll_due(ctx).map(|()| Some(Ok(Frame::data(bytes))));
                }
            }
        }
        if let Some(last) = &mut this.last {
            ready!(last.as_mut().poll(ctx));
            this.last = None;
        }
        if this.encoder.is_whole() {
            Poll::Ready(None)
        } else {
            Poll::Ready(Some(Err("the answer is not whole".into())))
        }
    }
}
