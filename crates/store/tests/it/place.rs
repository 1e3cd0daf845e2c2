//! A data directory that is gone after the test, and a second look at its database from outside.

use std::path::Path;
use std::time::Duration;

use chat::assistants::AssistantStore;
use chat::clock::Clock as _;
use chat::conversations::ConversationStore;
use chat::ids::{AccountId, ConversationId, TurnId};
use chat::store::{NewMessage, OpenTurn, Place, TurnStore};
use chat::turn::{Dialect, ModelName};
use chat::usage::UsageStore;
use identity::store::{AccountStore, IssuerStore, KeyStore, TicketStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use store::{DataDir, OpenStoreError, SqliteStore};
use tempfile::TempDir;
use testkit::ManualClock;
use testkit::store_suite::StoreUnderTest;

pub(crate) struct DataPlace {
    dir: TempDir,
    pub(crate) clock: ManualClock,
}

impl DataPlace {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: ManualClock::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        self.try_open().await.unwrap()
    }

    /// A store with two projects, `ours` and `theirs`.
    pub(crate) async fn open_with_projects(&self) -> SqliteStore {
        let store = self.open().await;
        let account = self.account(&store).await;
        for project in ["ours", "theirs"] {
            store.ensure_own_project(project, account, project, self.clock.now()).await.unwrap();
        }
        store
    }

    pub(crate) async fn try_open(&self) -> Result<SqliteStore, OpenStoreError> {
        SqliteStore::open(DataDir::lock(self.path()).unwrap(), &self.clock).await
    }

    /// A store that gives up on a locked database after `patience`.
    pub(crate) async fn open_with_patience(&self, patience: Duration) -> SqliteStore {
        let data_dir = DataDir::lock(self.path()).unwrap();
        SqliteStore::open_with_patience(data_dir, &self.clock, patience).await.unwrap()
    }

    /// A connection of somebody else's.
    pub(crate) async fn outside(&self) -> SqliteConnection {
        let options =
            SqliteConnectOptions::new().filename(self.path().join("latimer.db")).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub(crate) async fn account(&self, store: &SqliteStore) -> AccountId {
        store.ensure_account(AccountId::new(&self.clock), "ada", self.clock.now()).await.unwrap()
    }

    /// A turn with a question, in one conversation.
    pub(crate) fn ask(&self, account: AccountId, name: &str) -> OpenTurn {
        let model = ModelName { provider: "p".to_owned(), model: "m".to_owned() };
        OpenTurn {
            turn: TurnId::new(&self.clock),
            name: name.to_owned(),
            account,
            key: None,
            message_limit: None,
            dialect: Dialect::Codmir,
            conversation: ConversationId::new(&self.clock),
            conversation_name: "sess_1".to_owned(),
            title: "A title".to_owned(),
            must_exist: false,
            place: Place::Tip,
            imports: Vec::new(),
            question: Some(NewMessage { id: format!("{name}-question"), content: "hello".to_owned() }),
            markup: None,
            assistant: None,
            keep: true,
            answer_id: format!("{name}-answer"),
            asked: model.clone(),
            answered_by: model,
            opened_at: self.clock.now(),
            owner: "node-1".to_owned(),
            request_hash: [1; 32],
            idempotency: None,
        }
    }
}

/// An empty store for the suite.
pub(crate) struct FreshStore {
    store: SqliteStore,
    /// Goes with the store.
    _place: DataPlace,
}

impl FreshStore {
    pub(crate) async fn new() -> Self {
        let place = DataPlace::new();
        Self { store: place.open().await, _place: place }
    }
}

impl StoreUnderTest for FreshStore {
    fn turns(&self) -> &dyn TurnStore {
        &self.store
    }

    fn assistants(&self) -> &dyn AssistantStore {
        &self.store
    }

    fn conversations(&self) -> &dyn ConversationStore {
        &self.store
    }

    fn usage(&self) -> &dyn UsageStore {
        &self.store
    }

    fn keys(&self) -> &dyn KeyStore {
        &self.store
    }

    fn accounts(&self) -> &dyn AccountStore {
        &self.store
    }

    fn issuer(&self) -> &dyn IssuerStore {
        &self.store
    }

    fn tickets(&self) -> &dyn TicketStore {
        &self.store
    }
}
