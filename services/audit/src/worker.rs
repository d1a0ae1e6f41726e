//! Loops that run without a caller: the sequencer, the index that follows the log, old spans that are let go.

use std::{sync::Arc, time::Duration};

use entente_chassis::tasks::TaskGroup;

use tokio::sync::watch;

use crate::app::{App, Head, Sequencer};

/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// The log counts as quiet when nothing was appended for this long.
const INDEX_QUIET: Duration = Duration::from_millis(100);
/// Old spans are looked for at this pace.
const PRUNE_EVERY: Duration = Duration::from_secs(30);

/// Starts every loop in the group.
pub(crate) fn spawn(app: &Arc<App>, sequencer: Sequencer, tasks: &TaskGroup) {
    tasks.spawn("sequencer", sequencer.run(tasks.cancellation()));
    tasks.spawn("index", follow_log(app.clone(), tasks.clone()));
    tasks.spawn("spans", prune_spans(app.clone(), tasks.clone()));
}

async fn follow_log(app: Arc<App>, tasks: TaskGroup) {
    let mut heads = app.log.heads();
    loop {
        // Seen before looking: a head that comes meanwhile wakes the loop again.
        heads.borrow_and_update();
        match tasks.until_cancelled(app.index_records()).await {
            Some(Ok(true)) => {}
            Some(Ok(false)) => match tasks.until_cancelled(index_due(&app, &mut heads)).await {
                Some(true) => {}
                Some(false) | None => return,
            },
            Some(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "records could not be indexed");
                if tasks.pause(RETRY_PAUSE).await.is_none() {
                    return;
                }
            }
            None => return,
        }
    }
}

/// Waits until there is something to index and the time is right for it; false when the log has ended.
async fn index_due(app: &App, heads: &mut watch::Receiver<Arc<Head>>) -> bool {
    if heads.changed().await.is_err() {
        return false;
    }
    while !app.index_is_behind() {
        tokio::select! {
            () = app.index_wanted() => return true,
            changed = tokio::time::timeout(INDEX_QUIET, heads.changed()) => match changed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return false,
                Err(_) => return true,
            },
        }
    }
    true
}

async fn prune_spans(app: Arc<App>, tasks: TaskGroup) {
    while tasks.pause(PRUNE_EVERY).await.is_some() {
        loop {
            match app.prune_spans().await {
                Ok(true) if !tasks.cancellation().is_cancelled() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "old spans could not be removed"
                    );
                    break;
                }
            }
        }
    }
}
