//! The JSON of Anthropic's messages, and nothing but its translation.

use chat::provider::{CompletionError, CompletionRequest, FinishReason, PromptMessage, Role};
use serde::{Deserialize, Serialize};

use crate::failure::VendorError;
use crate::fit::Sampling;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    system: String,
    messages: Vec<Message>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: String,
}

/// The body that asks for `request` with these parameters.
pub(super) fn request(request: &CompletionRequest, sampling: Sampling, max_tokens: u32) -> Vec<u8> {
    let (system, messages) = split_prompt(&request.messages);
    let Sampling { temperature, top_p } = sampling;
    let body =
        Request { model: &request.model, max_tokens, system, messages, stream: true, temperature, top_p };
    serde_json::to_vec(&body).expect("strings and numbers are always JSON")
}

/// The system text, and the rest with neighbours of one role joined: the vendor wants turns.
fn split_prompt(prompt: &[PromptMessage]) -> (String, Vec<Message>) {
    let mut system = String::new();
    let mut messages: Vec<Message> = Vec::with_capacity(prompt.len());
    for PromptMessage { role, content } in prompt {
        let role = match role {
            Role::System => {
                append(&mut system, content);
                continue;
            }
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        match messages.last_mut() {
            Some(last) if last.role == role => append(&mut last.content, content),
            _ => messages.push(Message { role, content: content.clone() }),
        }
    }
    (system, messages)
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(more);
}

/// One event of any type, flat: an enum tagged inside would be read twice.
#[derive(Deserialize)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: EventKind,
    pub(super) message: Option<StartedMessage>,
    pub(super) content_block: Option<Delta>,
    pub(super) delta: Option<Delta>,
    pub(super) usage: Option<Usage>,
    pub(super) error: Option<ErrorDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    MessageDelta,
    MessageStop,
    Error,
    /// `ping`, `content_block_stop`, and what is yet to come.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct StartedMessage {
    pub(super) usage: Option<Usage>,
}

/// A piece of a block, or of the message; each kind of piece has its own field.
#[derive(Default, Deserialize)]
pub(super) struct Delta {
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) stop_reason: Option<StopReason>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StopReason {
    MaxTokens,
    ModelContextWindowExceeded,
    Refusal,
    ToolUse,
    /// `end_turn`, `stop_sequence`, and what is yet to come.
    #[serde(other)]
    Stop,
}

impl From<StopReason> for FinishReason {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Stop => Self::Stop,
            StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => Self::Length,
            StopReason::Refusal => Self::ContentFilter,
            StopReason::ToolUse => Self::ToolCalls,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Usage {
    input_tokens: Option<u32>,
    cache_creation_input_tokens: Option<u32>,
    cache_read_input_tokens: Option<u32>,
    output_tokens: Option<u32>,
}

impl Usage {
    /// The counts after a later report. They only grow; some gateways report zero where they know nothing.
    pub(super) fn updated(self, later: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.max(later.input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .max(later.cache_creation_input_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.max(later.cache_read_input_tokens),
            output_tokens: self.output_tokens.max(later.output_tokens),
        }
    }
}

impl From<Usage> for chat::provider::Usage {
    /// The vendor's `input_tokens` are only those that no cache was asked about.
    fn from(usage: Usage) -> Self {
        let read = [usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens];
        Self {
            prompt_tokens: read.into_iter().flatten().fold(0, u32::saturating_add),
            completion_tokens: usage.output_tokens.unwrap_or(0),
            cached_prompt_tokens: usage.cache_read_input_tokens,
            reasoning_tokens: None,
            estimated: false,
        }
    }
}

#[derive(Default, Deserialize)]
pub(super) struct ErrorDetail {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
}

/// Reads one event.
pub(super) fn event(data: &str) -> Result<Event, CompletionError> {
    serde_json::from_str(data).map_err(|_| CompletionError::Malformed)
}

/// Reads an error response.
pub(super) fn explain(body: &[u8]) -> Option<VendorError> {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: ErrorDetail,
    }
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    Some(vendor_error(body.error))
}

/// The status of each type is the one that the vendor's reference gives.
pub(super) fn vendor_error(error: ErrorDetail) -> VendorError {
    let status = match error.kind.as_str() {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    let is_context_length = status == 413
        || error.message.contains("prompt is too long")
        || error.message.contains("exceed context limit");
    VendorError { status, is_context_length, message: error.message }
}
