//! The events of one turn in memory: written by its task, read from any position by any number of streams.
//!
//! One mutex guards the growing text, the lengths of its pieces, the end and the readers' wakers; it is never held
//! across an await. A batch of events costs one lock and one wake of each waiting reader.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::grounding::{Citation, Evidence};
use crate::provider::CompletionEvent;
use crate::turn::{Outcome, TurnEnd, TurnEvent, TurnHead, WhenUnread};

/// Why a running turn is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked for it.
    Requested,
    /// Nobody is left to read it, and the client can't come back.
    Unread,
    /// The server stops.
    Shutdown,
}

/// The text of a turn as it is stored, whole or on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// The answer.
    pub text: String,
    /// The model's reasoning.
    pub reasoning: String,
    /// Where each event ends: see [`Piece`].
    pub pieces: Vec<u8>,
    /// What the answer rests on, if documents were asked.
    pub evidence: Option<Evidence>,
}

/// One delta: its length in bytes and whether it is reasoning, packed into one number (`length << 1 | reasoning`).
/// Stored as LEB128, so that a common delta takes one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece(u32);

impl Piece {
    fn new(length: usize, reasoning: bool) -> Self {
        // `turn.max_answer` keeps texts far below this.
        let length = u32::try_from(length).unwrap_or(u32::MAX >> 1);
        Self(length << 1 | u32::from(reasoning))
    }

