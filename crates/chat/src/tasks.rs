//! All background work of the process: tracked, so that none of it outlives shutdown.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Spawns and awaits every task of ours. Cheap to clone; clones share one tracker.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    closing: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `work` in the background. It should end soon after [`Tasks::closing`] fires.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Counts as a task until it is dropped: taken before a look at [`Tasks::closing`], it keeps [`Tasks::close`] waiting
    /// for what is about to be spawned.
    pub(crate) fn hold(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    /// Fires when the process begins to stop.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// How many tasks are running.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Asks all tasks to end and waits at most `patience`. True if all of them ended.
    pub async fn close(&self, patience: Duration) -> bool {
        self.closing.cancel();
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait()).await.is_ok()
    }
}
