//! CodeMie's JSON, field by field. Nothing outside this folder sees it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The body of `/model`, after its names were brought to one spelling. Unknown names are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ask {
    /// The question.
    #[serde(default)]
    pub(super) text: Option<String>,
    /// `true`: pieces as they come.
    #[serde(default)]
    pub(super) stream: Option<bool>,
    /// Overrides the assistant's model.
    #[serde(default)]
    pub(super) llm_model: Option<String>,
    /// The conversation to continue, or to open under this id.
    #[serde(default)]
    pub(super) conversation_id: Option<String>,
    /// What was said before, for a conversation that is not stored yet.
    #[serde(default)]
    #[schema(value_type = Vec<HistoryItem>)]
    pub(super) history: Option<History>,
    /// Replaces the assistant's instructions for this call.
    #[serde(default)]
    pub(super) system_prompt: Option<String>,
    /// The question with its markup, to be given back in histories.
    #[serde(default)]
    pub(super) content_raw: Option<String>,
    /// Ask the question of this number again, counted from 0; what was answered before stays beside it.
    #[serde(default)]
    pub(super) history_index: Option<usize>,
    /// `true`: answer at once with the id of a task.
    #[serde(default)]
    pub(super) background_task: Option<bool>,
    /// `false`: nothing of this call is stored.
    #[serde(default)]
    pub(super) save_history: Option<bool>,
    /// A JSON schema that the answer must satisfy.
    #[serde(default)]
    pub(super) output_schema: Option<Value>,
    // What follows asks for features that are not built; see `chat::refuse_unbuilt`.
    #[serde(default)]
    pub(super) file_names: Option<Vec<String>>,
    #[serde(default)]
    pub(super) file_name: Option<String>,
    #[serde(default)]
    pub(super) tools_config: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) version: Option<i64>,
    #[serde(default)]
    pub(super) sub_assistants_versions: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) workflow_execution_id: Option<String>,
    #[serde(default)]
    pub(super) interactive_response: Option<Value>,
    #[serde(default)]
    pub(super) skill_ids: Option<Vec<String>>,
    #[serde(default)]
    pub(super) enable_image_generation: Option<bool>,
    #[serde(default)]
    pub(super) image_generation_model: Option<String>,
    #[serde(default)]
    pub(super) enable_web_search: Option<bool>,
    #[serde(default)]
    pub(super) enable_code_interpreter: Option<bool>,
}

/// The names of the body's table, each in its camelCase spelling; only these count for the framing.
pub(super) const FIELDS: [&str; 29] = [
    "text",
    "stream",
    "llmModel",
    "conversationId",
    "contentRaw",
    "fileNames",
    "fileName",
    "history",
    "historyIndex",
    "systemPrompt",
    "topK",
    "backgroundTask",
    "metadata",
    "toolsConfig",
    "outputSchema",
    "version",
    "subAssistantsVersions",
    "mcpServerSingleUsage",
    "workflowExecutionId",
    "interactiveResponse",
    "disableCache",
    "saveHistory",
    "skillIds",
    "enableImageGeneration",
    "imageGenerationModel",
    "enableWebSearch",
    "enableCodeInterpreter",
    "propagateHeaders",
    "customMetadata",
];

/// What was said before: a list, or one text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum History {
    Messages(Vec<HistoryItem>),
    Text(String),
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = codemie::HistoryItem)]
pub(super) struct HistoryItem {
    /// `User` or `Assistant`.
    pub(super) role: String,
    #[serde(default)]
    pub(super) message: Option<String>,
}

/// The plain answer of `/model`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    /// Text; JSON where a schema was given.
    #[schema(value_type = String)]
    pub(super) generated: Generated<'a>,
    /// Seconds.
    pub(super) time_elapsed: f64,
    pub(super) tokens_used: u32,
    pub(super) thoughts: Vec<Thought<'a>>,
    pub(super) task_id: Option<String>,
    pub(super) success: bool,
    pub(super) agent_error: Option<AgentError<'a>>,
    pub(super) tool_errors: Option<Vec<Value>>,
    /// Which conversation it is part of; the vendor's API never tells.
    pub(super) conversation_id: &'a str,
}

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Generated<'a> {
    Text(&'a str),
    Json(Value),
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentError<'a> {
    pub(super) error_code: &'a str,
    pub(super) message: &'a str,
    pub(super) details: Option<String>,
    pub(super) stacktrace: Option<String>,
}

