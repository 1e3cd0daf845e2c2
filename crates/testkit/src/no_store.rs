//! A store that keeps nothing: for measuring what the engine costs without one.

use async_trait::async_trait;
use chat::ids::{AccountId, ConversationId};
use chat::store::{
    Checkpoint, CloseTurn, HistoryPage, NewTurn, OpenError, OpenTurn, Opened, PathMessage, StoreError,
    StoredConversation, StoredTurn, TurnStore,
};
use chat::turn::{Dialect, MessageRef, TurnHead};
use jiff::Timestamp;

/// Opens every turn in a new conversation, forgets what it is told and finds nothing. It breaks the promise of
/// `chat::store` on purpose, and no test of behavior may use it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

#[async_trait]
impl TurnStore for NoStore {
    async fn open_turn(&self, open: OpenTurn) -> Result<Opened, OpenError> {
        let head = TurnHead {
            turn: open.turn,
            account: open.account,
            name: open.name,
            conversation: open.conversation,
            conversation_name: open.conversation_name,
            question_id: open.question.map(|question| question.id),
            answer_id: open.answer_id,
            parent_id: None,
            asked: open.asked,
            answered_by: open.answered_by,
            opened_at: open.opened_at,
        };
        Ok(Opened::New(Box::new(NewTurn { head, follows: None })))
    }

    async fn checkpoint(&self, _: Vec<Checkpoint>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close_turn(&self, _: CloseTurn) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close_interrupted(&self, _: &str, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn path(&self, _: AccountId, _: MessageRef, _: usize) -> Result<Vec<PathMessage>, StoreError> {
        Ok(Vec::new())
    }

    async fn conversation(
        &self,
        _: AccountId,
        _: Dialect,
        _: &str,
    ) -> Result<Option<StoredConversation>, StoreError> {
        Ok(None)
    }

    async fn turn(&self, _: AccountId, _: &str) -> Result<Option<StoredTurn>, StoreError> {
        Ok(None)
    }

    async fn history(
        &self,
        _: AccountId,
        _: ConversationId,
        _: Option<&str>,
        _: usize,
    ) -> Result<Option<HistoryPage>, StoreError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
