//! The one writer: takes what has come in while it was busy, and commits it together.

use std::sync::Mutex;

use chat::Tasks;
use chat::store::{Checkpoint, CloseTurn, OpenError, OpenTurn, Opened, StoreError};
use jiff::Timestamp;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::identity::{self, Change, Changed};
use super::{assistants, conversations, knowledge, open_turn, rows, store_error, tasks, values};

/// At most this many operations share a commit.
const GROUP: usize = 256;
/// Operations that may wait; beyond it, callers wait with them.
const QUEUE: usize = 4096;

type Reply<T> = oneshot::Sender<T>;
type Stored<T> = Result<T, StoreError>;

pub(super) enum Operation {
    Open(Box<OpenTurn>, Reply<Result<Opened, OpenError>>),
    Checkpoint(Vec<Checkpoint>, Reply<Stored<()>>),
    Close(Box<CloseTurn>, Reply<Stored<()>>),
    CloseInterrupted(String, Timestamp, Reply<Stored<u64>>),
    Identity(Box<Change>, Reply<Stored<Changed>>),
    Assistant(assistants::Write, Reply<Stored<assistants::Written>>),
    Conversation(conversations::Write, Reply<Stored<bool>>),
    Knowledge(Box<knowledge::Write>, Reply<Stored<Option<u64>>>),
    Task(Box<tasks::Write>, Reply<Stored<()>>),
}

/// What an operation came to: known within the transaction, told after its commit.
enum Outcome {
    Opened(Result<Opened, OpenError>),
    Done,
    Count(u64),
    Changed(Changed),
    Found(bool),
    Written(assistants::Written),
    Version(Option<u64>),
}

pub(super) struct Writer {
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Operation>>>,
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection, tasks: &Tasks) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tasks.spawn(write(connection, receiver));
        Self { queue: Mutex::new(Some(sender)) }
    }

    /// Hands an operation over and waits for its commit.
    pub(super) async fn ask<T>(&self, operation: impl FnOnce(Reply<T>) -> Operation) -> Stored<T> {
        let closed = || StoreError::Failed("the store is closed".to_owned());
        let queue = self.lock().clone().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        queue.send(operation(reply)).await.map_err(|_| closed())?;
        drop(queue);
        answer.await.map_err(|_| closed())
    }

    /// Hands over what may be lost, and waits for nothing.
    pub(super) fn hint<T>(&self, operation: impl FnOnce(Reply<T>) -> Operation) {
        let (reply, _) = oneshot::channel();
        if let Some(queue) = self.lock().as_ref() {
            let _a_full_queue_has_more_important_things = queue.try_send(operation(reply));
        }
    }

    pub(super) fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Operation>>> {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn write(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Operation>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        match commit(&mut connection, &group).await {
            Ok(outcomes) => {
                group.drain(..).zip(outcomes).for_each(|(operation, outcome)| tell(operation, outcome))
            }
            Err(error) => {
                tracing::debug!(%error, operations = group.len(), "a group commit failed; trying its parts alone");
                commit_alone(&mut connection, &mut group, &error).await;
            }
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database was not closed cleanly");
    }
}

/// What fails together may hold alone: one bad operation must not take the others with it. A lock of somebody else's is
/// waited for once, not by each of them in turn.
async fn commit_alone(connection: &mut SqliteConnection, group: &mut Vec<Operation>, error: &sqlx::Error) {
    let error = store_error(error);
    let is_hopeless = group.len() == 1 || matches!(error, StoreError::Busy);
    let mut refusal = is_hopeless.then_some(error);
    for operation in group.drain(..) {
        if let Some(error) = &refusal {
            tell_failure(operation, error.clone());
            continue;
        }
        match commit(connection, std::slice::from_ref(&operation)).await {
            Ok(outcomes) => outcomes
                .into_iter()
                .zip([operation])
                .for_each(|(outcome, operation)| tell(operation, outcome)),
            Err(error) => {
                let error = store_error(&error);
                refusal = matches!(error, StoreError::Busy).then(|| error.clone());
                tell_failure(operation, error);
            }
        }
    }
}

/// Not `sqlx::Transaction`: SQLite ends a transaction by itself when the disk is full, and sqlx would believe for ever
/// that it is inside one.
async fn commit(connection: &mut SqliteConnection, group: &[Operation]) -> sqlx::Result<Vec<Outcome>> {
    let outcomes = transact(connection, group).await;
    if outcomes.is_err() {
        let _none_was_open = sqlx::query("ROLLBACK").execute(connection).await;
    }
    outcomes
}

async fn transact(db: &mut SqliteConnection, group: &[Operation]) -> sqlx::Result<Vec<Outcome>> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
    let mut outcomes = Vec::with_capacity(group.len());
    let (mut checkpoints, mut closes) = (Vec::new(), Vec::new());
    for operation in group {
        outcomes.push(match operation {
            Operation::Open(open, _) => Outcome::Opened(open_turn::open_turn(db, open).await?),
            Operation::Checkpoint(turns, _) => {
                checkpoints.extend(turns);
                Outcome::Done
            }
            Operation::Close(close, _) => {
                closes.push(close.as_ref());
                Outcome::Done
            }
            Operation::CloseInterrupted(owner, now, _) => {
                Outcome::Count(rows::close_interrupted(db, owner, *now).await?)
            }
            Operation::Assistant(write, _) => Outcome::Written(assistants::apply(db, write).await?),
            Operation::Conversation(write, _) => Outcome::Found(conversations::apply(db, write).await?),
            Operation::Knowledge(write, _) => Outcome::Version(knowledge::apply(db, write).await?),
            Operation::Task(write, _) => {
                tasks::apply(db, write).await?;
                Outcome::Done
            }
            Operation::Identity(change, _) => Outcome::Changed(identity::apply(db, change).await?),
        });
    }
    // Both leave a turn alone that has ended, so their order does not matter to a turn that has both.
    values::checkpoint(db, &checkpoints).await?;
    values::close(db, &closes).await?;
    sqlx::query("COMMIT").execute(db).await?;
    Ok(outcomes)
}

