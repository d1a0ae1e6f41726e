//! Alerting tells those who asked and may know, at once, and keeps account of who was told.
//!
//! It owns standing interests, the alerts made from them, each consumer's cursor, and acknowledgements; nobody else
//! reads its tables. It tails intake's journal, matches every accepted version against every interest, asks access whose
//! label decisions allow the match, stores the alerts together with the journal position, and delivers them over a
//! stream that resumes where the client's last receipt stands.
//!
//! What always holds:
//!
//! * A version is matched until its alerts are stored: they and the position are one transaction, and the same match is
//!   the same alert. (I4, I5)
//! * Nobody who may not read a version gets an alert of it, and the label is decided again at each delivery, at an epoch
//!   that is still in force when the bytes leave. (I2, I3)
//! * Nothing leaves before audit has recorded it; without audit the stream ends with UNAVAILABLE. (I1)
//! * The realm is part of every key: an interest of an exercise never meets a real version. (I7)
//!
//! What it refuses: interests that match everything, reading anybody's interests but the caller's own, and sending
//! to the actor what the actor did. An alert that may no longer be read leaves no gap in the numbers of deliveries:
//! numbers are given as alerts leave. A consumer has one stream: a newer one ends the older.
//!
//! It calls access (decisions, token keys, epoch), intake (journal) and audit (records).
//!
//! Rejected: a row per recipient and alert state (most states are derived from the cursor); deciding rights only at
//! acceptance (a revoked holder would still be told); a queue per open stream (memory would grow with slow readers).

mod app;
mod config;
mod convert;
mod error;
mod peers;
mod service;
mod status;
mod store;
mod worker;

use std::{path::Path, sync::Arc};

use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    lease::EpochLease,
    policy::Policies,
    run::{Deps, RunningService, StartError},
    server::Server,
    tasks::TaskGroup,
    tls::TlsIdentity,
    token::TokenVerifier,
};
use entente_persist::{DatabaseConfig, PageTokenKey};
use entente_proto::alerting::v1::alerting_service_server::AlertingServiceServer;
use tokio::sync::Notify;
use tonic::service::Routes;

pub use config::{AlertingConfig, Limits};

use crate::{
    app::{App, Parts},
    peers::{access::AccessClient, audit::AuditClient, intake::IntakeClient},
    service::Service,
    store::sqlite::SqliteStore,
    worker::Workers,
};

/// Full name of the proto service.
pub const SERVICE_NAME: &str = "entente.alerting.v1.AlertingService";

/// Starts the service: opens the store, binds the port, follows the journal. Peers may come up later.
///
/// # Errors
///
/// When the store, the identity or the port cannot be had, or an RPC has no policy.
pub async fn start(config: AlertingConfig, deps: Deps) -> Result<RunningService, StartError> {
    let identity = TlsIdentity::load(config.chassis.tls.clone(), config.chassis.trust_domain.clone())?;
    let tasks = TaskGroup::new("alerting");
    let store = SqliteStore::open(DatabaseConfig::at(config.data_dir.join("alerting.sqlite")))
        .map_err(StartError::other)?;
    let database = store.database().clone();
    let tokens = TokenVerifier::new(config.chassis.trust_domain.clone(), deps.clock.clone());
    let outbox_wake = Arc::new(Notify::new());
    let peer = |name: &str| -> Result<PeerChannel, StartError> {
        let address = config.chassis.peers.get(name).cloned().unwrap_or_default();
        Ok(client::connect(&PeerConfig { service: name.to_owned(), address }, &identity)?)
    };
    let audit = AuditClient::new(peer("audit")?, identity.spiffe_id());
    let parts = Parts {
        store: Arc::new(store),
        access: Arc::new(AccessClient::new(peer("access")?)),
        audit: Arc::new(audit),
        clock: deps.clock,
        lease: EpochLease::new(),
        limits: config.limits,
        page_tokens: page_token_key(&config.data_dir)?,
        outbox_wake: outbox_wake.clone(),
    };
    let app = Arc::new(App::build(parts).await.map_err(StartError::other)?);
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[SERVICE_NAME])?;
    let server = Server::new(
        "alerting",
        config.chassis.server.clone(),
        identity.clone(),
        policies,
        Some(tokens.clone()),
        deps.metrics,
    );
    let bound = server.bind().await?;
    let service = Service { app: app.clone(), tasks: tasks.clone() };
    let routes = Routes::new(AlertingServiceServer::new(service));
    let journal = Arc::new(IntakeClient::new(peer("intake")?));
    worker::spawn(Workers { app, journal, tokens, database, outbox_wake }, &tasks);
    identity.spawn_reloader(&tasks, client::RELOAD_EVERY);
    Ok(RunningService::new("alerting", bound.serve(routes, tasks)))
}

/// The key that seals page tokens, kept so that tokens survive a restart.
fn page_token_key(data_dir: &Path) -> Result<PageTokenKey, StartError> {
    PageTokenKey::load_or_create(&data_dir.join("page-token.key")).map_err(StartError::other)
}
