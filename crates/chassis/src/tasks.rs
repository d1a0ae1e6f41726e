//! Tasks with an owner: every loop that runs without a caller belongs to a group, and the group is waited for.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of one service; clones share it.
#[derive(Debug, Clone)]
pub struct TaskGroup {
    name: Arc<str>,
    tracker: TaskTracker,
    cancelled: CancellationToken,
    killed: CancellationToken,
}

impl TaskGroup {
    /// An empty group. The name is the service's, for the log.
    pub fn new(name: &str) -> TaskGroup {
        TaskGroup {
            name: name.into(),
            tracker: TaskTracker::new(),
            cancelled: CancellationToken::new(),
            killed: CancellationToken::new(),
        }
    }

    /// Runs a task until it ends. It is expected to end soon after the group is cancelled; a panic in it is logged and
    /// ends it alone.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let group = self.name.clone();
        let killed = self.killed.clone();
        self.tracker.spawn(async move {
            let guarded = AssertUnwindSafe(task).catch_unwind();
            match killed.run_until_cancelled(guarded).await {
                Some(Ok(())) => {}
                Some(Err(_)) => tracing::error!(%group, task = name, "a task panicked"),
                None => tracing::warn!(%group, task = name, "a task did not stop in time and was dropped"),
            }
        });
    }

    /// What tells a task to stop.
    pub fn cancellation(&self) -> CancellationToken {
        self.cancelled.clone()
    }

    /// The result of `work`, or `None` once the group is cancelled.
    pub async fn until_cancelled<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.cancelled.run_until_cancelled(work).await
    }

    /// Waits; `None` as soon as the group is cancelled.
    pub async fn pause(&self, duration: Duration) -> Option<()> {
        self.until_cancelled(tokio::time::sleep(duration)).await
    }

    /// Cancels the group and waits for every task. What still runs after `patience` is dropped where it stands.
    pub async fn shutdown(&self, patience: Duration) {
        self.cancelled.cancel();
        self.tracker.close();
        if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
            self.killed.cancel();
            self.tracker.wait().await;
        }
    }
}
