//! The JSON of conversations. The vendor's SDK raises where a key is missing, so every one is always there.

use std::borrow::Cow;

use chat::{assistants, conversations};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::dialect::Thought;

/// A conversation of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Summary {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) folder: Option<String>,
    pub(super) pinned: bool,
    pub(super) date: String,
    pub(super) assistant_ids: Vec<String>,
    pub(super) initial_assistant_id: Option<String>,
    pub(super) finished_at: Option<String>,
}

impl From<conversations::Summary> for Summary {
    fn from(summary: conversations::Summary) -> Self {
        Self {
            id: summary.name,
            name: summary.title,
            folder: None,
            pinned: summary.pinned,
            date: summary.updated_at.to_string(),
            initial_assistant_id: summary.assistants.first().cloned(),
            assistant_ids: summary.assistants,
            finished_at: None,
        }
    }
}

/// What an owner changes.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Update {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) pinned: Option<bool>,
    // What follows asks for features that are not built.
    #[serde(default)]
    pub(super) folder: Option<String>,
    #[serde(default)]
    pub(super) llm_model: Option<String>,
    #[serde(default)]
    #[schema(ignore)]
    pub(super) active_assistant_id: Option<String>,
}

/// A conversation in full.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Details<'a> {
    pub(super) id: &'a str,
    pub(super) date: String,
    pub(super) update_date: String,
    pub(super) conversation_id: &'a str,
    pub(super) conversation_name: &'a str,
    pub(super) llm_model: Option<String>,
    pub(super) folder: Option<String>,
    pub(super) pinned: bool,
    pub(super) history: Vec<HistoryItem<'a>>,
    pub(super) user_id: String,
    pub(super) user_name: String,
    pub(super) assistant_ids: &'a [String],
    pub(super) assistant_data: Vec<AssistantData>,
    pub(super) initial_assistant_id: &'a str,
    pub(super) final_user_mark: Option<Value>,
    pub(super) final_operator_mark: Option<Value>,
    pub(super) project: Option<String>,
    pub(super) conversation_details: Option<Value>,
    pub(super) assistant_details: Option<Value>,
    pub(super) user_abilities: [&'static str; 3],
    pub(super) is_folder_migrated: bool,
    pub(super) is_workflow_conversation: bool,
    pub(super) category: Option<String>,
    pub(super) mcp_server_single_usage: bool,
    pub(super) finished_at: Option<String>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codemie::StoredItem)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryItem<'a> {
    /// `User` or `Assistant`.
    pub(super) role: &'static str,
    pub(super) message: Cow<'a, str>,
    pub(super) history_index: usize,
    pub(super) date: String,
    pub(super) message_raw: Option<&'a str>,
    pub(super) file_names: [String; 0],
    pub(super) assistant_id: Option<&'a str>,
    /// Seconds.
    pub(super) response_time: Option<f64>,
    pub(super) input_tokens: Option<u32>,
    pub(super) output_tokens: Option<u32>,
    pub(super) thoughts: Vec<Thought<'a>>,
}

/// An assistant that was asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssistantData {
    pub(super) assistant_id: String,
    pub(super) assistant_name: String,
    pub(super) assistant_icon: Option<String>,
    pub(super) assistant_type: Option<String>,
    pub(super) context: [String; 0],
    pub(super) tools: [String; 0],
    pub(super) conversation_starters: Vec<String>,
}

impl From<assistants::Assistant> for AssistantData {
    fn from(assistant: assistants::Assistant) -> Self {
        Self {
            assistant_id: assistant.id,
            assistant_name: assistant.name,
            assistant_icon: assistant.icon_url,
            assistant_type: None,
            context: [],
            tools: [],
            conversation_starters: assistant.conversation_starters,
        }
    }
}
