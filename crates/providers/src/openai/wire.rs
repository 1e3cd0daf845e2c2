//! The JSON of OpenAI's chat completions, and nothing but its translation.

use chat::provider::{CompletionError, CompletionRequest, FinishReason, Role, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::VendorError;
use crate::fit::{Sampling, TokenLimitField};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// The body that asks for `request` with these parameters.
pub(super) fn request(
    request: &CompletionRequest,
    sampling: Sampling,
    max_tokens: Option<u32>,
    token_limit: TokenLimitField,
) -> Vec<u8> {
    let (max_tokens, max_completion_tokens) = match token_limit {
        TokenLimitField::MaxTokens => (max_tokens, None),
        TokenLimitField::MaxCompletionTokens => (None, max_tokens),
    };
    let messages = request.messages.iter();
    let body = Request {
        model: &request.model,
        messages: messages
            .map(|message| Message { role: role(message.role), content: &message.content })
            .collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        max_tokens,
        max_completion_tokens,
    };
    serde_json::to_vec(&body).expect("strings and numbers are always JSON")
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// One event. All is optional: chunks of only usage, of only an error, and without a delta are sent.
#[derive(Deserialize)]
pub(super) struct Chunk {
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Option<ChunkUsage>,
    /// An object or, with some servers, a mere text.
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) delta: Option<Delta>,
    pub(super) finish_reason: Option<WireFinishReason>,
}

#[derive(Default, Deserialize)]
pub(super) struct Delta {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    /// So named by DeepSeek, vLLM, SGLang and llama.cpp.
    pub(super) reasoning_content: Option<String>,
    /// So named by OpenRouter, Groq and Ollama.
    pub(super) reasoning: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WireFinishReason {
    Length,
    ContentFilter,
    ToolCalls,
    FunctionCall,
    /// `stop`, and what servers made up.
    #[serde(other)]
    Stop,
}

impl From<WireFinishReason> for FinishReason {
    fn from(reason: WireFinishReason) -> Self {
        match reason {
            WireFinishReason::Stop => Self::Stop,
            WireFinishReason::Length => Self::Length,
            WireFinishReason::ContentFilter => Self::ContentFilter,
            WireFinishReason::ToolCalls | WireFinishReason::FunctionCall => Self::ToolCalls,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ChunkUsage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    prompt_tokens_details: Option<PromptTokensDetails>,
    completion_tokens_details: Option<CompletionTokensDetails>,
}

#[derive(Deserialize)]
struct PromptTokensDetails {
    cached_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct CompletionTokensDetails {
    reasoning_tokens: Option<u32>,
}

impl From<ChunkUsage> for Usage {
    fn from(usage: ChunkUsage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens.unwrap_or(0),
            completion_tokens: usage.completion_tokens.unwrap_or(0),
            cached_prompt_tokens: usage.prompt_tokens_details.and_then(|details| details.cached_tokens),
            reasoning_tokens: usage.completion_tokens_details.and_then(|details| details.reasoning_tokens),
            estimated: false,
        }
    }
}

/// Reads one event.
pub(super) fn chunk(data: &str) -> Result<Chunk, CompletionError> {
    serde_json::from_str(data).map_err(|_| CompletionError::Malformed)
}

/// Reads an error response: `{"error": …}` or, with some compatible servers, `{"message": …}` or `{"detail": …}`.
pub(super) fn explain(body: &[u8]) -> Option<VendorError> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error").unwrap_or(&body);
    let is_error = error.is_string() || error.get("message").or(error.get("detail")).is_some();
    is_error.then(|| vendor_error(error))
}

/// Reads what stands under `error`.
pub(super) fn vendor_error(error: &Value) -> VendorError {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let message =
        error.as_str().unwrap_or(if text("message").is_empty() { text("detail") } else { text("message") });
    let names = [text("code"), text("type")];
    let is_context_length = names.contains(&"context_length_exceeded")
        || names.contains(&"exceed_context_size_error")
        || message.contains("maximum context length");
    let status =
        numeric_status(error).or_else(|| names.iter().find_map(|name| status_of(name))).unwrap_or(500);
    VendorError { status, is_context_length, message: message.to_owned() }
}

/// Gateways put the status that they got into `code`, as a number or as its text.
fn numeric_status(error: &Value) -> Option<u16> {
    let code = error.get("code")?;
    let status = match code.as_str() {
        Some(text) => text.parse().ok(),
        None => code.as_u64().and_then(|code| u16::try_from(code).ok()),
    };
    status.filter(|status| (400..600).contains(status))
}

fn status_of(name: &str) -> Option<u16> {
    match name {
        "invalid_request_error" => Some(400),
        "authentication_error" | "invalid_api_key" => Some(401),
        "permission_error" => Some(403),
        "model_not_found" => Some(404),
        "insufficient_quota" | "rate_limit_error" | "rate_limit_exceeded" | "requests" | "tokens" => {
            Some(429)
        }
        "overloaded_error" | "server_overloaded" | "service_unavailable" => Some(503),
        _ => None,
    }
}
