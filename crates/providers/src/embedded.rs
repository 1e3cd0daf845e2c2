//! A small instruct model that runs inside the process, so that the first run answers without any key.
//!
//! The model is SmolLM2-135M-Instruct, run by candle on the CPU. It proves the path and makes a demo; it must not be
//! what the truth of an answer over knowledge hangs on.
//!
//! One generation runs at a time, on a thread of its own and never on tokio's; a few requests wait in a queue, and
//! what comes on top is [`CompletionError::Busy`] at once. A stream that is dropped gives up its place in the queue, or
//! ends its generation at the next step: a piece of the prompt of 16 tokens, or one token of the answer.
//!
//! # Threads
//!
//! The model takes all cores but one. Candle decides how many threads it starts when it is first used, by
//! `CANDLE_NUM_THREADS` or the machine's physical cores, and two of them on one busy core spin at each other. Where that
//! is more than can be spared, which a container's CPU limit makes likely, the model runs on a single thread instead.
//! Setting `CANDLE_NUM_THREADS` to what can be spared gives it these.

mod decoding;
mod generation;
mod prompt;
mod queue;
mod threads;
mod weights;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat::provider::{CompletionError, CompletionEvent, CompletionRequest, Provider};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use generation::Generator;
use prompt::Prompts;
use queue::{Job, Queue};
pub use weights::{FILE, LoadError};

/// The id of the embedded model in lists of models and in requests.
pub const MODEL: &str = "local-smollm2";

/// How many tokens the model reads and writes in all. It was trained for more; the time to read them on a CPU is what
/// limits it here.
pub const CONTEXT_TOKENS: u32 = 2_048;

/// When a caller who met a full queue should come back: about what one answer takes.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The embedded model, loaded. Dropping it ends its thread; an answer under way ends as failed at its next step.
pub struct Embedded {
    prompts: Arc<Prompts>,
    queue: Queue,
}

/// What can be set about the embedded model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many requests may wait while another is answered.
    pub waiting: usize,
    /// Makes sampling repeatable. Without it each answer is sampled from fresh randomness.
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { waiting: 4, seed: None }
    }
}

impl Embedded {
    /// Loads the model from `dir`, which holds [`FILE`]. See [`Embedded::load_with`].
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        Self::load_with(dir, &Settings::default())
    }

    /// Loads the model from `dir` with `settings`.
    ///
    /// The first load checks the file's SHA-256 and writes a faster form of the weights beside it; later loads read
    /// that form only. A directory that can't be written to costs a second at every load. This blocks.
    pub fn load_with(dir: &Path, settings: &Settings) -> Result<Self, LoadError> {
        threads::limit();
        let model = weights::load(dir)?;
        let prompts = Arc::new(model.prompts);
        let generator = Generator::new(model.weights, Arc::clone(&prompts), settings.seed);
        let queue = Queue::start(settings.waiting, move |job| {
            threads::on_spare_cores(|| generator.answer(job));
        })
        .map_err(LoadError::Thread)?;
        Ok(Self { prompts, queue })
    }

    /// How many tokens `text` is to the model.
    pub fn count_tokens(&self, text: &str) -> u32 {
        self.prompts.count(text)
    }
}

impl Provider for Embedded {
    fn name(&self) -> &str {
        "local"
    }

    fn first_token_deadline(&self) -> Option<Duration> {
        None
    }

    fn context_tokens(&self, _model: &str) -> Option<u32> {
        Some(CONTEXT_TOKENS)
    }

    /// There is one model, so the request's `model` is not looked at.
    fn stream(
        &self,
        request: CompletionRequest,
    ) -> BoxStream<'static, Result<CompletionEvent, CompletionError>> {
        // Unbounded, so that a slow reader never holds up the only thread there is; the context bounds the answer.
        let (events, received) = unbounded_channel();
        if self.queue.push(Job { request, events }).is_err() {
            return stream::iter([Err(CompletionError::Busy { retry_after: RETRY_AFTER })]).boxed();
        }
        until_the_end(received).boxed()
    }
}

/// The events up to the first that ends an answer. A sender that goes without one has failed.
fn until_the_end(
    received: UnboundedReceiver<Result<CompletionEvent, CompletionError>>,
) -> impl futures::Stream<Item = Result<CompletionEvent, CompletionError>> {
    stream::unfold(Some(received), async |received| {
        let mut received = received?;
        let event = received.recv().await.unwrap_or_else(|| {
            Err(CompletionError::Failed("the embedded model stopped before its answer was whole".into()))
        });
        let goes_on = matches!(event, Ok(CompletionEvent::TextDelta(_) | CompletionEvent::ReasoningDelta(_)));
        Some((event, goes_on.then_some(received)))
    })
}
