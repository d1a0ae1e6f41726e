//! Loops that run without a caller: the epoch lease, the token keys, the text index, the outbox, answers to forget. Each
//! starts again after a pause when something fails; none buffers.

use std::{sync::Arc, time::Duration};

use entente_chassis::{call::Call, tasks::TaskGroup, token::TokenVerifier};
use entente_persist::{
    Database,
    outbox::{OutboxEvent, OutboxWorker},
};
use tokio::sync::Notify;

use crate::{app::App, peers::BACKGROUND_LIMIT, store::AuditEvent};

/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Token keys are asked for again at this pace, and at once when a token names an unknown one.
const KEYS_EVERY: Duration = Duration::from_secs(60);
/// Longest that events wait for a burst of submissions to pass; then many go in one call.
const OUTBOX_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Answers older than this are forgotten (the proto of `SubmitReportRequest`), at this pace.
const REQUESTS_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// What the loops work with.
pub(crate) struct Workers {
    pub(crate) app: Arc<App>,
    pub(crate) tokens: TokenVerifier,
    pub(crate) database: Database,
    pub(crate) outbox_wake: Arc<Notify>,
}

/// Starts every loop in the group.
pub(crate) fn spawn(workers: Workers, tasks: &TaskGroup) {
    let Workers { app, tokens, database, outbox_wake } = workers;
    tasks.spawn("epoch lease", hold_lease(app.clone(), tasks.clone()));
    tasks.spawn("token keys", refresh_keys(app.clone(), tokens, tasks.clone()));
    tasks.spawn("text index", follow_index(app.clone(), tasks.clone()));
    tasks.spawn("old requests", forget_requests(app.clone(), tasks.clone()));
    tasks.spawn("outbox", deliver_outbox(app, database, outbox_wake, tasks.clone()));
}

async fn hold_lease(app: Arc<App>, tasks: TaskGroup) {
    while let Some(ended) = tasks.until_cancelled(app.access.hold_lease(&app.lease)).await {
        if let Err(error) = ended {
            tracing::debug!(%error, "the epoch watch broke off");
        }
        if tasks.pause(RETRY_PAUSE).await.is_none() {
            return;
        }
    }
}

async fn refresh_keys(app: Arc<App>, tokens: TokenVerifier, tasks: TaskGroup) {
    loop {
        let call = Call::background("token_keys", BACKGROUND_LIMIT);
        let Some(keys) = tasks.until_cancelled(app.access.token_keys(&call)).await else { return };
        let pause = match keys {
            Ok(keys) => {
                tokens.set_keys(keys);
                KEYS_EVERY
            }
            Err(error) => {
                tracing::debug!(%error, "token keys could not be fetched");
                RETRY_PAUSE
            }
        };
        tokio::select! {
            slept = tasks.pause(pause) => if slept.is_none() { return },
            () = tokens.keys_wanted() => if tasks.pause(RETRY_PAUSE).await.is_none() { return },
        }
    }
}

async fn follow_index(app: Arc<App>, tasks: TaskGroup) {
    while let Some(wanted) = tasks.until_cancelled(app.index_wanted()).await {
        let indexed = match wanted {
            Ok(()) => app.index_texts().await,
            Err(error) => Err(error),
        };
        if let Err(error) = indexed {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the text index could not be brought up to date"
            );
            if tasks.pause(RETRY_PAUSE).await.is_none() {
                return;
            }
        }
    }
}

async fn forget_requests(app: Arc<App>, tasks: TaskGroup) {
    loop {
        let before_ms = app.now_ms().saturating_sub(REQUESTS_KEPT_MS);
        if let Err(error) = app.store.forget_requests(before_ms).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old requests could not be forgotten");
        }
        if tasks.pause(FORGET_EVERY).await.is_none() {
            return;
        }
    }
}

async fn deliver_outbox(app: Arc<App>, database: Database, wake: Arc<Notify>, tasks: TaskGroup) {
    let deliver = |events: Vec<OutboxEvent>| {
        let app = app.clone();
        async move {
            // Either way the events go: after the burst, or in the middle of it.
            let _ = tokio::time::timeout(OUTBOX_PAUSE_MAX, app.quiet()).await;
            // An event that does not decode would block every later one: it is logged and left out.
            let decoded: Vec<AuditEvent> = events
                .iter()
                .filter_map(|event| match serde_json::from_slice(&event.payload) {
                    Ok(event) => Some(event),
                    Err(error) => {
                        tracing::error!(%error, seq = event.seq, "an outbox event does not decode");
                        None
                    }
                })
                .collect();
            app.deliver_events(|| Call::background("outbox", BACKGROUND_LIMIT), decoded).await
        }
    };
    OutboxWorker::run(database, deliver, tasks.cancellation(), wake).await;
}
