//! Assistants: named ways of answering, and who may ask them.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::error::Error;
use crate::ids::AccountId;
use crate::principal::Principal;
use crate::store::StoreError;

/// A named way of answering: instructions and a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Assistant {
    /// Its id, a UUID as text.
    pub id: String,
    /// A name for addresses; unique.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The project that it belongs to.
    pub project: String,
    /// What the model is told before everything else.
    pub instructions: String,
    /// The model that answers, unless the caller names another.
    pub model: Option<String>,
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// Everyone who is signed in may ask it.
    pub for_everyone: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Everything durable about assistants. Durable when it returns, and scoped, as `chat::store` says.
#[async_trait]
pub trait AssistantStore: Send + Sync + 'static {
    /// Stores an assistant that comes with the server, unless there is one of its id.
    async fn ensure_assistant(&self, assistant: Assistant) -> Result<(), StoreError>;

    /// The assistant of this id, if the account may ask it.
    async fn assistant(&self, account: AccountId, id: &str) -> Result<Option<Assistant>, StoreError>;

    /// The assistant of this slug, if the account may ask it.
    async fn assistant_by_slug(
        &self,
        account: AccountId,
        slug: &str,
    ) -> Result<Option<Assistant>, StoreError>;
}

/// The assistants of this server. Cheap to clone.
#[derive(Clone)]
pub struct Assistants {
    store: Arc<dyn AssistantStore>,
}

impl Assistants {
    /// Makes sure that the default assistant exists.
    pub async fn new(store: Arc<dyn AssistantStore>, clock: &dyn Clock) -> Result<Self, Error> {
        store.ensure_assistant(default_assistant(clock.now())).await?;
        Ok(Self { store })
    }

    /// An assistant that the caller may ask.
    pub async fn get(&self, principal: &Principal, id: &str) -> Result<Assistant, Error> {
        let found = self.store.assistant(principal.account(), id).await?;
        found.ok_or_else(|| Error::not_found("assistant"))
    }

    /// An assistant that the caller may ask, by its slug.
    pub async fn get_by_slug(&self, principal: &Principal, slug: &str) -> Result<Assistant, Error> {
        let found = self.store.assistant_by_slug(principal.account(), slug).await?;
        found.ok_or_else(|| Error::not_found("assistant"))
    }
}

/// The one that is there from the first start, under the id that the published page of CodeMie calls.
fn default_assistant(created_at: Timestamp) -> Assistant {
    Assistant {
        id: "05959338-06de-477d-9cc3-08369f858057".to_owned(),
        slug: "assistant".to_owned(),
        name: "Assistant".to_owned(),
        description: "Answers questions.".to_owned(),
        project: "default".to_owned(),
        instructions: "You are a helpful assistant. Answer briefly and correctly.".to_owned(),
        model: None,
        temperature: None,
        for_everyone: true,
        created_at,
    }
}
