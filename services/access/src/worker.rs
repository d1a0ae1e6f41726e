//! Loops that run without a caller: what audit must know, the token keys, the outbox, a registry that could not be read,
//! answers nobody asks for again. Each starts again after a pause when something fails; none buffers.

use std::{sync::Arc, time::Duration};

use entente_chassis::{call::Call, tasks::TaskGroup, token::TokenVerifier};
use entente_persist::{Database, outbox::OutboxWorker};
use tokio::sync::Notify;

use crate::{
    app::App,
    peers::{Authority, BACKGROUND_LIMIT},
    store::AuditEvent,
};

/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Pace at which the age of the token keys is looked at; the shortest thing that hangs on it takes a minute.
const KEYS_EVERY: Duration = Duration::from_secs(20);
/// Pace at which a registry that is not known is read again, and at which that is looked for.
const RELOAD_EVERY: Duration = Duration::from_millis(200);
/// Pace at which old answers are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How long a request may be repeated and gets its first answer.
const ANSWERS_KEPT_MS: i64 = 24 * 3_600 * 1_000;

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
    tasks.spawn("authority of audit", keep_audit_informed(app.clone(), tasks.clone()));
    tasks.spawn("token keys", rotate_keys(app.clone(), tokens, tasks.clone()));
    tasks.spawn("registry", reload_unknown(app.clone(), tasks.clone()));
    tasks.spawn("old answers", forget_answers(app.clone(), tasks.clone()));
    tasks.spawn("outbox", deliver_outbox(app, database, outbox_wake, tasks.clone()));
}

/// Audit calls nobody, so it is told: keys and epoch, at each change and as often as a service renews its lease. It holds
/// a lease as a service does.
async fn keep_audit_informed(app: Arc<App>, tasks: TaskGroup) {
    let held = app.leases.join();
    let mut changes = app.leases.changes();
    let mut ticket = Vec::new();
    // What is on the way for longer is given up, so that a change of rights waits for it no longer.
    let limit = app.leases.lease() / 2;
    loop {
        let keys_changed = app.keys_changed.notified();
        tokio::pin!(keys_changed);
        keys_changed.as_mut().enable();
        changes.mark_unchanged();
        let mut pause = app.leases.renew_every();
        // Audit counts from its ticket, which it made before this word was sent.
        if let Some(epoch) = held.grant() {
            let (keys, lease) = (app.keys.public_keys(), app.leases.lease());
            let authority = Authority { keys, epoch, lease, ticket: ticket.clone() };
            let call = Call::background("install_authority", limit);
            match tokio::time::timeout(limit, app.audit.install(&call, &authority)).await {
                Ok(Ok(installed)) => {
                    held.acknowledge(epoch);
                    ticket = installed.ticket;
                    if installed.lease_left < limit {
                        // The ticket was old, or of another process: the new one is worth a whole lease.
                        pause = Duration::ZERO;
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "audit could not be told the epoch");
                    pause = pause.min(RETRY_PAUSE);
                }
                Err(_) => tracing::debug!("audit did not answer in time"),
            }
        }
        tokio::select! {
            slept = tasks.pause(pause) => if slept.is_none() { return },
            _ = changes.changed() => {}
            () = keys_changed => {}
        }
    }
}

async fn rotate_keys(app: Arc<App>, tokens: TokenVerifier, tasks: TaskGroup) {
    while tasks.pause(KEYS_EVERY).await.is_some() {
        if let Err(error) = app.rotate_keys().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the token keys could not be rotated and recorded"
            );
        }
        tokens.set_keys(app.keys.public_keys());
    }
}

async fn reload_unknown(app: Arc<App>, tasks: TaskGroup) {
    while tasks.pause(RELOAD_EVERY).await.is_some() {
        if !app.is_unknown() {
            continue;
        }
        if let Err(error) = app.reload_if_unknown().await {
            tracing::error!(error = &error as &dyn std::error::Error, "the registry could not be read");
        }
    }
}

async fn forget_answers(app: Arc<App>, tasks: TaskGroup) {
    loop {
        if let Err(error) = app.store.forget_answers(app.now_ms().saturating_sub(ANSWERS_KEPT_MS)).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old answers could not be forgotten");
        }
        if tasks.pause(FORGET_EVERY).await.is_none() {
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