    fn length(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn is_reasoning(self) -> bool {
        self.0 & 1 == 1
    }

    fn encode(self, bytes: &mut Vec<u8>) {
        let mut rest = self.0;
        while rest >= 0x80 {
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }

    fn decode_all(bytes: &[u8]) -> Vec<Self> {
        let mut pieces = Vec::with_capacity(bytes.len());
        let (mut value, mut shift) = (0_u32, 0);
        for byte in bytes {
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte & 0x80 == 0 {
                pieces.push(Self(value));
                (value, shift) = (0, 0);
            }
        }
        pieces
    }
}

/// The log of one turn.
#[derive(Debug)]
pub struct TurnLog {
    when_unread: WhenUnread,
    /// Set when the turn is open; a log without it has no events.
    head: OnceLock<TurnHead>,
    stop: CancellationToken,
    stop_reason: OnceLock<StopReason>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    text: String,
    reasoning: String,
    pieces: Vec<Piece>,
    evidence: Option<Evidence>,
    end: Option<TurnEnd>,
    /// Events that the store holds; see [`TurnLog::unsaved`].
    saved: usize,
    readers: usize,
    unread_since: Instant,
    next_reader: u64,
    waiting: Vec<(u64, Waker)>,
}

impl State {
    fn new() -> Self {
        Self {
            text: String::new(),
            reasoning: String::new(),
            pieces: Vec::new(),
            evidence: None,
            end: None,
            saved: 0,
            readers: 0,
            unread_since: Instant::now(),
            next_reader: 0,
            waiting: Vec::new(),
        }
    }

    fn transcript(&self) -> Transcript {
        let mut pieces = Vec::with_capacity(self.pieces.len() + 8);
        self.pieces.iter().for_each(|piece| piece.encode(&mut pieces));
        let (text, reasoning) = (self.text.clone(), self.reasoning.clone());
        Transcript { text, reasoning, pieces, evidence: self.evidence.clone() }
    }

    fn citations(&self) -> &[Citation] {
        self.evidence.as_ref().map_or(&[], |evidence| &evidence.citations)
    }

    fn wait(&mut self, reader: u64, ctx: &Context<'_>) {
        match self.waiting.iter_mut().find(|(id, _)| *id == reader) {
            Some((_, waker)) => waker.clone_from(ctx.waker()),
            None => self.waiting.push((reader, ctx.waker().clone())),
        }
    }
}

impl TurnLog {
    /// An empty log for a turn that is about to be opened.
    pub fn new(when_unread: WhenUnread) -> Arc<Self> {
        Arc::new(Self {
            when_unread,
            head: OnceLock::new(),
            stop: CancellationToken::new(),
            stop_reason: OnceLock::new(),
            state: Mutex::new(State::new()),
        })
    }

    /// The log of a turn that has ended, from what the store kept.
    pub fn ended(head: TurnHead, transcript: Transcript, end: TurnEnd) -> Arc<Self> {
        let log = Self::new(WhenUnread::Continue);
        let mut state = log.lock();
        state.pieces = Piece::decode_all(&transcript.pieces);
        state.text = transcript.text;
        state.reasoning = transcript.reasoning;
        state.evidence = transcript.evidence;
        state.end = Some(end);
        drop(state);
        log.open(head);
        log
    }

    /// Makes the first event: the turn is stored.
    pub fn open(&self, head: TurnHead) {
        let _already_open = self.head.set(head);
        self.update(|_| ());
    }

    /// The payload of the first event, once the turn is open.
    pub fn head(&self) -> Option<&TurnHead> {
        self.head.get()
    }

    /// Appends deltas; `Finished` is not one. Returns the bytes of answer and reasoning so far.
    pub fn append(&self, deltas: impl IntoIterator<Item = CompletionEvent>) -> usize {
        self.update(|state| {
            for delta in deltas {
                match delta {
                    CompletionEvent::TextDelta(text) => {
                        state.pieces.push(Piece::new(text.len(), false));
                        state.text.push_str(&text);
                    }
                    CompletionEvent::ReasoningDelta(text) => {
                        state.pieces.push(Piece::new(text.len(), true));
                        state.reasoning.push_str(&text);
                    }
                    CompletionEvent::Finished { .. } => {}
                }
            }
            state.text.len() + state.reasoning.len()
        })
    }

    /// Appends what the answer rests on, once all of it is there.
    pub fn rest_on(&self, evidence: Evidence) {
        self.update(|state| state.evidence = Some(evidence));
    }

    /// Appends the last event. Call it after the commit that it reports; a second call changes nothing.
    pub fn end(&self, end: TurnEnd) {
        self.update(|state| {
            state.end.get_or_insert(end);
        });
    }

    /// How the turn ended, if it has.
    pub fn outcome(&self) -> Option<TurnEnd> {
        self.lock().end.clone()
    }

    /// All text so far.
    pub fn transcript(&self) -> Transcript {
        self.lock().transcript()
    }

    /// What a checkpoint must save, and the mark to hand to [`TurnLog::saved`] once it is committed.
    pub fn unsaved(&self) -> Option<(Transcript, usize)> {
        let state = self.lock();
        let running = state.end.is_none() && self.head.get().is_some();
        (running && state.pieces.len() > state.saved).then(|| (state.transcript(), state.pieces.len()))
    }

    /// Notes that a checkpoint is committed.
    pub fn saved(&self, mark: usize) {
        let mut state = self.lock();
        state.saved = state.saved.max(mark);
    }

    /// For how long nobody has been reading; `None` while somebody is.
    pub fn unread_for(&self) -> Option<Duration> {
        let state = self.lock();
        (state.readers == 0).then(|| state.unread_since.elapsed())
    }

    /// Tells the turn's task to stop; the first reason counts.
    pub fn stop(&self, reason: StopReason) {
        let _first_counts = self.stop_reason.set(reason);
        self.stop.cancel();
    }

    /// Fires when the turn is told to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Why it was told to.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.stop_reason.get().copied()
    }

    /// A reader that begins with event number `position` (0 is `Started`), or with the next to come if there are not so
    /// many yet.
    pub fn read_from(self: &Arc<Self>, position: usize) -> TurnStream {
        let mut state = self.lock();
        let position = position.min(self.count(&state));
        state.readers += 1;
        state.next_reader += 1;
        let skipped = &state.pieces[..state.pieces.len().min(position.saturating_sub(1))];
        let (mut text_at, mut reasoning_at) = (0, 0);
        for piece in skipped {
            if piece.is_reasoning() { reasoning_at += piece.length() } else { text_at += piece.length() }
        }
        let reader = state.next_reader;
        drop(state);
        TurnStream { log: self.clone(), reader, position, text_at, reasoning_at }
    }

    /// Events so far, the first and the last included.
    pub fn events(&self) -> usize {
        self.count(&self.lock())
    }

    fn count(&self, state: &State) -> usize {
        let told = state.pieces.len() + state.citations().len();
        usize::from(self.head.get().is_some()) + told + usize::from(state.end.is_some())
    }

    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic can't leave the state half changed in a way that matters more than going on.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A reader of a turn's log. Dropping it is leaving; what that means to the turn was said when it was started.
#[derive(Debug)]
pub struct TurnStream {
    log: Arc<TurnLog>,
    reader: u64,
    position: usize,
    text_at: usize,
    reasoning_at: usize,
}

/// A whole answer: the fold of its stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The turn.
    pub head: TurnHead,
    /// The answer, whole or as far as it came.
    pub text: String,
    /// What it rests on, if documents were asked.
    pub evidence: Option<Evidence>,
    /// How it ended.
    pub end: TurnEnd,
}

impl TurnStream {
    /// The turn's first event. Streams are handed out for open turns only.
    pub fn head(&self) -> &TurnHead {
        self.log.head().expect("a stream is handed out once its turn is open")
    }

