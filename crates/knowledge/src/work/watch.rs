//! Following a task: where it is at once, then whenever something has changed, until its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat::store::StoreError;
use tokio::sync::watch::{Receiver, Sender};

use super::Shared;
use crate::store::{Status, Task};

/// How long changes are gathered.
const PACE: Duration = Duration::from_millis(500);

/// Who follows which task.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<HashMap<String, Sender<()>>>);

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The task with the count of its files.
    pub task: Task,
    /// How much there is of its project.
    pub status: Status,
}

/// Follows a task.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    task: String,
    /// None once the task has ended.
    changes: Option<Receiver<()>>,
    is_told: bool,
}

impl Watched {
    pub(super) fn follow(&self, task: &str) -> Receiver<()> {
        self.senders().entry(task.to_owned()).or_default().subscribe()
    }

    pub(super) fn tell(&self, task: &str) {
        if let Some(followed) = self.senders().get(task) {
            followed.send_replace(());
        }
    }

    /// The task has ended.
    pub(super) fn forget(&self, task: &str) {
        self.senders().remove(task);
    }

    /// Forgets tasks that nobody follows any more.
    fn tidy(&self) {
        self.senders().retain(|_, followed| followed.receiver_count() > 0);
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<String, Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>, task: &str) -> Self {
        let changes = Some(shared.watched.follow(task));
        Self { shared, task: task.to_owned(), changes, is_told: false }
    }

    /// Where the task is: at once, and then after a change. Nothing after its end, when the process stops, and without
    /// such a task.
    pub async fn next(&mut self) -> Result<Option<Progress>, StoreError> {
        if self.is_told && !self.has_changed().await {
            return Ok(None);
        }
        let Some(task) = self.shared.store.task(&self.task).await? else { return Ok(None) };
        self.is_told = true;
        if task.end.is_some() {
            self.changes = None;
        }
        let status = self.shared.library.status(&task.project).await?;
        Ok(Some(Progress { task, status }))
    }

    /// Waits for a change; false if there will be none.
    async fn has_changed(&mut self) -> bool {
        let Some(changes) = &mut self.changes else { return false };
        let gathered = async {
            let is_going_on = changes.changed().await.is_ok();
            // The end is not waited for.
            let rest = async { while changes.changed().await.is_ok() {} };
            is_going_on && tokio::time::timeout(PACE, rest).await.is_err()
        };
        match self.shared.closing.run_until_cancelled(gathered).await {
            Some(true) => true,
            // The end is told, but nothing behind it.
            Some(false) => self.changes.take().is_some(),
            None => false,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.changes = None;
        self.shared.watched.tidy();
    }
}
