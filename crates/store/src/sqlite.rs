//! The embedded store: one SQLite file in WAL mode, one writer with group commit, readers beside it.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use chat::Tasks;
use chat::clock::Clock;
use chat::conversations::{
    Change, ConversationStore, Filter, Listed, Message, NewConversation, Order, Page, Record, Summary,
};
use chat::grounding::Citation;
use chat::ids::{AccountId, ConversationId};
use chat::store::{
    Checkpoint, CloseTurn, HistoryPage, OpenError, OpenTurn, Opened, PathMessage, StoreError,
    StoredConversation, StoredTurn, TurnStore,
};
use chat::turn::{Dialect, MessageRef};
use chat::usage::{DayUsage, UsageStore};
use jiff::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, SqlSafeStr, SqliteConnection};

use crate::data_dir::DataDir;
use conversations::{Named, Write};
use writer::{Operation, Writer};

mod assistants;
mod conversations;
mod evidence;
mod identity;
mod knowledge;
mod messages;
mod open_turn;
mod quota;
mod read;
mod rows;
mod tasks;
mod usage;
mod values;
mod writer;

/// How long a statement waits for a lock that somebody else holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that read. Reads are short, and no reader holds one while a stream runs.
const READERS: u32 = 4;
/// Multi-row statements come in as many shapes as there are row counts; all of them stay prepared.
const STATEMENT_CACHE: usize = 256;

const MIGRATIONS: [(i64, &str, &str); 12] = [
    (1, "first chat", include_str!("../migrations/0001_first_chat.sql")),
    (2, "identity", include_str!("../migrations/0002_identity.sql")),
    (3, "assistants", include_str!("../migrations/0003_assistants.sql")),
    (4, "own assistants", include_str!("../migrations/0004_own_assistants.sql")),
    (5, "conversations", include_str!("../migrations/0005_conversations.sql")),
    (6, "bots and tickets", include_str!("../migrations/0006_bots_and_tickets.sql")),
    (7, "limits", include_str!("../migrations/0007_limits.sql")),
    (8, "own projects", include_str!("../migrations/0008_own_projects.sql")),
    (9, "evidence", include_str!("../migrations/0009_evidence.sql")),
    (10, "knowledge", include_str!("../migrations/0010_knowledge.sql")),
    (11, "tasks", include_str!("../migrations/0011_tasks.sql")),
    (12, "knowledge of assistants", include_str!("../migrations/0012_knowledge_of_assistants.sql")),
];

/// Why the database can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// A later version of the program has written it.
    #[error(
        "the database has schema {found}, this program knows {known}; run the newer program, or restore the backup \
         that it made beside the database"
    )]
    Newer {
        /// The schema in the file.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// It can't be read or migrated.
    #[error("the database can't be opened")]
    Failed(#[from] sqlx::Error),
    /// A migration failed; the file is as it was.
    #[error("the database can't be migrated; it is unchanged, and a backup lies beside it")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// The store of a data directory.
pub struct SqliteStore {
    readers: SqlitePool,
    writer: Writer,
    tasks: Tasks,
    /// Keeps the lock for as long as the store lives.
    _data_dir: DataDir,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the database, after a backup if it has to be migrated, and starts the writer.
    pub async fn open(data_dir: DataDir, clock: &dyn Clock) -> Result<Self, OpenStoreError> {
        Self::open_with_patience(data_dir, clock, BUSY_TIMEOUT).await
    }

    /// As [`SqliteStore::open`], with another limit than five seconds to how long a lock of somebody else's is waited for.
    pub async fn open_with_patience(
        data_dir: DataDir,
        clock: &dyn Clock,
        busy_timeout: Duration,
    ) -> Result<Self, OpenStoreError> {
        let options = connect_options(&data_dir).busy_timeout(busy_timeout);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        migrate(&mut connection, data_dir.path(), clock.now()).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(busy_timeout)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        let tasks = Tasks::new();
        let writer = Writer::start(connection, &tasks);
        Ok(Self { readers, writer, tasks, _data_dir: data_dir })
    }

    /// Ends the writer once it has committed what it was given, and closes the file.
    pub async fn close(&self) {
        self.writer.close();
        self.tasks.close(BUSY_TIMEOUT * 2).await;
        self.readers.close().await;
    }
}

fn connect_options(data_dir: &DataDir) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(data_dir.database())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENT_CACHE)
}

