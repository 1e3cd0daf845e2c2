//! Conversations as a whole: listed, shown with everything in them, renamed, pinned, deleted by their owners.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::engine::{Chat, check_scope};
use crate::error::Error;
use crate::grounding::{Citation, Evidence};
use crate::ids::{AccountId, ConversationId, TurnId};
use crate::principal::Principal;
use crate::provider::Usage;
use crate::store::StoreError;
use crate::turn::{Dialect, MessageRef, ModelName, Outcome};

/// A conversation without what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: ConversationId,
    /// Its public id.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// Kept at hand by its owner.
    pub pinned: bool,
    /// The short id of the assistant that answers in it; none where each question names one.
    pub bot: Option<String>,
    /// The ids of the assistants that were asked, in the order of their first turns.
    pub assistants: Vec<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When a turn was last opened, or the conversation renamed or pinned.
    pub updated_at: Timestamp,
}

/// A conversation with every turn in it, those beside the selected path too, in the order in which they were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The conversation.
    pub summary: Summary,
    /// Its turns.
    pub turns: Vec<RecordedTurn>,
}

/// A turn of a [`Record`]. A message that the client brought along is one with a question or an answer alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTurn {
    /// Its id.
    pub id: TurnId,
    /// The message that it follows.
    pub parent: Option<MessageRef>,
    /// What was asked, if the turn has a question of its own.
    pub question: Option<RecordedQuestion>,
    /// What was answered.
    pub answer: Option<RecordedAnswer>,
    /// The id of the assistant that was asked.
    pub assistant: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// A question as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedQuestion {
    /// The text.
    pub text: String,
    /// The same with the client's markup.
    pub markup: Option<String>,
}

/// An answer, whole or as far as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// Its id.
    pub id: String,
    /// The text.
    pub text: String,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// Tokens spent.
    pub usage: Usage,
    /// What answered; `None` for an answer that was brought along.
    pub answered_by: Option<ModelName>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Record {
    /// The number of each turn's question, counted from 0 along the path that leads to it. Questions that stand beside
    /// each other have the same one, and an answer has its question's.
    pub fn numbers(&self) -> Vec<usize> {
        // How many questions there are on the way from the root to the end of a turn's question, or of its parent.
        let mut questions: HashMap<TurnId, usize> = HashMap::with_capacity(self.turns.len());
        let mut numbers = Vec::with_capacity(self.turns.len());
        for turn in &self.turns {
            // Turns stand in the order of their commits, so a parent comes before what follows it.
            let before = turn.parent.and_then(|parent| questions.get(&parent.turn)).copied().unwrap_or(0);
            let count = before + usize::from(turn.question.is_some());
            questions.insert(turn.id, count);
            numbers.push(count.saturating_sub(1));
        }
        numbers
    }
}

/// A conversation to make, in which nothing is said yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConversation {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub account: AccountId,
    /// The dialect that it belongs to.
    pub dialect: Dialect,
    /// Its public id; nobody else's of the account.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// The short id of the assistant that answers in it.
    pub bot: String,
    /// Now.
    pub created_at: Timestamp,
}

/// A message by itself, as lists of messages show it. An answer is one once it has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The conversation's public id.
    pub conversation: String,
    /// The text.
    pub text: String,
    /// When it was asked, or the answer began.
    pub at: Timestamp,
    /// What is known of an answer; none for a question.
    pub answer: Option<AnswerEnd>,
}

/// How an answer came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerEnd {
    /// How.
    pub outcome: Outcome,
    /// Tokens spent.
    pub usage: Usage,
    /// What answered; `None` for an answer that was brought along.
    pub answered_by: Option<ModelName>,
    /// What it rests on, if documents were asked.
    pub evidence: Option<Evidence>,
}

/// A part of a list, and how long the whole is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The part.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

/// Which conversations are listed; what is left out is no matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this public id.
    pub name: Option<String>,
    /// This assistant answers in it, by its short id.
    pub bot: Option<String>,
    /// A part of what it is called, in any case.
    pub keyword: Option<String>,
}

