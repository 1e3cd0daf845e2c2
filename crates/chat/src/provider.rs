//! The port to models: what a provider is asked, what it streams back, how it fails.
//!
//! # Implementing a provider
//!
//! [`Provider::stream`] returns at once; all waiting happens in the stream. The stream yields any number of deltas and
//! then ends with exactly one [`CompletionEvent::Finished`] or one error; nothing follows either. Deltas hold whole
//! code points and are never empty. An upstream that closes without its own end marker is
//! [`CompletionError::Truncated`], never `Finished`. Dropping the stream stops the work: the connection is closed, the
//! embedded model stops at its next step. A provider never retries after it has yielded a delta.

use std::time::Duration;

use futures::stream::BoxStream;

/// One call to a model: the whole prompt and the caller's wishes.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The model's name as the provider knows it.
    pub model: String,
    /// The prompt in order: at most one system message, first; never empty; the last one is the user's.
    pub messages: Vec<PromptMessage>,
    /// Sampling temperature on the scale 0 to 2. The provider fits it to the model or leaves it out.
    pub temperature: Option<f32>,
    /// The share of the likeliest tokens to choose from, 0 to 1. Left out for models that take none.
    pub top_p: Option<f32>,
    /// Upper bound of completion tokens, at least 1.
    pub max_tokens: Option<u32>,
    /// The sentences of documents that answer best, where the turn is a question of documents. A model that writes reads
    /// their passages in its prompt; one that only quotes says this.
    pub extract: Option<String>,
}

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions to the model.
    System,
    /// The caller.
    User,
    /// The model.
    Assistant,
}

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptMessage {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// One step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionEvent {
    /// A piece of the model's reasoning, kept apart from its answer.
    ReasoningDelta(String),
    /// A piece of the answer.
    TextDelta(String),
    /// The model has ended by itself.
    Finished {
        /// Why it ended.
        reason: FinishReason,
        /// Tokens spent, if the provider counted them.
        usage: Option<Usage>,
    },
}

/// Why a model ended its answer by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The answer is whole.
    Stop,
    /// A token limit ended it.
    Length,
    /// The vendor's filter, or the model's own refusal, ended it.
    ContentFilter,
    /// The model wants a tool.
    ToolCalls,
}

/// Tokens of one completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u32,
    /// Tokens written, reasoning included.
    pub completion_tokens: u32,
    /// Of the tokens read, those that came from the vendor's cache.
    pub cached_prompt_tokens: Option<u32>,
    /// Of the tokens written, those of reasoning.
    pub reasoning_tokens: Option<u32>,
    /// Counted by us and not by the model's own tokenizer.
    pub estimated: bool,
}

/// The sum over several completions.
impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        let sum = |a: Option<u32>, b: Option<u32>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or_default().saturating_add(b.unwrap_or_default())),
        };
        self.prompt_tokens = self.prompt_tokens.saturating_add(more.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(more.completion_tokens);
        self.cached_prompt_tokens = sum(self.cached_prompt_tokens, more.cached_prompt_tokens);
        self.reasoning_tokens = sum(self.reasoning_tokens, more.reasoning_tokens);
        self.estimated = self.estimated || more.estimated;
    }
}

/// How a completion fails. `Display` is safe to show to a caller: no body of the vendor, no key, no address.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum CompletionError {
    /// The vendor refuses the request itself (HTTP 400, 404, 422); the text is the vendor's short reason.
    #[error("the model refused the request: {0}")]
    Refused(String),
    /// The vendor refuses our key.
    #[error("the model's provider refused our credentials; check its api_key in the configuration")]
    Unauthorized,
    /// The vendor's rate limit or quota.
    #[error("the model's provider is limiting our requests")]
    RateLimited {
        /// How long the vendor asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The vendor is overloaded (HTTP 503, 529).
    #[error("the model's provider is overloaded")]
    Overloaded {
        /// How long the vendor asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The prompt is longer than the model reads.
    #[error("the conversation is longer than the model can read")]
    ContextLength,
    /// No byte came for too long, or no first token in time.
    #[error("the model did not answer in time")]
    Timeout,
    /// No connection, or it broke before an answer began.
    #[error("the model's provider can't be reached")]
    Unreachable,
    /// The stream ended without its end marker.
    #[error("the model's answer was cut off")]
    Truncated,
    /// The stream is not what the vendor documents.
    #[error("the model's provider sent something unreadable")]
    Malformed,
    /// The vendor failed: HTTP 5xx, or an error event inside the stream; the text is its short reason.
    #[error("the model's provider failed: {0}")]
    Failed(String),
    /// The embedded model's queue is full.
    #[error("the embedded model is busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
}

/// What answers: a vendor's API, or a model in the process. See the module's text for what is promised.
pub trait Provider: Send + Sync + 'static {
    /// The name that configuration, `X-Latimer-Model` and logs use, such as `openai`.
    fn name(&self) -> &str;

    /// How long the first delta may take; `None` where waiting is bounded otherwise.
    fn first_token_deadline(&self) -> Option<Duration>;

    /// How many tokens the model reads and writes in all, where known.
    fn context_tokens(&self, model: &str) -> Option<u32>;

    /// Asks for one completion.
    fn stream(
        &self,
        request: CompletionRequest,
    ) -> BoxStream<'static, Result<CompletionEvent, CompletionError>>;
}

/// A rough count of the tokens of `text`: a token for every four characters, rounded up. Used where a vendor reports none.
pub fn estimate_tokens(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(4)).unwrap_or(u32::MAX)
}
