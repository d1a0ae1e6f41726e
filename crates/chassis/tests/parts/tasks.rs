//! Tasks and their owner.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use entente_chassis::tasks::TaskGroup;

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
