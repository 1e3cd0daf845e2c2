//! The JSON of assistants, field by field.

use chat::assistants as core;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::body::given;

/// The body that makes or changes an assistant. Unknown names are ignored, and so is `null`, but where a value can be taken
/// away by it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct Draft {
    /// Needed for a new one.
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    /// The instructions.
    #[serde(default)]
    pub(super) system_prompt: Option<String>,
    /// A project's name; without one the caller's personal project.
    #[serde(default)]
    pub(super) project: Option<String>,
    /// The model; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    pub(super) llm_model_type: Option<Option<String>>,
    #[serde(default)]
    pub(super) conversation_starters: Option<Vec<String>>,
    #[serde(default)]
    pub(super) shared: Option<bool>,
    #[serde(default)]
    pub(super) is_react: Option<bool>,
    #[serde(default)]
    pub(super) is_global: Option<bool>,
    #[serde(default)]
    pub(super) categories: Option<Vec<String>>,
    /// Made from the name if it is left out.
    #[serde(default)]
    pub(super) slug: Option<String>,
    /// 0 to 2; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    pub(super) temperature: Option<Option<f32>>,
    /// 0 to 1; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    pub(super) top_p: Option<Option<f32>>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    pub(super) icon_url: Option<Option<String>>,
    /// What its answers rest on.
    #[serde(default)]
    pub(super) context: Option<Vec<Context>>,
    // What follows asks for features that are not built; see `refuse_unbuilt`.
    #[serde(default)]
    pub(super) toolkits: Value,
    #[serde(default)]
    pub(super) mcp_servers: Value,
    #[serde(default)]
    pub(super) assistant_ids: Value,
    #[serde(default)]
    pub(super) enabled_builtin_subagents: Value,
    #[serde(default)]
    pub(super) skill_ids: Value,
    #[serde(default)]
    pub(super) prompt_variables: Value,
    #[serde(default)]
    pub(super) guardrail_assignments: Value,
    #[serde(default)]
    pub(super) smart_tool_selection_enabled: Value,
    #[serde(default)]
    pub(super) plan_prompt: Value,
    #[serde(default)]
    pub(super) agent_mode: Option<String>,
    #[serde(default)]
    pub(super) tool_permissions: Option<ToolPermissions>,
}

/// What answers rest on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = codemie::Context)]
pub(super) struct Context {
    /// `knowledge_base`.
    pub(super) context_type: String,
    /// A project's name, or its id.
    pub(super) name: String,
}

impl Context {
    pub(super) const KNOWLEDGE_BASE: &str = "knowledge_base";
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ToolPermissions {
    #[serde(default)]
    pub(super) tool_call_policy: Option<String>,
    #[serde(default)]
    pub(super) allow_override: Option<bool>,
}

/// It is made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Created {
    pub(super) message: &'static str,
    #[serde(rename = "assistantId")]
    pub(super) assistant_id: String,
    /// What is missing for its tools: nothing, it has none.
    pub(super) validation: Option<Value>,
}

/// It is changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Updated {
    pub(super) message: &'static str,
    pub(super) validation: Option<Value>,
}

/// It is deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Removed {
    pub(super) message: &'static str,
}

/// Assistants in their short or their full form, and where the page stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listed<T> {
    pub(super) data: Vec<T>,
    pub(super) pagination: Pagination,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codemie::Pagination)]
pub(super) struct Pagination {
    pub(super) page: u32,
    pub(super) per_page: u32,
    pub(super) total: u64,
    pub(super) pages: u64,
}

/// An assistant in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Brief {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) icon_url: Option<String>,
    pub(super) created_by: Option<Creator>,
}

/// An assistant in full. What is always empty belongs to features that are not built; clients want the key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codemie::Assistant)]
pub(super) struct Assistant {
    #[serde(flatten)]
    pub(super) brief: Brief,
    pub(super) system_prompt: String,
    pub(super) system_prompt_history: [Value; 0],
    pub(super) project: String,
    pub(super) slug: String,
    pub(super) llm_model_type: Option<String>,
    pub(super) temperature: Option<f32>,
    pub(super) top_p: Option<f32>,
    pub(super) conversation_starters: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) shared: bool,
    pub(super) is_react: bool,
    pub(super) is_global: bool,
    pub(super) creator: String,
    pub(super) created_date: String,
    pub(super) updated_date: String,
    /// `read`, and for who may change it `write` and `delete`.
    pub(super) user_abilities: &'static [&'static str],
    pub(super) toolkits: [Value; 0],
    pub(super) context: Vec<Context>,
    pub(super) mcp_servers: [Value; 0],
    pub(super) assistant_ids: [String; 0],
    pub(super) enabled_builtin_subagents: [String; 0],
    pub(super) prompt_variables: [Value; 0],
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Creator {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) username: String,
    pub(super) name: String,
}

impl From<core::Assistant> for Brief {
    fn from(assistant: core::Assistant) -> Self {
        let creator = |creator: core::Creator| Creator {
            id: creator.account.to_string(),
            user_id: creator.account.to_string(),
            username: creator.username,
            name: creator.name,
        };
        Self {
            id: assistant.id,
            name: assistant.name,
            description: assistant.description,
            icon_url: assistant.icon_url,
            created_by: assistant.creator.map(creator),
        }
    }
}

impl From<core::Assistant> for Assistant {
    fn from(mut assistant: core::Assistant) -> Self {
        let creator = assistant.creator.as_ref().map_or("system", |creator| &creator.username).to_owned();
        let project = super::project_name(&assistant).to_owned();
        let context = |project: core::NamedProject| Context {
            context_type: Context::KNOWLEDGE_BASE.to_owned(),
            name: project.name,
        };
        Self {
            system_prompt: std::mem::take(&mut assistant.instructions),
            system_prompt_history: [],
            project,
            slug: std::mem::take(&mut assistant.slug),
            llm_model_type: assistant.model.take(),
            temperature: assistant.temperature,
            top_p: assistant.top_p,
            conversation_starters: std::mem::take(&mut assistant.conversation_starters),
            categories: std::mem::take(&mut assistant.categories),
            shared: assistant.shared,
            is_react: assistant.is_react,
            is_global: assistant.is_global,
            creator,
            created_date: assistant.created_at.to_string(),
            updated_date: assistant.updated_at.to_string(),
            user_abilities: if assistant.may_change { &["read", "write", "delete"] } else { &["read"] },
            toolkits: [],
            context: assistant.knowledge.drain(..).map(context).collect(),
            mcp_servers: [],
            assistant_ids: [],
            enabled_builtin_subagents: [],
            prompt_variables: [],
            brief: assistant.into(),
        }
    }
}
