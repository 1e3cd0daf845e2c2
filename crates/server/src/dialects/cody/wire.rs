//! Cody's JSON, field by field. Nothing outside this folder sees it.

use std::collections::BTreeMap;

use chat::assistants::{Assistant, DEFAULT_SHORT_ID};
use chat::conversations::Summary;
use chat::grounding::{Citation, Passage};
use serde::Serialize;
use utoipa::ToSchema;

use crate::knowledge::document_of;

/// One thing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct One<T> {
    pub(super) data: T,
}

/// A page of things, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Many<T> {
    pub(super) data: Vec<T>,
    pub(super) meta: Meta,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Meta {
    pub(super) pagination: Pagination,
}

/// Which page this is, counted from 1.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = cody::Pagination)]
pub(super) struct Pagination {
    /// On this page.
    pub(super) count: usize,
    /// On all pages.
    pub(super) total: u64,
    pub(super) per_page: u32,
    pub(super) current_page: u32,
    pub(super) total_pages: u32,
    #[schema(required = true)]
    pub(super) next_page: Option<u32>,
    #[schema(required = true)]
    pub(super) previous_page: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Bot {
    pub(super) id: String,
    pub(super) name: String,
    /// The model that answers.
    pub(super) model: String,
    /// Seconds since 1970.
    pub(super) created_at: i64,
}

impl Bot {
    /// `default_model` answers for an assistant that names none.
    pub(super) fn of(assistant: Assistant, default_model: &str) -> Self {
        Self {
            id: assistant.short_id,
            name: assistant.name,
            model: assistant.model.unwrap_or_else(|| default_model.to_owned()),
            created_at: assistant.created_at.as_second(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) bot_id: String,
    /// Seconds since 1970.
    pub(super) created_at: i64,
    /// Only when asked for by `includes=document_ids`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document_ids: Option<Vec<String>>,
}

impl Conversation {
    pub(super) fn of(summary: Summary, with_documents: bool) -> Self {
        Self {
            id: summary.name,
            name: summary.title,
            bot_id: summary.bot.unwrap_or_else(|| DEFAULT_SHORT_ID.to_owned()),
            created_at: summary.created_at.as_second(),
            // There are no documents yet that a conversation could be about.
            document_ids: with_documents.then(Vec::new),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = cody::Message)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) content: String,
    pub(super) conversation_id: String,
    /// Whether the model wrote it.
    pub(super) machine: bool,
    /// The answer is not whole.
    pub(super) failed_responding: bool,
    /// Always false: nothing is moderated.
    pub(super) flagged: bool,
    /// Seconds since 1970.
    pub(super) created_at: i64,
    /// Only when asked for by `includes=sources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sources: Option<Sources>,
    /// Only when asked for by `includes=usage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Usage>,
}

/// The documents that an answer rests on.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Sources {
    pub(super) data: Vec<Source>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Source {
    /// Always `written`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) document_id: String,
    pub(super) document_name: String,
    /// The document's text; needs credentials.
    pub(super) document_url: String,
    /// Seconds since 1970.
    pub(super) created_at: i64,
}

impl Sources {
    /// Each document once, in the order of the answer.
    pub(super) fn of(citations: Vec<Citation>, address: &str) -> Self {
        let mut data: Vec<Source> = Vec::new();
        for Passage { document, title, .. } in citations.into_iter().map(|citation| citation.passage) {
            if data.iter().any(|source| source.document_id == document) {
                continue;
            }
            let made_at = document_of(&document).and_then(|id| id.made_at());
            data.push(Source {
                kind: "written",
                document_url: format!("{address}/api/knowledge/documents/{document}"),
                document_id: document,
                document_name: title,
                created_at: made_at.map(|at| at.as_second()).unwrap_or_default(),
            });
        }
        Self { data }
    }
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = cody::Usage)]
pub(super) struct Usage {
    pub(super) tokens: u32,
    pub(super) credits: f64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamUrl {
    /// Absolute; needs no credentials.
    pub(super) stream_url: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    pub(super) data: bool,
    pub(super) success: bool,
}

/// A piece of a streamed answer.
#[derive(Debug, Serialize)]
pub(super) struct Chunk<'a> {
    pub(super) chunk: &'a str,
}

/// The body of a conversation that is made or changed.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a body that is read by its rules, field by field")]
pub(super) struct ConversationBody {
    /// At most 2,000 characters.
    name: String,
    bot_id: String,
    /// At most 1,000, of documents that the bot may read.
    document_ids: Option<Vec<String>>,
}

/// The body of a message.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a body that is read by its rules, field by field")]
pub(super) struct MessageBody {
    /// At most 2,000 characters.
    content: String,
    conversation_id: String,
}

/// The body of a message whose answer is streamed.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a body that is read by its rules, field by field")]
pub(super) struct StreamBody {
    /// At most 2,000 characters.
    content: String,
    conversation_id: String,
    /// False: the address comes in the answer instead of a redirect to it.
    redirect: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = cody::ErrorBody)]
pub(super) struct ErrorBody<'a> {
    pub(super) message: &'a str,
    /// Texts by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) errors: Option<BTreeMap<&'a str, Vec<&'a str>>>,
}

pub(super) fn errors(errors: &[(String, String)]) -> Option<BTreeMap<&str, Vec<&str>>> {
    let mut by_field = BTreeMap::<&str, Vec<&str>>::new();
    for (field, text) in errors {
        by_field.entry(field).or_default().push(text);
    }
    (!by_field.is_empty()).then_some(by_field)
}