async fn migrate(
    connection: &mut SqliteConnection,
    dir: &Path,
    now: Timestamp,
) -> Result<(), OpenStoreError> {
    let known = MIGRATIONS.last().map_or(0, |(version, _, _)| *version);
    let migrated: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')")
            .fetch_one(&mut *connection)
            .await?;
    if migrated {
        let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&mut *connection)
            .await?;
        if found > known {
            return Err(OpenStoreError::Newer { found, known });
        }
        if found < known {
            let backup = dir.join(format!("latimer.db.schema-{found}.{}.backup", now.as_millisecond()));
            sqlx::query("VACUUM INTO ?").bind(backup.to_string_lossy()).execute(&mut *connection).await?;
            tracing::info!(backup = %backup.display(), "backed up the database before migrating it");
        }
    }
    migrator(&MIGRATIONS).run(connection).await?;
    Ok(())
}

fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

/// Sorts a database error by what a caller can do about it.
fn store_error(error: &sqlx::Error) -> StoreError {
    // Primary result codes: https://sqlite.org/rescode.html
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const FULL: i32 = 13;
    let code =
        error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
    match code.map(|code| code & 0xff) {
        Some(BUSY | LOCKED) => StoreError::Busy,
        Some(FULL) => StoreError::Full,
        _ if matches!(error, sqlx::Error::PoolTimedOut) => StoreError::Busy,
        _ => StoreError::Failed(error.to_string()),
    }
}

#[async_trait]
impl TurnStore for SqliteStore {
    async fn open_turn(&self, open: OpenTurn) -> Result<Opened, OpenError> {
        self.writer.ask(|reply| Operation::Open(Box::new(open), reply)).await?
    }

    async fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> Result<(), StoreError> {
        self.writer.ask(|reply| Operation::Checkpoint(checkpoints, reply)).await?
    }

    async fn close_turn(&self, close: CloseTurn) -> Result<(), StoreError> {
        self.writer.ask(|reply| Operation::Close(Box::new(close), reply)).await?
    }

    async fn close_interrupted(&self, owner: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.writer.ask(|reply| Operation::CloseInterrupted(owner.to_owned(), now, reply)).await?
    }

    async fn path(
        &self,
        account: AccountId,
        from: MessageRef,
        byte_budget: usize,
    ) -> Result<Vec<PathMessage>, StoreError> {
        read::path(&self.readers, account, from, byte_budget).await.map_err(|error| store_error(&error))
    }

    async fn conversation(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
    ) -> Result<Option<StoredConversation>, StoreError> {
        read::conversation(&self.readers, account, dialect, name).await.map_err(|error| store_error(&error))
    }

    async fn turn(&self, account: AccountId, name: &str) -> Result<Option<StoredTurn>, StoreError> {
        read::turn(&self.readers, account, name).await.map_err(|error| store_error(&error))
    }

    async fn history(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Option<HistoryPage>, StoreError> {
        let page = read::history(&self.readers, account, conversation, before, limit).await;
        page.map_err(|error| store_error(&error))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let read = sqlx::query("SELECT 1").execute(&self.readers).await;
        read.map(|_| ()).map_err(|error| store_error(&error))
    }
}

#[async_trait]
impl UsageStore for SqliteStore {
    async fn usage(&self, from: Timestamp, until: Timestamp) -> Result<Vec<DayUsage>, StoreError> {
        usage::usage(&self.readers, from, until).await.map_err(|error| store_error(&error))
    }
}

#[async_trait]
impl ConversationStore for SqliteStore {
    async fn conversations(
        &self,
        account: AccountId,
        dialect: Dialect,
        filter: Filter,
        order: Order,
        page: Page,
    ) -> Result<Listed<Summary>, StoreError> {
        let listed = conversations::list(&self.readers, account, dialect, &filter, order, page).await;
        listed.map_err(|error| store_error(&error))
    }

    async fn add_conversation(&self, new: NewConversation) -> Result<(), StoreError> {
        self.write_conversation(Write::Add(new)).await.map(drop)
    }