/// What comes first in a list of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The last changed.
    Changed,
    /// The last opened.
    Opened,
}

/// What an owner changes; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// What it is called.
    pub title: Option<String>,
    /// Whether it is kept at hand.
    pub pinned: Option<bool>,
    /// The short id of the assistant that answers in it.
    pub bot: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// So many are skipped.
    pub offset: u32,
    /// At most so many are given.
    pub limit: u32,
}

/// Everything durable about conversations as a whole. Durable when it returns, and scoped, as `chat::store` says.
#[async_trait]
pub trait ConversationStore: Send + Sync + 'static {
    /// The account's conversations.
    async fn conversations(
        &self,
        account: AccountId,
        dialect: Dialect,
        filter: Filter,
        order: Order,
        page: Page,
    ) -> Result<Listed<Summary>, StoreError>;

    /// Stores a conversation in which nothing is said yet.
    async fn add_conversation(&self, new: NewConversation) -> Result<(), StoreError>;

    /// The messages of one of the account's conversations, or of all, the last stored first. An answer that is still
    /// written is not among them.
    async fn messages(
        &self,
        account: AccountId,
        dialect: Dialect,
        conversation: Option<&str>,
        page: Page,
    ) -> Result<Listed<Message>, StoreError>;

    /// A message of the account by its id, if it would be listed.
    async fn message(
        &self,
        account: AccountId,
        dialect: Dialect,
        id: &str,
    ) -> Result<Option<Message>, StoreError>;

    /// What answers after the turn of this number rest on, the oldest first, with the numbers of their turns; of one
    /// account or of all. Without answers that rest on nothing.
    async fn citations(
        &self,
        account: Option<AccountId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Vec<Citation>)>, StoreError>;

    /// A conversation of the account with everything in it, as of one moment.
    async fn record(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
    ) -> Result<Option<Record>, StoreError>;

    /// Changes a conversation of the account. False if there is none of this name.
    async fn change_conversation(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
        change: Change,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Deletes a conversation of the account with all its turns; what they cost stays counted. False if there is none of
    /// this name.
    async fn delete_conversation(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
    ) -> Result<bool, StoreError>;
}

/// The conversations of this server, each its owner's alone. Cheap to clone.
#[derive(Clone)]
pub struct Conversations {
    store: Arc<dyn ConversationStore>,
    chat: Chat,
    clock: Arc<dyn Clock>,
}

impl Conversations {
    /// Over a store that `chat` writes turns into.
    pub fn new(store: Arc<dyn ConversationStore>, chat: Chat, clock: Arc<dyn Clock>) -> Self {
        Self { store, chat, clock }
    }

    /// The caller's conversations. Who is anonymous has none to list.
    pub async fn list(
        &self,
        principal: &Principal,
        dialect: Dialect,
        filter: Filter,
        order: Order,
        page: Page,
    ) -> Result<Listed<Summary>, Error> {
        check_scope(principal)?;
        if principal.is_anonymous() {
            return Ok(Listed { items: Vec::new(), total: 0 });
        }
        Ok(self.store.conversations(principal.account(), dialect, filter, order, page).await?)
    }

    /// A conversation of the caller's without what was said.
    pub async fn summary(
        &self,
        principal: &Principal,
        dialect: Dialect,
        name: &str,
    ) -> Result<Summary, Error> {
        let filter = Filter { name: Some(name.to_owned()), ..Filter::default() };
        let one = Page { offset: 0, limit: 1 };
        self.list(principal, dialect, filter, Order::Opened, one).await?.items.pop().ok_or_else(absent)
    }

