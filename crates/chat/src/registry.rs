//! The turns that run in this process, and the stops that came before their turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::ids::AccountId;
use crate::turn::TurnHead;
use crate::turn_log::{StopReason, TurnLog};

/// How long a stop waits for the turn that it overtook.
const MARK_LIFE: Duration = Duration::from_secs(60);
/// How many such stops an account may have waiting; the oldest gives way.
const MARKS_PER_ACCOUNT: usize = 100;

type Name = (AccountId, String);

/// Looked into when a turn starts, ends, is attached to or stopped; never while it streams.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    running: HashMap<Name, Arc<TurnLog>>,
    marks: HashMap<AccountId, VecDeque<(String, Instant)>>,
}

impl Inner {
    fn take_mark(&mut self, (account, name): &Name) -> bool {
        let Some(marks) = self.marks.get_mut(account) else { return false };
        marks.retain(|(_, made)| made.elapsed() < MARK_LIFE);
        let found = marks.iter().position(|(marked, _)| marked == name);
        found.map(|at| marks.remove(at));
        if marks.is_empty() {
            self.marks.remove(account);
        }
        found.is_some()
    }
}

impl Registry {
    /// Adds an open turn. One whose stop came first is told so at once.
    pub(crate) fn insert(&self, head: &TurnHead, log: &Arc<TurnLog>) {
        let name = name(head);
        let mut inner = self.lock();
        if inner.take_mark(&name) {
            log.stop(StopReason::Requested);
        }
        inner.running.insert(name, log.clone());
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Removes a turn whose end is stored.
    pub(crate) fn remove(&self, head: &TurnHead) {
        self.lock().running.remove(&name(head));
        self.changed.notify_waiters();
    }

    /// Fires when a turn is added or removed after this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// A running turn.
    pub(crate) fn find(&self, account: AccountId, name: &str) -> Option<Arc<TurnLog>> {
        self.lock().running.get(&(account, name.to_owned())).cloned()
    }

    /// Stops a running turn, or marks the name so that a turn opened under it is stopped.
    pub(crate) fn stop_or_mark(&self, account: AccountId, name: &str) -> Option<Arc<TurnLog>> {
        let mut inner = self.lock();
        if let Some(log) = inner.running.get(&(account, name.to_owned())) {
            log.stop(StopReason::Requested);
            return Some(log.clone());
        }
        let marks = inner.marks.entry(account).or_default();
        marks.retain(|(marked, made)| marked != name && made.elapsed() < MARK_LIFE);
        if marks.len() == MARKS_PER_ACCOUNT {
            marks.pop_front();
        }
        marks.push_back((name.to_owned(), Instant::now()));
        None
    }

    /// All that run.
    pub(crate) fn running(&self) -> Vec<Arc<TurnLog>> {
        self.lock().running.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(head: &TurnHead) -> Name {
    (head.account, head.name.clone())
}
