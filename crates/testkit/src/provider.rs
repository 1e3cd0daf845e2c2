//! [`ScriptedProvider`]: a model in the process whose every piece a test releases by hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat::provider::{CompletionError, CompletionEvent, CompletionRequest, FinishReason, Provider, Usage};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, watch};

/// A provider named `scripted`. Each call takes the next [`Script`]; one that finds none ends at once, cut off.
/// Clones are the same provider.
#[derive(Debug, Clone)]
pub struct ScriptedProvider {
    first_token_deadline: Option<Duration>,
    context_tokens: Option<u32>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    scripts: Mutex<VecDeque<mpsc::UnboundedReceiver<Step>>>,
    requests: Mutex<Vec<CompletionRequest>>,
    started: watch::Sender<usize>,
    dropped: watch::Sender<usize>,
}

#[derive(Debug)]
enum Step {
    Yield(Result<CompletionEvent, CompletionError>),
    Panic,
}

/// One answer of the provider, given piece by piece. Dropping it ends the stream: cut off, unless it was finished.
#[derive(Debug)]
pub struct Script {
    steps: mpsc::UnboundedSender<Step>,
}

impl ScriptedProvider {
    /// A provider without scripts and without a deadline.
    pub fn new() -> Self {
        let shared = Shared {
            scripts: Mutex::default(),
            requests: Mutex::default(),
            started: watch::Sender::new(0),
            dropped: watch::Sender::new(0),
        };
        Self { first_token_deadline: None, context_tokens: None, shared: Arc::new(shared) }
    }

    /// With a deadline for the first token.
    pub fn with_first_token_deadline(mut self, deadline: Duration) -> Self {
        self.first_token_deadline = Some(deadline);
        self
    }

    /// With a known length of its context.
    pub fn with_context_tokens(mut self, tokens: u32) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// The script of the next call that has none yet.
    pub fn script(&self) -> Script {
        let (steps, receiver) = mpsc::unbounded_channel();
        lock(&self.shared.scripts).push_back(receiver);
        Script { steps }
    }

    /// Scripts a whole answer of one piece.
    pub fn answer(&self, text: &str) {
        let script = self.script();
        script.text(text);
        script.finish();
    }

    /// What it was asked, oldest first.
    pub fn requests(&self) -> Vec<CompletionRequest> {
        lock(&self.shared.requests).clone()
    }

    /// How many calls have begun to wait for their pieces.
    pub fn started(&self) -> usize {
        *self.shared.started.borrow()
    }

    /// Waits until so many calls have begun.
    pub async fn until_started(&self, calls: usize) {
        let mut started = self.shared.started.subscribe();
        started.wait_for(|count| *count >= calls).await.expect("the sender lives as long as the provider");
    }

    /// Waits until the streams of so many calls are gone.
    pub async fn until_dropped(&self, calls: usize) {
        let mut dropped = self.shared.dropped.subscribe();
        dropped.wait_for(|count| *count >= calls).await.expect("the sender lives as long as the provider");
    }
}

impl Default for ScriptedProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// Releases a piece of the answer.
    pub fn text(&self, text: &str) {
        self.step(Step::Yield(Ok(CompletionEvent::TextDelta(text.to_owned()))));
    }

    /// Releases a piece of reasoning.
    pub fn reasoning(&self, text: &str) {
        self.step(Step::Yield(Ok(CompletionEvent::ReasoningDelta(text.to_owned()))));
    }

    /// Ends the answer by itself, without a count of tokens.
    pub fn finish(self) {
        self.finish_with(None);
    }

    /// Ends the answer by itself, with or without a count of tokens.
    pub fn finish_with(self, usage: Option<Usage>) {
        self.step(Step::Yield(Ok(CompletionEvent::Finished { reason: FinishReason::Stop, usage })));
    }

    /// Fails.
    pub fn fail(self, error: CompletionError) {
        self.step(Step::Yield(Err(error)));
    }

    /// Closes the stream without its end marker.
    pub fn cut(self) {}

    /// Panics while it is asked for the next piece.
    pub fn panic(self) {
        self.step(Step::Panic);
    }

    fn step(&self, step: Step) {
        // The reader may have stopped already.
        let _gone = self.steps.send(step);
    }
}

impl Provider for ScriptedProvider {
    fn name(&self) -> &str {
        "scripted"
    }

    fn first_token_deadline(&self) -> Option<Duration> {
        self.first_token_deadline
    }

    fn context_tokens(&self, _model: &str) -> Option<u32> {
        self.context_tokens
    }

    fn stream(
        &self,
        request: CompletionRequest,
    ) -> BoxStream<'static, Result<CompletionEvent, CompletionError>> {
        lock(&self.shared.requests).push(request);
        let steps = lock(&self.shared.scripts).pop_front();
        let counted = Counted(self.shared.clone());
        self.shared.started.send_modify(|count| *count += 1);
        let pieces = futures::stream::unfold((steps, counted), async |(steps, counted)| {
            let mut steps = steps?;
            match steps.recv().await? {
                Step::Yield(event) => Some((event, (Some(steps), counted))),
                Step::Panic => panic!("the script says so"),
            }
        });
        pieces.boxed()
    }
}

/// Counts the end of a stream, however it comes.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.send_modify(|count| *count += 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