    /// Makes a conversation of the caller's under the public id `name`, in which the assistant of the short id `bot`
    /// answers. That there is one is for the caller to see to.
    pub async fn create(
        &self,
        principal: &Principal,
        dialect: Dialect,
        name: String,
        title: String,
        bot: String,
    ) -> Result<(), Error> {
        check_scope(principal)?;
        let id = ConversationId::new(self.clock.as_ref());
        let (account, created_at) = (principal.account(), self.clock.now());
        let new = NewConversation { id, account, dialect, name, title, bot, created_at };
        Ok(self.store.add_conversation(new).await?)
    }

    /// The messages of one of the caller's conversations, or of all, the last stored first.
    pub async fn messages(
        &self,
        principal: &Principal,
        dialect: Dialect,
        conversation: Option<&str>,
        page: Page,
    ) -> Result<Listed<Message>, Error> {
        check_scope(principal)?;
        Ok(self.store.messages(principal.account(), dialect, conversation, page).await?)
    }

    /// A message of the caller's by its id.
    pub async fn message(&self, principal: &Principal, dialect: Dialect, id: &str) -> Result<Message, Error> {
        check_scope(principal)?;
        let found = self.store.message(principal.account(), dialect, id).await?;
        found.ok_or_else(|| Error::not_found("message"))
    }

    /// What the caller's answers after the turn of this number rest on, the oldest first, with the numbers of their
    /// turns. For administrators and the command line everybody's.
    pub async fn citations(
        &self,
        principal: &Principal,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Vec<Citation>)>, Error> {
        check_scope(principal)?;
        let is_of_all = principal.is_admin() || principal.is_command_line();
        let account = (!is_of_all).then(|| principal.account());
        Ok(self.store.citations(account, after, limit).await?)
    }

    /// A conversation of the caller's with everything in it.
    pub async fn get(&self, principal: &Principal, dialect: Dialect, name: &str) -> Result<Record, Error> {
        check_scope(principal)?;
        self.store.record(principal.account(), dialect, name).await?.ok_or_else(absent)
    }

    /// Renames or pins a conversation of the caller's, or lets another assistant answer in it.
    pub async fn change(
        &self,
        principal: &Principal,
        dialect: Dialect,
        name: &str,
        change: Change,
    ) -> Result<(), Error> {
        check_scope(principal)?;
        let now = self.clock.now();
        let account = principal.account();
        let found = self.store.change_conversation(account, dialect, name, change, now).await?;
        found.then_some(()).ok_or_else(absent)
    }

    /// Deletes a conversation of the caller's; what runs in it is stopped first.
    pub async fn delete(&self, principal: &Principal, dialect: Dialect, name: &str) -> Result<(), Error> {
        let conversation = self.chat.conversation(principal, dialect, name).await?;
        self.chat.stop_all(conversation.id).await;
        let found = self.store.delete_conversation(principal.account(), dialect, name).await?;
        found.then_some(()).ok_or_else(absent)
    }
}

fn absent() -> Error {
    Error::not_found("conversation")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::turn::Side;

    fn turn(parent: Option<(&RecordedTurn, Side)>, asks: bool) -> RecordedTurn {
        let question = || RecordedQuestion { text: "?".to_owned(), markup: None };
        RecordedTurn {
            id: TurnId::new(&SystemClock),
            parent: parent.map(|(turn, side)| MessageRef { turn: turn.id, side }),
            question: asks.then(question),
            answer: None,
            assistant: None,
            opened_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn questions_beside_each_other_have_the_same_number() {
        let first = turn(None, true);
        let second = turn(Some((&first, Side::Answer)), true);
        let beside_second = turn(Some((&first, Side::Answer)), true);
        let answered_anew = turn(Some((&second, Side::Question)), false);
        let third = turn(Some((&answered_anew, Side::Answer)), true);
        let beside_first = turn(None, true);
        let summary = Summary {
            id: ConversationId::new(&SystemClock),
            name: "c".to_owned(),
            title: "?".to_owned(),
            pinned: false,
            bot: None,
            assistants: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let turns = vec![first, second, beside_second, answered_anew, third, beside_first];
        assert_eq!(Record { summary, turns }.numbers(), [0, 1, 1, 1, 2, 0]);
    }
}
