//! The one writer: takes what has come in while it was busy, and commits it together.

use std::sync::Mutex;

use chat::Tasks;
use chat::ids::AccountId;
use chat::store::{Checkpoint, CloseTurn, OpenError, OpenTurn, Opened, StoreError};
use identity::store::NewKey;
use jiff::Timestamp;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{open_turn, rows, store_error, values};

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
    EnsureAccount(AccountId, String, Timestamp, Reply<Stored<AccountId>>),
    AddKey(NewKey, Reply<Stored<()>>),
    RevokeKey(String, Timestamp, Reply<Stored<bool>>),
}

/// What an operation came to: known within the transaction, told after its commit.
enum Outcome {
    Opened(Result<Opened, OpenError>),
    Done,
    Count(u64),
    Account(AccountId),
    Changed(bool),
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

/// What fails together may hold alone: one bad operation must not take the others with it.
async fn commit_alone(connection: &mut SqliteConnection, group: &mut Vec<Operation>, error: &sqlx::Error) {
    let lonely = group.len() == 1;
    for operation in group.drain(..) {
        if lonely {
            tell_failure(operation, store_error(error));
            continue;
        }
        match commit(connection, std::slice::from_ref(&operation)).await {
            Ok(outcomes) => outcomes
                .into_iter()
                .zip([operation])
                .for_each(|(outcome, operation)| tell(operation, outcome)),
            Err(error) => tell_failure(operation, store_error(&error)),
        }
    }
}

async fn commit(connection: &mut SqliteConnection, group: &[Operation]) -> sqlx::Result<Vec<Outcome>> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut outcomes = Vec::with_capacity(group.len());
    let (mut checkpoints, mut closes) = (Vec::new(), Vec::new());
    for operation in group {
        outcomes.push(match operation {
            Operation::Open(open, _) => Outcome::Opened(open_turn::open_turn(&mut transaction, open).await?),
            Operation::Checkpoint(turns, _) => {
                checkpoints.extend(turns);
                Outcome::Done
            }
            Operation::Close(close, _) => {
                closes.push(close.as_ref());
                Outcome::Done
            }
            Operation::CloseInterrupted(owner, now, _) => {
                Outcome::Count(rows::close_interrupted(&mut transaction, owner, *now).await?)
            }
            Operation::EnsureAccount(id, name, now, _) => {
                Outcome::Account(rows::ensure_account(&mut transaction, *id, name, *now).await?)
            }
            Operation::AddKey(key, _) => {
                rows::add_key(&mut transaction, key).await?;
                Outcome::Done
            }
            Operation::RevokeKey(id, now, _) => {
                Outcome::Changed(rows::revoke_key(&mut transaction, id, *now).await?)
            }
        });
    }
    // Both leave a turn alone that has ended, so their order does not matter to a turn that has both.
    values::checkpoint(&mut transaction, &checkpoints).await?;
    values::close(&mut transaction, &closes).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// A caller that is gone needs no answer.
fn tell(operation: Operation, outcome: Outcome) {
    match (operation, outcome) {
        (Operation::Open(_, reply), Outcome::Opened(opened)) => drop(reply.send(opened)),
        (Operation::Checkpoint(_, reply) | Operation::Close(_, reply), _) => drop(reply.send(Ok(()))),
        (Operation::AddKey(_, reply), _) => drop(reply.send(Ok(()))),
        (Operation::CloseInterrupted(_, _, reply), Outcome::Count(count)) => drop(reply.send(Ok(count))),
        (Operation::EnsureAccount(_, _, _, reply), Outcome::Account(id)) => drop(reply.send(Ok(id))),
        (Operation::RevokeKey(_, _, reply), Outcome::Changed(changed)) => drop(reply.send(Ok(changed))),
        (operation, _) => {
            tell_failure(operation, StoreError::Failed("an outcome of another kind".to_owned()))
        }
    }
}

fn tell_failure(operation: Operation, error: StoreError) {
    match operation {
        Operation::Open(_, reply) => drop(reply.send(Err(OpenError::Store(error)))),
        Operation::Checkpoint(_, reply) | Operation::Close(_, reply) | Operation::AddKey(_, reply) => {
            drop(reply.send(Err(error)));
        }
        Operation::CloseInterrupted(_, _, reply) => drop(reply.send(Err(error))),
        Operation::EnsureAccount(_, _, _, reply) => drop(reply.send(Err(error))),
        Operation::RevokeKey(_, _, reply) => drop(reply.send(Err(error))),
    }
}
