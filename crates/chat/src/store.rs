//! The port to everything durable that the core needs: whole operations, not a repository per noun.
//!
//! # Implementing a store
//!
//! Every operation is atomic and durable when it returns: a power cut right after loses nothing of it. Writers are
//! serialised: places in a conversation are given in commit order, and operations that share a commit see each other.
//! Every lookup is scoped by the account; there is no unscoped one. `testkit::store_suite` judges every implementation.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::grounding::Evidence;
use crate::ids::{AccountId, ConversationId, TurnId};
use crate::provider::{Role, Usage};
use crate::turn::{Dialect, IdempotencyKey, MessageRef, ModelName, Outcome, TurnEnd, TurnHead};
use crate::turn_log::Transcript;

/// Why the store could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Locked by somebody else for longer than we wait.
    #[error("the database is busy")]
    Busy,
    /// No space is left.
    #[error("the disk is full")]
    Full,
    /// Anything else; the text is for the log.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// How long a message counts on the limits of its account and its key.
pub const QUOTA_WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What has a limit of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// An account, over all its keys and tokens.
    Account,
    /// One API key.
    Key,
}

impl std::fmt::Display for Limited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Key => "API key",
        })
    }
}

/// Where a turn is placed in its conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// After the selected path, as it stands at the commit.
    Tip,
    /// At the beginning.
    Root,
    /// After this message.
    After(MessageRef),
    /// After the message of this id; absent: [`OpenError::ParentNotFound`].
    AfterId(String),
}

/// A message with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Unique per account.
    pub id: String,
    /// The text.
    pub content: String,
}

/// A message that the client brought along, to be stored before the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedMessage {
    /// The row that holds it.
    pub turn: TurnId,
    /// The message.
    pub message: NewMessage,
    /// User or assistant.
    pub role: Role,
}

/// One turn to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTurn {
    /// The new turn.
    pub turn: TurnId,
    /// Its public id; used before with another body: [`OpenError::Conflict`].
    pub name: String,
    /// Whose.
    pub account: AccountId,
    /// The API key that the caller has signed in by: the message counts on it too.
    pub key: Option<String>,
    /// How many messages the account may send in [`QUOTA_WINDOW`] if it has no limit of its own; `None`: any number.
    pub message_limit: Option<u32>,
    /// The dialect of the conversation.
    pub dialect: Dialect,
    /// The conversation's id, if it has to be made.
    pub conversation: ConversationId,
    /// The conversation's public id.
    pub conversation_name: String,
    /// What a conversation that has to be made is called.
    pub title: String,
    /// The conversation must be there: [`OpenError::ConversationNotFound`].
    pub must_exist: bool,
    /// Where it is placed.
    pub place: Place,
    /// Messages to store between the place and the question, in order.
    pub imports: Vec<ImportedMessage>,
    /// The question. `None`: the message at the place is answered anew. One whose id the conversation knows with the
    /// same text is answered anew; known with another text, or in another conversation: a conflict.
    pub question: Option<NewMessage>,
    /// The question with its markup.
    pub markup: Option<String>,
    /// The assistant's id.
    pub assistant: Option<String>,
    /// The answer's message id.
    pub answer_id: String,
    /// False: quota is reserved, and nothing else stored.
    pub keep: bool,
    /// What was asked for.
    pub asked: ModelName,
    /// What answers.
    pub answered_by: ModelName,
    /// Now.
    pub opened_at: Timestamp,
    /// The node that runs it.
    pub owner: String,
    /// SHA-256 of the request's body.
    pub request_hash: [u8; 32],
    /// Same key, same route, within 24 h: [`Opened::Repeat`], or a conflict if the body differs.
    pub idempotency: Option<IdempotencyKey>,
}

/// What opening came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is open. Boxed, for the other case is small.
    New(Box<NewTurn>),
    /// The same request was made before, as this turn.
    Repeat {
        /// The earlier turn's public id.
        name: String,
    },
}

/// An opened turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTurn {
    /// What is known of it.
    pub head: TurnHead,
    /// The last message of the path that the model is to read before the question; the question itself, where it is
    /// answered anew.
    pub follows: Option<MessageRef>,
}

