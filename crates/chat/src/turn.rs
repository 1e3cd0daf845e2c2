//! The words of a turn: what is asked, what is known when it starts, how it ends.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, ErrorKind};
use crate::grounding::Citation;
use crate::ids::{AccountId, ConversationId, TurnId};
use crate::provider::{FinishReason, Role, Usage};

/// The foreign API that a conversation was opened in. Conversations are found only through the one that opened them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `/api/chat…`
    Codmir,
    /// `/code-assistant-api/…`
    CodeMie,
    /// `/api/v1/…`
    Cody,
}

/// Which half of a turn a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// What was asked.
    Question,
    /// What was answered.
    Answer,
}

/// A message by its place: the turn it is part of, and which half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageRef {
    /// The turn.
    pub turn: TurnId,
    /// Which half.
    pub side: Side,
}

/// A message that the caller sent along in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMessage {
    /// The client's id for it, if it gave one.
    pub id: Option<String>,
    /// Who speaks; never [`Role::System`].
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// One new message; the conversation goes before it.
    Message {
        /// The client's id for it. Known with the same text: its question is answered anew. With other text: a conflict.
        id: Option<String>,
        /// The text.
        content: String,
        /// Where it is asked.
        follows: Follows,
    },
    /// The whole conversation as the client sees it: the model reads exactly this.
    Transcript(Vec<ListedMessage>),
}

/// Where a new message is placed in its conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follows {
    /// After the selected path.
    Tip,
    /// After the message of this id.
    Message(String),
    /// In the place of the selected path's question of this number, counted from 0, which stays beside it. One past the
    /// last is the tip.
    Question(usize),
}

/// What an answer must be like, as the caller has asked for it. It is held back until it is so.
pub trait AnswerForm: std::fmt::Debug + Send + Sync {
    /// What the model is told of it, after all other instructions.
    fn instructions(&self) -> String;

    /// The answer as it is told to the caller, or what is wrong with it, in words for the model.
    fn accept(&self, answer: &str) -> Result<String, String>;
}

/// What happens when the last reader leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnread {
    /// Stop at once: the client can't come back.
    Cancel,
    /// Go on: the client can resume.
    Continue,
}

/// The client's key for "this is the same request again".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The route that it counts for.
    pub route: &'static str,
    /// 1 to 255 visible ASCII characters.
    pub key: String,
}

/// All that a dialect says to start a turn.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// Who speaks.
    pub dialect: Dialect,
    /// The conversation's public id. One that the account lacks is opened under it.
    pub conversation: Option<String>,
    /// Whether the account must have the conversation already.
    pub must_exist: bool,
    /// The turn's public id, if the client chose it: unique per account.
    pub name: Option<String>,
    /// What is asked.
    pub input: Input,
    /// The id of the answer's message, if the dialect's ids have a form of their own.
    pub answer_id: Option<String>,
    /// The same as the client showed it, with its markup, to be given back in histories.
    pub markup: Option<String>,
    /// The id of the assistant that is asked, to be given back in histories.
    pub assistant: Option<String>,
    /// Instructions to the model, before everything else.
    pub instructions: Option<String>,
    /// The provider that the caller names.
    pub provider: Option<String>,
    /// The model that the caller names.
    pub model: Option<String>,
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// 0 to 1: only the likeliest words that together have this share are chosen from.
    pub top_p: Option<f32>,
    /// At least 1.
    pub max_tokens: Option<u32>,
    /// The idempotency key, if there is one.
    pub idempotency: Option<IdempotencyKey>,
    /// SHA-256 of the raw body: tells a repeat from another request under the same name or key.
    pub request_hash: [u8; 32],
    /// What a vanished reader means.
    pub when_unread: WhenUnread,
    /// False: the model reads the conversation, and nothing of this turn is stored but that it counts.
    pub keep: bool,
    /// What the answer must be like.
    pub form: Option<Arc<dyn AnswerForm>>,
    /// The ids of the projects whose documents the answer rests on; the caller may read them.
    pub projects: Vec<String>,
}

/// What is known of a turn when it starts; the payload of its first event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnHead {
    /// The turn.
    pub turn: TurnId,
    /// Whose it is.
    pub account: AccountId,
    /// Its public id.
    pub name: String,
    /// The conversation.
    pub conversation: ConversationId,
    /// The conversation's public id.
    pub conversation_name: String,
    /// The question's message id. `None`: the parent is answered anew.
    pub question_id: Option<String>,
    /// The answer's message id.
    pub answer_id: String,
    /// The message that the turn follows.
    pub parent_id: Option<String>,
    /// What the caller asked for, to be echoed.
    pub asked: ModelName,
    /// What answers.
    pub answered_by: ModelName,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl TurnHead {
    /// The user's message that is answered: the turn's own question, or the parent that is answered anew.
    pub fn user_message_id(&self) -> Option<&str> {
        self.question_id.as_deref().or(self.parent_id.as_deref())
    }
}

/// A model of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName {
    /// Such as `openai`.
    pub provider: String,
    /// Such as `gpt-5`.
    pub model: String,
}

impl std::fmt::Display for ModelName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The model ended by itself.
    Finished(FinishReason),
    /// Somebody stopped it, or nobody was left to read it.
    Stopped,
    /// It failed; its text is what had come so far.
    Failed(Failure),
}

/// Why a turn failed, in a form that can be stored and told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// A sentence for the caller.
    pub message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { kind: error.kind, message: error.message }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, failure.message)
    }
}

impl Failure {
    /// The server was killed or stopped while the turn ran.
    pub fn interrupted() -> Self {
        Self {
            kind: ErrorKind::Interrupted,
            message: "the server stopped while this answer was being written; send the message again"
                .to_owned(),
        }
    }
}

/// The end of a turn; the payload of its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnEnd {
    /// How.
    pub outcome: Outcome,
    /// Tokens spent.
    pub usage: Usage,
    /// When.
    pub ended_at: Timestamp,
}

/// One event of a turn, lent from its log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TurnEvent<'log> {
    /// The turn is open. Always the first.
    Started(&'log TurnHead),
    /// A piece of the model's reasoning.
    ReasoningDelta(&'log str),
    /// A piece of the answer.
    TextDelta(&'log str),
    /// What a place in the answer rests on. After all text.
    Cited(&'log Citation),
    /// The turn has ended, and its record is committed. Always the last.
    Ended(&'log TurnEnd),
}