/// A caller that is gone needs no answer.
fn tell(operation: Operation, outcome: Outcome) {
    match (operation, outcome) {
        (Operation::Open(_, reply), Outcome::Opened(opened)) => drop(reply.send(opened)),
        (Operation::Checkpoint(_, reply) | Operation::Close(_, reply) | Operation::Task(_, reply), _) => {
            drop(reply.send(Ok(())));
        }
        (Operation::Assistant(_, reply), Outcome::Written(written)) => drop(reply.send(Ok(written))),
        (Operation::CloseInterrupted(_, _, reply), Outcome::Count(count)) => drop(reply.send(Ok(count))),
        (Operation::Conversation(_, reply), Outcome::Found(found)) => drop(reply.send(Ok(found))),
        (Operation::Identity(_, reply), Outcome::Changed(changed)) => drop(reply.send(Ok(changed))),
        (Operation::Knowledge(_, reply), Outcome::Version(version)) => drop(reply.send(Ok(version))),
        (operation, _) => {
            tell_failure(operation, StoreError::Failed("an outcome of another kind".to_owned()))
        }
    }
}

fn tell_failure(operation: Operation, error: StoreError) {
    match operation {
        Operation::Open(_, reply) => drop(reply.send(Err(OpenError::Store(error)))),
        Operation::Checkpoint(_, reply) | Operation::Close(_, reply) => drop(reply.send(Err(error))),
        Operation::Assistant(_, reply) => drop(reply.send(Err(error))),
        Operation::CloseInterrupted(_, _, reply) => drop(reply.send(Err(error))),
        Operation::Identity(_, reply) => drop(reply.send(Err(error))),
        Operation::Conversation(_, reply) => drop(reply.send(Err(error))),
        Operation::Knowledge(_, reply) => drop(reply.send(Err(error))),
        Operation::Task(_, reply) => drop(reply.send(Err(error))),
    }
}

#[cfg(test)]
mod tests {
    use ::identity::store::NewKey;
    use chat::Scopes;
    use chat::clock::Clock as _;
    use chat::ids::AccountId;
    use testkit::ManualClock;

    use super::*;
    use crate::data_dir::DataDir;
    use crate::sqlite::{connect_options, migrate};

    #[tokio::test]
    async fn a_full_disk_refuses_what_needs_space_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::lock(dir.path()).unwrap();
        let clock = ManualClock::new();
        let mut connection = SqliteConnection::connect_with(&connect_options(&data_dir)).await.unwrap();
        migrate(&mut connection, data_dir.path(), clock.now()).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut connection).await.unwrap();
        let limit = format!("PRAGMA max_page_count = {}", pages + 4);
        sqlx::raw_sql(sqlx::AssertSqlSafe(limit)).execute(&mut connection).await.unwrap();
        let tasks = Tasks::new();
        let writer = Writer::start(connection, &tasks);
        let now = clock.now();
        let account = AccountId::new(&clock);
        let change = async |change: Change| {
            writer.ask(|reply| Operation::Identity(Box::new(change), reply)).await.unwrap()
        };
        change(Change::EnsureAccount(account, "ada".to_owned(), now)).await.unwrap();
        let add = async |number: u8, label: String| {
            let key = NewKey {
                id: format!("key_{number}"),
                account,
                label,
                scopes: Scopes::EVERYDAY,
                hash: [number; 32],
                created_at: now,
                expires_at: None,
                message_limit: None,
            };
            change(Change::AddKey(key)).await
        };
        add(1, "small".to_owned()).await.unwrap();

        let refused = add(2, "x".repeat(100_000)).await;
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");

        add(3, "small".to_owned()).await.unwrap();
        let revoked = change(Change::RevokeKey("key_1".to_owned(), now)).await;
        assert!(matches!(revoked, Ok(Changed::Found(true))), "{revoked:?}");
    }
}
