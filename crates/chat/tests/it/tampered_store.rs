//! [`TamperedStore`]: the real store, with commits that wait or fail where a test says so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat::ids::{AccountId, ConversationId, TurnId};
use chat::store::{
    Checkpoint, CloseTurn, HistoryPage, OpenError, OpenTurn, Opened, PathMessage, StoreError,
    StoredConversation, StoredTurn, TurnStore,
};
use chat::turn::{Dialect, MessageRef};
use jiff::Timestamp;
use store::SqliteStore;
use tokio::sync::watch;

/// Something that waits at a shut gate, and can be seen to wait.
pub(crate) struct Gate {
    is_open: watch::Sender<bool>,
    arrived: watch::Sender<usize>,
}

impl Gate {
    fn new() -> Self {
        Self { is_open: watch::Sender::new(true), arrived: watch::Sender::new(0) }
    }

    pub(crate) fn shut(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Waits until so many have come to the gate, shut or open.
    pub(crate) async fn until_arrived(&self, count: usize) {
        self.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.unwrap();
    }

    async fn pass(&self) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        self.is_open.subscribe().wait_for(|is_open| *is_open).await.unwrap();
    }
}

pub(crate) struct TamperedStore {
    pub(crate) real: Arc<SqliteStore>,
    pub(crate) opens: Gate,
    /// Behind the commit of a new turn, before its task knows.
    pub(crate) opened: Gate,
    pub(crate) closes: Gate,
    pub(crate) paths: Gate,
    /// So many ends fail before one is recorded.
    pub(crate) failing_closes: AtomicUsize,
    /// Turns whose message was given back with their end.
    pub(crate) refunds: Mutex<Vec<TurnId>>,
    /// Checkpoints that are committed.
    pub(crate) saved: watch::Sender<usize>,
}

impl TamperedStore {
    pub(crate) fn new(real: Arc<SqliteStore>) -> Self {
        Self {
            real,
            opens: Gate::new(),
            opened: Gate::new(),
            closes: Gate::new(),
            paths: Gate::new(),
            failing_closes: AtomicUsize::new(0),
            refunds: Mutex::default(),
            saved: watch::Sender::new(0),
        }
    }
}

#[async_trait]
impl TurnStore for TamperedStore {
    async fn open_turn(&self, open: OpenTurn) -> Result<Opened, OpenError> {
        self.opens.pass().await;
        let opened = self.real.open_turn(open).await?;
        if matches!(opened, Opened::New(_)) {
            self.opened.pass().await;
        }
        Ok(opened)
    }

    async fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> Result<(), StoreError> {
        self.real.checkpoint(checkpoints).await?;
        self.saved.send_modify(|saved| *saved += 1);
        Ok(())
    }

    async fn close_turn(&self, close: CloseTurn) -> Result<(), StoreError> {
        self.closes.pass().await;
        let fails = self
            .failing_closes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok();
        if fails {
            return Err(StoreError::Failed("told to".to_owned()));
        }
        if close.refund {
            self.refunds.lock().unwrap().push(close.turn);
        }
        self.real.close_turn(close).await
    }

    async fn close_interrupted(&self, owner: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.real.close_interrupted(owner, now).await
    }

    async fn path(
        &self,
        account: AccountId,
        from: MessageRef,
        byte_budget: usize,
    ) -> Result<Vec<PathMessage>, StoreError> {
        self.paths.pass().await;
        self.real.path(account, from, byte_budget).await
    }

    async fn conversation(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
    ) -> Result<Option<StoredConversation>, StoreError> {
        self.real.conversation(account, dialect, name).await
    }

    async fn turn(&self, account: AccountId, name: &str) -> Result<Option<StoredTurn>, StoreError> {
        self.real.turn(account, name).await
    }

    async fn history(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Option<HistoryPage>, StoreError> {
        self.real.history(account, conversation, before, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.real.ping().await
    }
}
