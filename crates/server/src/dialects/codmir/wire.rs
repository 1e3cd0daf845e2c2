//! Codmir's JSON, field by field. Nothing outside this folder sees it.

use chat::grounding;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::objects;

/// The body of `/chat`, `/chat/stream` and `/chat/reason`. `null` counts as absent; unknown fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatRequest {
    /// The new message alone (the session goes before it), or the whole conversation.
    #[serde(deserialize_with = "objects")]
    pub(super) messages: Vec<Message>,
    /// The project whose documents the answer may use.
    #[serde(default)]
    pub(super) project_id: Option<String>,
    /// `openai` (the default) or `anthropic`.
    #[serde(default)]
    pub(super) provider: Option<String>,
    /// A model's name. One that is not configured is answered by the default model.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// 0 to 2.
    #[serde(default)]
    pub(super) temperature: Option<f64>,
    /// At least 1.
    #[serde(default)]
    pub(super) max_tokens: Option<i64>,
    /// Instructions, put before the messages.
    #[serde(default)]
    pub(super) system_prompt: Option<String>,
    /// The session to continue, or to open under this id.
    #[serde(default)]
    pub(super) session_id: Option<String>,
    /// `true` on `/chat` gives the stream.
    #[serde(default)]
    pub(super) stream: Option<bool>,
    /// v2: the new turn's id, `[A-Za-z0-9_-]{16,64}`.
    #[serde(default)]
    pub(super) turn_id: Option<String>,
    /// v2: the new message's id.
    #[serde(default)]
    pub(super) message_id: Option<String>,
    /// v2: the message that the new one follows.
    #[serde(default)]
    pub(super) parent_id: Option<String>,
    /// v2: the answer to continue.
    #[serde(default)]
    pub(super) continue_message_id: Option<String>,
}

/// One message; further fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = codmir::Message)]
pub(super) struct Message {
    /// `user`, `assistant` or `system`.
    pub(super) role: Role,
    /// Not empty.
    pub(super) content: String,
    /// In a list: counts if the session has it with the same role.
    #[serde(default)]
    pub(super) id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[schema(as = codmir::Role)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
    System,
}

/// The answer of `/chat`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatResponse<'a> {
    pub(super) id: &'a str,
    pub(super) session_id: &'a str,
    pub(super) content: &'a str,
    pub(super) role: Role,
    pub(super) model: &'a str,
    pub(super) provider: &'a str,
    pub(super) usage: Tokens,
    pub(super) created_at: String,
    /// What the answer rests on, if documents were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) citations: Option<Vec<Citation>>,
    /// Whether the documents do not say, if they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<bool>,
}

/// A place in an answer and the piece of a document that it rests on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Citation {
    pub(super) id: String,
    pub(super) document_id: String,
    pub(super) file_path: String,
    pub(super) title: String,
    /// From 1, where there are pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<u32>,
    /// Bytes of the document's extracted UTF-8 text.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Exactly these bytes.
    pub(super) quote: String,
    /// 0 to 1.
    pub(super) score: f32,
    /// Whether the quote was compared with the stored document.
    pub(super) verified: bool,
    pub(super) answer: AnswerSpan,
}

/// UTF-16 units of `content`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnswerSpan {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl From<&grounding::Citation> for Citation {
    fn from(grounding::Citation { passage, verified, answer }: &grounding::Citation) -> Self {
        Self {
            id: passage.id.clone(),
            document_id: passage.document.clone(),
            file_path: passage.path.clone(),
            title: passage.title.clone(),
            page: passage.page,
            start: passage.span.start,
            end: passage.span.end,
            quote: passage.text.clone(),
            score: passage.score,
            verified: *verified,
            answer: AnswerSpan { start: answer.start, end: answer.end },
        }
    }
}

/// Tokens of a published answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::Tokens)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    pub(super) prompt_tokens: u32,
    pub(super) completion_tokens: u32,
    pub(super) total_tokens: u32,
}

/// A piece of the answer in a published stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    pub(super) content: &'a str,
    pub(super) session_id: &'a str,
}

