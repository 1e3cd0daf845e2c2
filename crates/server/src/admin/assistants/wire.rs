//! The JSON of the administration of assistants, spoken by the routes and by the commands.

use chat::assistants::{self, AssistantChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An assistant to make.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewAssistant {
    /// One line of at most 200 characters.
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// What the model is told before everything else.
    pub(crate) instructions: Option<String>,
    /// The model that answers; the default one if nothing is said.
    pub(crate) model: Option<String>,
    /// 0 to 2.
    pub(crate) temperature: Option<f32>,
    /// Whether everyone who is signed in may ask it; true if nothing is said.
    pub(crate) global: Option<bool>,
    /// The projects whose documents its answers rest on, by id or name.
    pub(crate) knowledge: Option<Vec<String>>,
}

/// What to change about an assistant; what is absent stays.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssistantPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<String>,
    /// Empty: the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) global: Option<bool>,
    /// The projects whose documents its answers rest on, by id or name; empty: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) knowledge: Option<Vec<String>>,
}

/// An assistant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = admin::Assistant)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assistant {
    pub(crate) id: String,
    /// Its id in Cody's API.
    pub(crate) bot_id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) instructions: String,
    pub(crate) model: Option<String>,
    pub(crate) temperature: Option<f32>,
    /// Everyone who is signed in may ask it.
    pub(crate) global: bool,
    /// The projects whose documents its answers rest on.
    pub(crate) knowledge: Vec<KnowledgeProject>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// A project that an assistant reads.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KnowledgeProject {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl From<assistants::Assistant> for Assistant {
    fn from(assistant: assistants::Assistant) -> Self {
        let project =
            |project: assistants::NamedProject| KnowledgeProject { id: project.id, name: project.name };
        Self {
            id: assistant.id,
            bot_id: assistant.short_id,
            name: assistant.name,
            description: assistant.description,
            instructions: assistant.instructions,
            model: assistant.model,
            temperature: assistant.temperature,
            global: assistant.is_global,
            knowledge: assistant.knowledge.into_iter().map(project).collect(),
            created_at: assistant.created_at.to_string(),
            updated_at: assistant.updated_at.to_string(),
        }
    }
}

impl From<NewAssistant> for AssistantChange {
    fn from(new: NewAssistant) -> Self {
        let patch = AssistantPatch {
            name: Some(new.name),
            description: new.description,
            instructions: new.instructions,
            model: new.model,
            temperature: new.temperature,
            global: Some(new.global.unwrap_or(true)),
            knowledge: new.knowledge,
        };
        patch.into()
    }
}

impl From<AssistantPatch> for AssistantChange {
    fn from(patch: AssistantPatch) -> Self {
        Self {
            name: patch.name,
            description: patch.description,
            instructions: patch.instructions,
            model: patch.model.map(|model| Some(model).filter(|model| !model.is_empty())),
            temperature: patch.temperature.map(Some),
            is_global: patch.global,
            knowledge: patch.knowledge,
            ..Self::default()
        }
    }
}
