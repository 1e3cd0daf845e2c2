//! Assistants: named ways of answering; who may ask, change and delete them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::ids::{AccountId, random_base62, random_uuid};
use crate::principal::{Principal, Scope};

mod change;
mod store;

pub use change::AssistantChange;
pub use store::{
    AssistantFilter, AssistantPage, AssistantQuery, AssistantStore, AssistantWriteError, Order, Reach, Slug,
    Viewer,
};

/// Characters of a short id.
const SHORT_ID: usize = 12;
/// The id of the assistant that comes with the server: the one that the published page of CodeMie calls.
pub const DEFAULT_ID: &str = "05959338-06de-477d-9cc3-08369f858057";
/// The short id of the assistant that comes with the server: how its id begins.
pub const DEFAULT_SHORT_ID: &str = "0595933806de";

/// A named way of answering, as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assistant {
    /// Its id, a UUID as text.
    pub id: String,
    /// Its id for dialects whose ids are short: 12 letters and digits.
    pub short_id: String,
    /// A name for addresses; unique.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who made it; none if it came with the server.
    pub creator: Option<Creator>,
    /// The project that it belongs to; none if it came with the server.
    pub project: Option<NamedProject>,
    /// The projects whose documents its answers rest on, by name: those of them that the viewer may read.
    pub knowledge: Vec<NamedProject>,
    /// What the model is told before everything else.
    pub instructions: String,
    /// The model that answers, unless the caller names another.
    pub model: Option<String>,
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// 0 to 1.
    pub top_p: Option<f32>,
    /// Questions to begin with.
    pub conversation_starters: Vec<String>,
    /// What it is found under; at most three.
    pub categories: Vec<String>,
    /// Where its picture is.
    pub icon_url: Option<String>,
    /// What a client noted about how it works; it changes nothing here.
    pub is_react: bool,
    /// The members of its project may ask it.
    pub shared: bool,
    /// Everyone who is signed in may ask it.
    pub is_global: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Whether who sees it may change and delete it.
    pub may_change: bool,
}

/// Who made an assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creator {
    /// The account.
    pub account: AccountId,
    /// What it signs in as.
    pub username: String,
    /// The full name; may be empty.
    pub name: String,
}

/// A project that an assistant belongs to, or reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedProject {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// The assistants of this server. Cheap to clone.
///
/// Every entry checks the caller's scopes; what else the caller may is decided by the store, in the statement that reads
/// or writes: see [`AssistantStore`].
#[derive(Clone)]
pub struct Assistants {
    store: Arc<dyn AssistantStore>,
    clock: Arc<dyn Clock>,
}

impl Assistants {
    /// Makes sure that the default assistant exists.
    pub async fn new(store: Arc<dyn AssistantStore>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        store.ensure_assistant(default_assistant(clock.now())).await?;
        Ok(Self { store, clock })
    }

    /// An assistant that the caller may ask.
    pub async fn get(&self, principal: &Principal, id: &str) -> Result<Assistant, Error> {
        let found = self.store.assistant(reader(principal)?, id).await?;
        found.ok_or_else(|| Error::not_found("assistant"))
    }

    /// An assistant that the caller may ask, by its slug.
    pub async fn get_by_slug(&self, principal: &Principal, slug: &str) -> Result<Assistant, Error> {
        let found = self.store.assistant_by_slug(reader(principal)?, slug).await?;
        found.ok_or_else(|| Error::not_found("assistant"))
    }

    /// An assistant that the caller may ask, by its short id.
    pub async fn get_by_short_id(&self, principal: &Principal, id: &str) -> Result<Assistant, Error> {
        let found = self.store.assistant_by_short_id(reader(principal)?, id).await?;
        found.ok_or_else(|| Error::not_found("assistant"))
    }

    /// A page of those that the caller may ask.
    pub async fn list(&self, principal: &Principal, query: AssistantQuery) -> Result<AssistantPage, Error> {
        Ok(self.store.assistants(reader(principal)?, query).await?)
    }

    /// Makes an assistant in a project of the caller's, and gives its id. `draft` must have a name.
    pub async fn create(
        &self,
        principal: &Principal,
        project: &str,
        draft: AssistantChange,
    ) -> Result<String, Error> {
        let viewer = writer(principal)?;
        draft.check()?;
        let name = draft.name.clone().ok_or_else(|| Error::invalid("name", "is needed"))?;
        let slug = draft.slug.clone().map_or_else(|| Slug::LikeName(change::slug_of(&name)), Slug::Exactly);
        let mut assistant = blank(random_uuid(), self.clock.now());
        let creator = Creator { account: viewer.account, username: String::new(), name: String::new() };
        assistant.creator = Some(creator);
        let change = AssistantChange { project: Some(project.to_owned()), ..draft };
        change.apply(&mut assistant);
        let id = assistant.id.clone();
        self.store.add_assistant(viewer, assistant, slug).await?;
        Ok(id)
    }

    /// Changes an assistant; what the change leaves out stays.
    pub async fn change(
        &self,
        principal: &Principal,
        id: &str,
        change: AssistantChange,
    ) -> Result<(), Error> {
        let viewer = writer(principal)?;
        change.check()?;
        Ok(self.store.change_assistant(viewer, id, change, self.clock.now()).await?)
    }

    /// Deletes an assistant. Conversations that were had with it stay as they are.
    pub async fn delete(&self, principal: &Principal, id: &str) -> Result<(), Error> {
        Ok(self.store.delete_assistant(writer(principal)?, id).await?)
    }
}

fn reader(principal: &Principal) -> Result<Viewer, Error> {
    if principal.may(Scope::Chat) || principal.may(Scope::Assistants) {
        return Ok(Viewer::of(principal));
    }
    Err(Error::new(ErrorKind::Forbidden, "these credentials are not good for reading assistants"))
}

fn writer(principal: &Principal) -> Result<Viewer, Error> {
    if principal.may(Scope::Assistants) {
        return Ok(Viewer::of(principal));
    }
    Err(Error::new(ErrorKind::Forbidden, "these credentials are not good for changing assistants"))
}

/// An assistant that nobody has filled in.
fn blank(id: String, now: Timestamp) -> Assistant {
    Assistant {
        id,
        short_id: random_base62(SHORT_ID),
        slug: String::new(),
        name: String::new(),
        description: String::new(),
        creator: None,
        project: None,
        knowledge: Vec::new(),
        instructions: String::new(),
        model: None,
        temperature: None,
        top_p: None,
        conversation_starters: Vec::new(),
        categories: Vec::new(),
        icon_url: None,
        is_react: false,
        shared: false,
        is_global: false,
        created_at: now,
        updated_at: now,
        may_change: false,
    }
}

/// The one that is there from the first start.
fn default_assistant(now: Timestamp) -> Assistant {
    Assistant {
        short_id: DEFAULT_SHORT_ID.to_owned(),
        slug: "assistant".to_owned(),
        name: "Assistant".to_owned(),
        description: "Answers questions.".to_owned(),
        instructions: "You are a helpful assistant. Answer briefly and correctly.".to_owned(),
        is_global: true,
        ..blank(DEFAULT_ID.to_owned(), now)
    }
}