/// A failure in a published stream; `done` follows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StreamError<'a> {
    pub(super) error: &'a str,
    pub(super) code: &'a str,
    pub(super) session_id: &'a str,
}

/// The last event of a published stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done<'a> {
    pub(super) done: bool,
    pub(super) session_id: &'a str,
}

/// A frame of a v2 stream; every one carries the session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Frame<'a> {
    #[serde(flatten)]
    pub(super) event: Event<'a>,
    pub(super) session_id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(super) enum Event<'a> {
    Turn {
        turn_id: &'a str,
        message_id: &'a str,
        user_message_id: Option<&'a str>,
        parent_id: Option<&'a str>,
        model: &'a str,
        provider: &'a str,
    },
    Delta {
        content: &'a str,
    },
    Reasoning {
        reasoning: &'a str,
    },
    Citation {
        citation: Citation,
    },
    Usage {
        usage: Usage,
    },
    Error {
        error: &'a str,
        code: &'a str,
        request_id: &'a str,
        retryable: bool,
    },
    Done {
        done: bool,
        finish_reason: &'a str,
    },
}

/// Tokens of a v2 answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::Usage)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    pub(super) prompt_tokens: u32,
    pub(super) completion_tokens: u32,
    pub(super) total_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cached_prompt_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_tokens: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) estimated: bool,
}

/// The body of a cancel; may be absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct CancelRequest {
    /// `user`, `interrupt` or `unmount`; only logged.
    #[serde(default)]
    pub(super) reason: Option<CancelReason>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CancelReason {
    User,
    Interrupt,
    Unmount,
}

/// The answer of a cancel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelResponse<'a> {
    /// `stopped`, `complete` or `failed`: how the turn ended; `stopping`: it is not there yet.
    pub(super) status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'a str>,
}

/// A page of a session's selected path, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct History {
    pub(super) data: Vec<HistoryMessage>,
    /// The ids of the page's messages: the selected path.
    pub(super) selected: Vec<String>,
    pub(super) active_turn_id: Option<String>,
    /// Ask with `before` this id for older messages; `null` at the beginning.
    pub(super) next_before: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryMessage {
    pub(super) id: String,
    pub(super) role: Role,
    pub(super) content: String,
    pub(super) created_at: String,
    pub(super) parent_id: Option<String>,
    /// The messages with the same parent, this one included, oldest first.
    pub(super) sibling_ids: Vec<String>,
    /// `complete`, `streaming`, `stopped` or `failed`.
    pub(super) status: &'static str,
    pub(super) turn_id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) usage: Option<Usage>,
    /// Passages that the answer rests on.
    #[schema(value_type = Vec<Object>)]
    pub(super) citations: Vec<Citation>,
    pub(super) feedback: Option<&'static str>,
}

/// The query of a history page.
#[derive(Debug)]
pub(super) struct HistoryQuery {
    pub(super) before: Option<String>,
    pub(super) limit: Option<usize>,
}

/// The body of the SDK's chat calls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SdkRequest {
    /// Not empty.
    pub(super) message: String,
    /// The project whose documents the answer may use.
    #[serde(default)]
    pub(super) project_id: Option<String>,
    /// What the model should know beside the message: text, or any JSON.
    #[serde(default)]
    pub(super) context: Option<serde_json::Value>,
    /// A model's name.
    #[serde(default)]
    pub(super) model: Option<String>,
}

/// The answer of the SDK's chat call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SdkResponse<'a> {
    pub(super) success: bool,
    pub(super) data: SdkData<'a>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SdkData<'a> {
    pub(super) response: &'a str,
}

/// Every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::ErrorBody)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody<'a> {
    pub(super) error: &'a str,
    pub(super) message: &'a str,
    pub(super) code: &'a str,
    pub(super) details: ErrorDetails<'a>,
    pub(super) success: bool,
    pub(super) request_id: &'a str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::ErrorDetails)]
pub(super) struct ErrorDetails<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<&'a str>,
}
