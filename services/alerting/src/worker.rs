//! Loops that run without a caller: the epoch lease, the token keys, the journal tail with its matching, held alerts,
//! the outbox. Each starts again after a pause when a peer fails; none buffers.

mod journal;

use std::{sync::Arc, time::Duration};

use entente_chassis::{call::Call, tasks::TaskGroup, token::TokenVerifier};
use entente_persist::{Database, outbox::OutboxWorker};
use tokio::sync::Notify;

use crate::{
    app::App,
    peers::{BACKGROUND_LIMIT, Journal},
    store::AuditEvent,
};

/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Token keys are asked for again at this pace, and at once when a token names an unknown one.
const KEYS_EVERY: Duration = Duration::from_secs(60);
/// Held alerts are looked at at this pace when the journal is silent; embargoes end on whole days.
const HELD_EVERY: Duration = Duration::from_secs(30);

/// What the loops work with.
pub(crate) struct Workers {
    pub(crate) app: Arc<App>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) tokens: TokenVerifier,
    pub(crate) database: Database,
    pub(crate) outbox_wake: Arc<Notify>,
}

/// Starts every loop in the group.
pub(crate) fn spawn(workers: Workers, tasks: &TaskGroup) {
    let Workers { app, journal, tokens, database, outbox_wake } = workers;
    tasks.spawn("epoch lease", hold_lease(app.clone(), tasks.clone()));
    tasks.spawn("token keys", refresh_keys(app.clone(), tokens, tasks.clone()));
    tasks.spawn("journal", journal::follow(app.clone(), journal, tasks.clone()));
    tasks.spawn("held alerts", release_held(app.clone(), tasks.clone()));
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
        let pause = match app.access.token_keys(&call).await {
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

async fn release_held(app: Arc<App>, tasks: TaskGroup) {
    loop {
        if let Err(error) = app.release_held().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "held alerts could not be released");
        }
        if tasks.pause(HELD_EVERY).await.is_none() {
            return;
        }
    }
}

async fn deliver_outbox(app: Arc<App>, database: Database, wake: Arc<Notify>, tasks: TaskGroup) {
    let deliver = |events: Vec<entente_persist::outbox::OutboxEvent>| {
        let app = app.clone();
        async move {
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
            if decoded.is_empty() {
                return Ok(());
            }
            let call = Call::background("outbox", BACKGROUND_LIMIT);
            app.audit.append(&call, &decoded).await.map(|_| ())
        }
    };
    OutboxWorker::run(database, deliver, tasks.cancellation(), wake).await;
}