    /// Hands the events that are there, in order and each once, to `sink` until it breaks. `Ready(false)`: the end is
    /// behind. `Pending`: none is there yet. `sink` runs under the log's lock: it encodes, nothing else.
    pub fn poll_events(
        &mut self,
        ctx: &Context<'_>,
        mut sink: impl FnMut(usize, TurnEvent<'_>) -> ControlFlow<()>,
    ) -> Poll<bool> {
        let Self { log, reader, position, text_at, reasoning_at } = self;
        let mut state = log.lock();
        let (Some(head), from) = (log.head(), *position) else {
            state.wait(*reader, ctx);
            return Poll::Pending;
        };
        let all_text = state.pieces.len() + 1;
        let last = all_text + state.citations().len();
        let mut flow = ControlFlow::Continue(());
        if *position == 0 {
            flow = sink(0, TurnEvent::Started(head));
            *position = 1;
        }
        while flow.is_continue() && *position < all_text {
            let piece = state.pieces[*position - 1];
            let (text, at) = if piece.is_reasoning() {
                (&state.reasoning, &mut *reasoning_at)
            } else {
                (&state.text, &mut *text_at)
            };
            let delta = &text[*at..*at + piece.length()];
            *at += piece.length();
            let event = if piece.is_reasoning() {
                TurnEvent::ReasoningDelta(delta)
            } else {
                TurnEvent::TextDelta(delta)
            };
            flow = sink(*position, event);
            *position += 1;
        }
        while flow.is_continue() && (all_text..last).contains(position) {
            flow = sink(*position, TurnEvent::Cited(&state.citations()[*position - all_text]));
            *position += 1;
        }
        if flow.is_continue()
            && *position == last
            && let Some(end) = &state.end
        {
            let _ended = sink(*position, TurnEvent::Ended(end));
            *position += 1;
        }
        if *position > from {
            return Poll::Ready(true);
        }
        if state.end.is_some() {
            return Poll::Ready(false);
        }
        state.wait(*reader, ctx);
        Poll::Pending
    }

    /// Waits until it is clear whether this turn is a stream or a failure: for the first delta or the end, at most
    /// `patience`. Fails if the turn failed without a single delta.
    pub async fn first_delta(&self, patience: Duration) -> Result<(), Error> {
        let decided = self.until(|state| !state.pieces.is_empty() || state.end.is_some());
        let _still_open = tokio::time::timeout(patience, decided).await;
        let state = self.log.lock();
        match &state.end {
            Some(TurnEnd { outcome: Outcome::Failed(failure), .. }) if state.pieces.is_empty() => {
                Err(failure.clone().into())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Waits for the end and folds the stream into the whole answer.
    pub async fn reply(self) -> Reply {
        self.until(|state| state.end.is_some()).await;
        let end = self.log.outcome().expect("waited for it");
        let state = self.log.lock();
        let (text, evidence) = (state.text.clone(), state.evidence.clone());
        Reply { head: self.head().clone(), text, evidence, end }
    }

    /// The log that it reads.
    pub fn log(&self) -> &Arc<TurnLog> {
        &self.log
    }

    async fn until(&self, reached: impl Fn(&State) -> bool) {
        poll_fn(|ctx| {
            let mut state = self.log.lock();
            if reached(&state) {
                return Poll::Ready(());
            }
            state.wait(self.reader, ctx);
            Poll::Pending
        })
        .await;
    }
}

impl Drop for TurnStream {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers -= 1;
        state.waiting.retain(|(reader, _)| *reader != self.reader);
        let last = state.readers == 0;
        if last {
            state.unread_since = Instant::now();
        }
        let abandoned = last && state.end.is_none() && self.log.when_unread == WhenUnread::Cancel;
        drop(state);
        if abandoned {
            self.log.stop(StopReason::Unread);
        }
    }
}