    async fn messages(
        &self,
        account: AccountId,
        dialect: Dialect,
        conversation: Option<&str>,
        page: Page,
    ) -> Result<Listed<Message>, StoreError> {
        let listed = messages::list(&self.readers, account, dialect, conversation, page).await;
        listed.map_err(|error| store_error(&error))
    }

    async fn message(
        &self,
        account: AccountId,
        dialect: Dialect,
        id: &str,
    ) -> Result<Option<Message>, StoreError> {
        messages::one(&self.readers, account, dialect, id).await.map_err(|error| store_error(&error))
    }

    async fn citations(
        &self,
        account: Option<AccountId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Vec<Citation>)>, StoreError> {
        evidence::citations(&self.readers, account, after, limit).await.map_err(|error| store_error(&error))
    }

    async fn record(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
    ) -> Result<Option<Record>, StoreError> {
        let record = conversations::record(&self.readers, account, dialect, name).await;
        record.map_err(|error| store_error(&error))
    }

    async fn change_conversation(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
        change: Change,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let named = Named { account, dialect, name: name.to_owned() };
        self.write_conversation(Write::Change(named, change, now)).await
    }

    async fn delete_conversation(
        &self,
        account: AccountId,
        dialect: Dialect,
        name: &str,
    ) -> Result<bool, StoreError> {
        let named = Named { account, dialect, name: name.to_owned() };
        self.write_conversation(Write::Delete(named)).await
    }
}

impl SqliteStore {
    async fn write_conversation(&self, write: Write) -> Result<bool, StoreError> {
        self.writer.ask(|reply| Operation::Conversation(write, reply)).await?
    }
}

#[cfg(test)]
mod tests {
    use ::identity::store::KeyStore as _;
    use chat::assistants::{AssistantStore as _, DEFAULT_SHORT_ID, Viewer};

    use super::*;

