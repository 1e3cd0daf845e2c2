//! From a vendor's bytes to completion events: the part of a stream that is the same for every vendor.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use chat::provider::{CompletionError, CompletionEvent};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};

use crate::sse::EventParser;

/// How long the end of the body may lag behind the vendor's own end.
const LINGER: Duration = Duration::from_millis(20);

/// A response body, its transport errors already told apart.
pub(crate) type ByteStream = BoxStream<'static, Result<Bytes, CompletionError>>;

/// Understands the events of one vendor.
pub(crate) trait Decoder: Send + 'static {
    /// Reads the data of one event and adds what it means to `events`, up to and including `Finished`.
    fn decode(
        &mut self,
        data: &str,
        events: &mut VecDeque<CompletionEvent>,
    ) -> Result<Progress, CompletionError>;

    /// What it means that the stream ends here, between two events, without a transport error.
    fn end(&mut self) -> Result<CompletionEvent, CompletionError>;
}

/// Whether the vendor's end was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More events follow.
    Ongoing,
    /// `Finished` is among the events, and nothing is read any more.
    Ended,
}

/// Decodes a response body. Events that came in one read are yielded without waiting in between. Needs a tokio runtime.
pub(crate) fn completion(
    body: ByteStream,
    decoder: impl Decoder,
) -> impl Stream<Item = Result<CompletionEvent, CompletionError>> + Send {
    let completion = Completion {
        body: Some(body),
        progress: Progress::Ongoing,
        unread: Bytes::new(),
        parser: EventParser::default(),
        decoder,
        ready: VecDeque::new(),
        failure: None,
    };
    stream::unfold(completion, async |mut completion| Some((completion.next().await?, completion)))
}

struct Completion<D> {
    /// `None` once nothing more is wanted from it: dropping it early closes the connection.
    body: Option<ByteStream>,
    progress: Progress,
    unread: Bytes,
    parser: EventParser,
    decoder: D,
    ready: VecDeque<CompletionEvent>,
    /// Comes after all that is ready.
    failure: Option<CompletionError>,
}

impl<D: Decoder> Completion<D> {
    async fn next(&mut self) -> Option<Result<CompletionEvent, CompletionError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if let Some(error) = self.failure.take() {
                return Some(Err(error));
            }
            if self.progress == Progress::Ended {
                self.release().await;
            }
            self.body.as_ref()?;
            if let Err(error) = self.advance().await {
                self.body = None;
                self.failure = Some(error);
            }
        }
    }

    /// Decodes the next event that was read, or reads more.
    async fn advance(&mut self) -> Result<(), CompletionError> {
        if let Some(data) = self.parser.next_event(&mut self.unread)? {
            self.progress = self.decoder.decode(data, &mut self.ready)?;
            return Ok(());
        }
        let Some(body) = &mut self.body else { return Ok(()) };
        match body.next().await {
            Some(bytes) => self.unread = bytes?,
            None => self.end()?,
        }
        Ok(())
    }

    /// Lets the body end by itself, after `Finished` was yielded, so that its connection can serve again.
    async fn release(&mut self) {
        if let Some(mut body) = self.body.take() {
            let _ = tokio::time::timeout(LINGER, body.next()).await;
        }
    }

    fn end(&mut self) -> Result<(), CompletionError> {
        self.body = None;
        if let Some(data) = self.parser.finish().map_err(|_| CompletionError::Truncated)? {
            match self.decoder.decode(data, &mut self.ready) {
                Ok(Progress::Ended) => return Ok(()),
                // Half an event is what a cut leaves behind, not something that the vendor meant to send.
                Ok(Progress::Ongoing) | Err(CompletionError::Malformed) => {}
                Err(error) => return Err(error),
            }
        }
        self.ready.push_back(self.decoder.end()?);
        Ok(())
    }
}