/// Why a turn was not opened. Nothing of it is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// The id is taken by something else.
    #[error("{0}")]
    Conflict(&'static str),
    /// The account has no such conversation.
    #[error("conversation not found")]
    ConversationNotFound,
    /// The message to follow is not in this conversation.
    #[error("parent message not found")]
    ParentNotFound,
    /// A limit is reached.
    #[error("the message limit of this {of} is reached")]
    QuotaExceeded {
        /// Whose; of two the account's.
        of: Limited,
        /// Seconds until the window frees a message.
        retry_after: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The text of a running turn, to be saved on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Which turn; one that has ended is left as it is.
    pub turn: TurnId,
    /// The text so far.
    pub transcript: Transcript,
}

/// The end of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct CloseTurn {
    /// Which turn; one that has ended is left as it is.
    pub turn: TurnId,
    /// The whole text.
    pub transcript: Transcript,
    /// How it ended.
    pub end: TurnEnd,
    /// Nothing was produced through no fault of the caller's: the reserved message is given back.
    pub refund: bool,
}

/// A message on a path, as the prompt and the matching of lists see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMessage {
    /// Its place.
    pub at: MessageRef,
    /// Its id.
    pub id: String,
    /// User or assistant.
    pub role: Role,
    /// The text.
    pub content: String,
    /// Its turn runs, or failed without text: in the history, not in prompts.
    pub silent: bool,
}

/// A turn as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTurn {
    /// The dialect of its conversation.
    pub dialect: Dialect,
    /// What was known when it started.
    pub head: TurnHead,
    /// Its own question, if it has one.
    pub question: Option<String>,
    /// The text.
    pub transcript: Transcript,
    /// How it ended; `None` while it runs.
    pub end: Option<TurnEnd>,
}

/// A conversation, as far as its messages are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConversation {
    /// Its id.
    pub id: ConversationId,
    /// The last message of the selected path.
    pub tip: Option<MessageRef>,
    /// The latest opened turn that still runs, by public id.
    pub active_turn: Option<String>,
}

/// The state of a message in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageState {
    /// A user's message, or one that was brought along.
    Given,
    /// An answer that is being written.
    Running,
    /// An answer that has ended.
    Ended(Outcome),
}

/// A message of a history page.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryMessage {
    /// Its id.
    pub id: String,
    /// User or assistant.
    pub role: Role,
    /// The text.
    pub content: String,
    /// When it was stored, or its answer began.
    pub created_at: Timestamp,
    /// The message before it.
    pub parent_id: Option<String>,
    /// Ids of the messages with the same parent, this one included, in order of birth.
    pub sibling_ids: Vec<String>,
    /// How it stands.
    pub state: MessageState,
    /// The turn that it belongs to, by public id; `None` for one brought along.
    pub turn: Option<String>,
    /// What answered; for answers only.
    pub answered_by: Option<ModelName>,
    /// Tokens; for ended answers only.
    pub usage: Option<Usage>,
    /// What it rests on; for answers that documents were asked for.
    pub evidence: Option<Evidence>,
}

/// A page of a conversation's selected path, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// The messages.
    pub messages: Vec<HistoryMessage>,
    /// There are older ones: the id to ask `before`.
    pub next_before: Option<String>,
}

/// Everything durable that turns need.
#[async_trait]
pub trait TurnStore: Send + Sync + 'static {
    /// Checks access, reserves quota, stores imports and question and places the turn: one commit.
    async fn open_turn(&self, open: OpenTurn) -> Result<Opened, OpenError>;

    /// Saves running turns on the way: one commit for at most 256 of them. Turns that have ended are left as they are.
    async fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> Result<(), StoreError>;

    /// Records the end of a turn, once: a turn that has ended is left as it is.
    async fn close_turn(&self, close: CloseTurn) -> Result<(), StoreError>;

    /// Closes what a dead process left open, as interrupted at `now`, with the text it had. Returns how many.
    async fn close_interrupted(&self, owner: &str, now: Timestamp) -> Result<u64, StoreError>;

    /// The messages from the root to `from` (included), oldest first; only the newest within `byte_budget`.
    async fn path(
        &self,
        account: AccountId,
        from: MessageRef,
        byte_budget: usize,
    ) -> Result<Vec<PathMessage>, StoreError>;

    /// A conversation of the account by its public id.
    async fn conversation(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
    ) -> Result<Option<StoredConversation>, StoreError>;

    /// A turn of the account by its public id.
    async fn turn(&self, account: AccountId, name: &str) -> Result<Option<StoredTurn>, StoreError>;

    /// At most `limit` messages of the selected path, those before the message `before`, else the newest. `None`: the
    /// message is not on the path.
    async fn history(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Option<HistoryPage>, StoreError>;

    /// Answers if the store can be read.
    async fn ping(&self) -> Result<(), StoreError>;
}
