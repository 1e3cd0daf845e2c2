//! The port to stored assistants, and who may see and change them.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Assistant, AssistantChange};
use crate::error::{Error, ErrorKind};
use crate::ids::AccountId;
use crate::principal::Principal;
use crate::store::StoreError;

/// For whom assistants are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer {
    /// The account.
    pub account: AccountId,
    /// May see and change every one.
    pub is_admin: bool,
}

impl Viewer {
    /// The caller.
    pub fn of(principal: &Principal) -> Self {
        Self { account: principal.account(), is_admin: principal.is_admin() }
    }
}

/// How a new assistant gets its slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slug {
    /// It is this, or there is no assistant.
    Exactly(String),
    /// It is this, or if that is taken the first free one of `this-2`, `this-3`, and so on.
    LikeName(String),
}

/// Which of the assistants that somebody sees are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// All of them.
    #[default]
    Visible,
    /// Those for everyone.
    Global,
    /// Those that the viewer made.
    Own,
    /// Those of the viewer's projects, and those for everyone.
    ProjectsAndGlobal,
}

/// What assistants must have to be listed; what is left out is no matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssistantFilter {
    /// A part of the name or the description, in any case.
    pub search: Option<String>,
    /// A part of the name, in any case.
    pub name: Option<String>,
    /// The project's name is one of these, if there are any.
    pub projects: Vec<String>,
    /// The creator's id, username or full name.
    pub created_by: Option<String>,
    /// Whether members of the project may ask it.
    pub shared: Option<bool>,
    /// Whether everyone may ask it.
    pub is_global: Option<bool>,
    /// Its id.
    pub id: Option<String>,
    /// Its slug.
    pub slug: Option<String>,
    /// One of these is among its categories, if there are any.
    pub categories: Vec<String>,
}

/// The order of a list. Ties are broken by the id, so that pages have no gap and no repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest change first.
    #[default]
    Newest,
    /// By name: letters and digits count, their case and all else does not. Names without any come last.
    Name,
    /// The reverse of it.
    NameReversed,
}

/// A page of assistants to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssistantQuery {
    /// Which of those that are seen.
    pub reach: Reach,
    /// What they must have.
    pub filter: AssistantFilter,
    /// In which order.
    pub order: Order,
    /// How many to leave out.
    pub offset: u64,
    /// How many at most.
    pub limit: u32,
    /// Leaves the instructions empty: they may be long.
    pub is_brief: bool,
}

/// A page of assistants.
#[derive(Debug, Clone, PartialEq)]
pub struct AssistantPage {
    /// Those on it.
    pub assistants: Vec<Assistant>,
    /// How many there are on all pages.
    pub total: u64,
}

/// Why an assistant was not written. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AssistantWriteError {
    /// There is none of this id, or none that the viewer sees.
    #[error("assistant not found")]
    NotFound,
    /// The viewer sees it and may not change it.
    #[error("only its creator and administrators may change this assistant")]
    NotAllowed,
    /// It would come into a project, or read one, that is not the viewer's, or not there.
    #[error("you are not in this project")]
    NotInProject,
    /// It would begin or cease to be for everyone, which administrators decide.
    #[error("only administrators decide which assistants are for everyone")]
    NotAdmin,
    /// Another one has the slug.
    #[error("an assistant with this slug exists already")]
    SlugTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AssistantWriteError> for Error {
    fn from(error: AssistantWriteError) -> Self {
        let kind = match error {
            AssistantWriteError::NotFound => ErrorKind::NotFound,
            AssistantWriteError::NotAllowed
            | AssistantWriteError::NotInProject
            | AssistantWriteError::NotAdmin => ErrorKind::Forbidden,
            AssistantWriteError::SlugTaken => ErrorKind::Conflict,
            AssistantWriteError::Store(error) => return error.into(),
        };
        Self::new(kind, error.to_string())
    }
}

/// Everything durable about assistants. Durable when it returns.
///
/// A viewer **sees** an assistant if it is for everyone, if the viewer made it, if the viewer is a member of its project
/// and it is shared, if the viewer administers its project, or if the viewer is an administrator. Who owns a personal
/// project administers it. Nobody else sees anything of it.
///
/// A viewer **may change** an assistant, and delete it, if the viewer made it, administers its project or is an
/// administrator. It may be put only into a project that the viewer is in; an administrator may name any. Only an
/// administrator makes an assistant one for everyone, or takes that back.
///
/// An assistant reads the documents of the projects that its `knowledge` names. Nobody makes it read one that they are
/// not in themselves, administrators excepted; and a viewer gets of the list only those that are the viewer's too, which
/// are what an answer to the viewer may rest on. A viewer who sets the list leaves in it what is not shown to the viewer.
///
/// Rights are looked at within the statement or transaction that uses them: a right that was taken away before a write
/// returns has not been used.
#[async_trait]
pub trait AssistantStore: Send + Sync + 'static {
    /// Stores an assistant that comes with the server, unless there is one of its id.
    async fn ensure_assistant(&self, assistant: Assistant) -> Result<(), StoreError>;

    /// Stores a new assistant. Its creator must be the viewer; its `slug` is decided by the other argument.
    async fn add_assistant(
        &self,
        viewer: Viewer,
        assistant: Assistant,
        slug: Slug,
    ) -> Result<(), AssistantWriteError>;

    /// Applies a change to the assistant as it is stored at that moment: of two changes at once, each keeps what the
    /// other set and it did not.
    async fn change_assistant(
        &self,
        viewer: Viewer,
        id: &str,
        change: AssistantChange,
        now: Timestamp,
    ) -> Result<(), AssistantWriteError>;

    /// Deletes an assistant. Nothing else refers to its row.
    async fn delete_assistant(&self, viewer: Viewer, id: &str) -> Result<(), AssistantWriteError>;

    /// The assistant of this id, if the viewer sees it.
    async fn assistant(&self, viewer: Viewer, id: &str) -> Result<Option<Assistant>, StoreError>;

    /// The assistant of this slug, if the viewer sees it.
    async fn assistant_by_slug(&self, viewer: Viewer, slug: &str) -> Result<Option<Assistant>, StoreError>;

    /// The assistant of this short id, if the viewer sees it.
    async fn assistant_by_short_id(&self, viewer: Viewer, id: &str) -> Result<Option<Assistant>, StoreError>;

    /// A page of those that the viewer sees.
    async fn assistants(&self, viewer: Viewer, query: AssistantQuery) -> Result<AssistantPage, StoreError>;
}
