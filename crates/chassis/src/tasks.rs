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
    #[must_use]
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
    #[must_use]
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_what_a_task_does_last() {
        let group = TaskGroup::new("test");
        let done = Arc::new(AtomicUsize::new(0));
        let (tasks, count) = (group.clone(), done.clone());
        group.spawn("loop", async move {
            while tasks.pause(Duration::from_secs(60)).await.is_some() {}
            tokio::time::sleep(Duration::from_secs(1)).await;
            count.fetch_add(1, Ordering::SeqCst);
        });
        group.shutdown(PATIENCE).await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_stop_is_dropped_after_the_patience() {
        let group = TaskGroup::new("test");
        let held = Arc::new(());
        let inside = held.clone();
        group.spawn("stubborn", async move {
            std::future::pending::<()>().await;
            drop(inside);
        });
        let started = tokio::time::Instant::now();
        group.shutdown(PATIENCE).await;
        assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_and_not_the_group() {
        let group = TaskGroup::new("test");
        let tasks = group.clone();
        group.spawn("broken", async { panic!("on purpose") });
        group.spawn("sound", async move { tasks.cancellation().cancelled().await });
        group.shutdown(PATIENCE).await;
        assert_eq!(group.until_cancelled(std::future::pending::<()>()).await, None);
    }
}