/// One object of a stream; every key is always there.
#[derive(Debug, Default, Serialize)]
pub(super) struct StreamObject<'a> {
    pub(super) time_elapsed: Option<f64>,
    pub(super) generated_chunk: Option<&'a str>,
    pub(super) generated: Option<&'a str>,
    pub(super) thought: Option<Thought<'a>>,
    pub(super) context: Option<Value>,
    pub(super) last: bool,
    pub(super) debug: Option<Map<String, Value>>,
    pub(super) workflow_execution_id: Option<String>,
    pub(super) workflow_state: Option<Value>,
    pub(super) execution_error: Option<&'a str>,
    pub(super) success: Option<bool>,
    pub(super) agent_error: Option<AgentError<'a>>,
    /// There are no tools that could fail.
    pub(super) tool_errors: Option<[Value; 0]>,
    pub(super) error_details: Option<Value>,
    pub(super) interactive_request: Option<Value>,
}

/// A step of the assistant's; the model's own text is one too.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Thought<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) parent_id: Option<&'a str>,
    pub(super) metadata: Map<String, Value>,
    pub(super) in_progress: bool,
    pub(super) input_text: &'a str,
    pub(super) message: Cow<'a, str>,
    pub(super) author_type: &'a str,
    pub(super) author_name: &'a str,
    pub(super) output_format: &'a str,
    pub(super) error: bool,
    pub(super) interrupted: bool,
    pub(super) aborted: bool,
    pub(super) children: [&'a str; 0],
}

/// The id of the thought that an answer's own text is.
pub(super) fn thought_id(answer_id: &str) -> String {
    format!("{answer_id}-thought")
}

impl<'a> Thought<'a> {
    /// The model's own text, as the published page names it.
    pub(super) fn own(
        id: impl Into<Cow<'a, str>>,
        message: impl Into<Cow<'a, str>>,
        in_progress: bool,
    ) -> Self {
        Self {
            id: id.into(),
            parent_id: None,
            metadata: Map::new(),
            in_progress,
            input_text: "",
            message: message.into(),
            author_type: "Tool",
            author_name: "Codemie Thoughts",
            output_format: "text",
            error: false,
            interrupted: false,
            aborted: false,
            children: [],
        }
    }
}

/// A model that can be asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Model {
    pub(super) base_name: String,
    pub(super) deployment_name: String,
    pub(super) label: String,
    pub(super) enabled: bool,
    pub(super) default: bool,
    pub(super) multimodal: bool,
    pub(super) react_agent: bool,
    /// The SDK knows a closed list of vendors and raises at any other.
    pub(super) provider: Option<String>,
    pub(super) features: Features,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Features {
    pub(super) streaming: bool,
    pub(super) tools: bool,
    pub(super) temperature: bool,
    pub(super) parallel_tool_calls: bool,
    pub(super) system_prompt: bool,
    pub(super) max_tokens: bool,
}

/// Every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codemie::ErrorBody)]
pub(super) struct ErrorBody<'a> {
    pub(super) error: ErrorDetails<'a>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codemie::ErrorDetails)]
pub(super) struct ErrorDetails<'a> {
    pub(super) message: &'a str,
    pub(super) details: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<&'a str>,
}

/// Unknown routes and methods.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    pub(super) detail: &'static str,
}

/// A background task.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Task {
    pub(super) id: String,
    /// What was asked.
    pub(super) task: String,
    pub(super) user: TaskUser,
    pub(super) final_output: String,
    pub(super) current_step: String,
    /// `STARTED`, `COMPLETED` or `FAILED`.
    pub(super) status: &'static str,
    pub(super) date: String,
    pub(super) update_date: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskUser {
    pub(super) user_id: String,
    pub(super) username: String,
    pub(super) name: String,
}