    #[tokio::test]
    async fn a_commit_survives_a_power_cut() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::lock(dir.path()).unwrap();
        let mut writer = SqliteConnection::connect_with(&connect_options(&data_dir)).await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut writer).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut writer).await.unwrap();
        let foreign_keys: bool =
            sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut writer).await.unwrap();
        assert_eq!((journal.as_str(), synchronous, foreign_keys), ("wal", 2, true), "2 is FULL");
    }
    #[tokio::test]
    async fn keys_from_before_there_were_scopes_are_good_for_everything_but_administration() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::lock(dir.path()).unwrap();
        let clock = testkit::ManualClock::new();
        let mut before = SqliteConnection::connect_with(&connect_options(&data_dir)).await.unwrap();
        migrator(&MIGRATIONS[..1]).run(&mut before).await.unwrap();
        let rows = "INSERT INTO accounts (id, name, created_at) VALUES (x'00112233445566778899aabbccddeeff', 'ada', 0); \
                    INSERT INTO api_keys (id, account, label, hash, created_at) \
                    VALUES ('key_1', x'00112233445566778899aabbccddeeff', 'laptop', zeroblob(32), 0)";
        sqlx::raw_sql(rows).execute(&mut before).await.unwrap();
        before.close().await.unwrap();

        let store = SqliteStore::open(data_dir, &clock).await.unwrap();
        let owner = store.key_owner([0; 32]).await.unwrap().unwrap();
        assert_eq!((owner.scopes, owner.is_admin, owner.expires_at), (chat::Scopes::EVERYDAY, false, None));
    }

    #[tokio::test]
    async fn what_was_counted_before_keys_had_limits_is_usage() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::lock(dir.path()).unwrap();
        let clock = testkit::ManualClock::new();
        let mut before = SqliteConnection::connect_with(&connect_options(&data_dir)).await.unwrap();
        migrator(&MIGRATIONS[..5]).run(&mut before).await.unwrap();
        let rows = "INSERT INTO accounts (id, name, created_at) VALUES (x'0a', 'ada', 0); \
                    INSERT INTO conversations (id, account, dialect, name, created_at, updated_at) \
                    VALUES (x'0b', x'0a', 'codmir', 'sess_1', 0, 0); \
                    INSERT INTO turns (id, account, conversation, answered_provider, answered_model, prompt_tokens, \
                    completion_tokens, opened_at) VALUES (x'0c', x'0a', x'0b', 'p', 'm', 11, 22, 0); \
                    INSERT INTO quota_ledger VALUES (x'0c', x'0a', 7), (x'0d', x'0a', 8)";
        sqlx::raw_sql(rows).execute(&mut before).await.unwrap();
        before.close().await.unwrap();

        let store = SqliteStore::open(data_dir, &clock).await.unwrap();
        let usage = store.usage(Timestamp::UNIX_EPOCH, clock.now()).await.unwrap();
        let told = usage.iter().map(|usage| (usage.model.is_some(), usage.turns, usage.prompt_tokens));
        assert_eq!(told.collect::<Vec<_>>(), [(false, 1, 0), (true, 1, 11)]);
    }

    #[tokio::test]
    async fn the_assistant_from_before_people_made_any_stays_everyones() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::lock(dir.path()).unwrap();
        let clock = testkit::ManualClock::new();
        let mut before = SqliteConnection::connect_with(&connect_options(&data_dir)).await.unwrap();
        migrator(&MIGRATIONS[..3]).run(&mut before).await.unwrap();
        let rows = "INSERT INTO assistants (id, slug, name, description, project, instructions, for_everyone, created_at) \
                    VALUES ('a', 'assistant', 'Assistant', 'Answers.', 'default', 'Be kind.', 1, 7)";
        sqlx::raw_sql(rows).execute(&mut before).await.unwrap();
        before.close().await.unwrap();

        let store = SqliteStore::open(data_dir, &clock).await.unwrap();
        let viewer = Viewer { account: AccountId::new(&clock), is_admin: false };
        let seen = store.assistant_by_slug(viewer, "assistant").await.unwrap().unwrap();
        assert_eq!((seen.name.as_str(), seen.instructions.as_str()), ("Assistant", "Be kind."));
        assert_eq!((seen.is_global, seen.creator, seen.project), (true, None, None));
        assert_eq!((seen.created_at.as_millisecond(), seen.updated_at.as_millisecond()), (7, 7));
    }

    #[tokio::test]
    async fn accounts_and_assistants_from_before_there_were_bots_get_what_new_ones_have() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::lock(dir.path()).unwrap();
        let clock = testkit::ManualClock::new();
        let mut before = SqliteConnection::connect_with(&connect_options(&data_dir)).await.unwrap();
        migrator(&MIGRATIONS[..5]).run(&mut before).await.unwrap();
        let rows = "INSERT INTO accounts (id, name, created_at) VALUES (x'00112233445566778899aabbccddeeff', 'ada', 7)";
        sqlx::raw_sql(rows).execute(&mut before).await.unwrap();
        for id in ["05959338-06de-477d-9cc3-08369f858057", "05959338-06de-477d-9cc3-08369f858058"] {
            let assistant = "INSERT INTO assistants (id, slug, name, folded_name, folded_description, sort_name, \
                             description, instructions, starters, categories, is_react, shared, is_global, created_at, \
                             updated_at) VALUES (?1, ?1, '', '', '', '', '', '', '', '', 0, 0, 1, 0, 0)";
            sqlx::query(assistant).bind(id).execute(&mut before).await.unwrap();
        }
        before.close().await.unwrap();

        let store = SqliteStore::open(data_dir, &clock).await.unwrap();

        let account =
            AccountId::from_bytes(*b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff");
        let all = Page { offset: 0, limit: 9 };
        let found =
            store.conversations(account, Dialect::Cody, Filter::default(), Order::Opened, all).await.unwrap();
        let [first] = found.items.try_into().unwrap();
        assert_eq!((first.name.as_str(), first.bot.as_deref()), ("string", Some(DEFAULT_SHORT_ID)));
        let viewer = Viewer { account, is_admin: false };
        let default = store.assistant_by_short_id(viewer, DEFAULT_SHORT_ID).await.unwrap().unwrap();
        assert_eq!(default.id, "05959338-06de-477d-9cc3-08369f858057");
        let other = store.assistant(viewer, "05959338-06de-477d-9cc3-08369f858058").await.unwrap().unwrap();
        assert!(other.short_id.len() == 12 && other.short_id != DEFAULT_SHORT_ID, "{}", other.short_id);
    }
}
