//! Intake takes reports in, keeps them byte for byte, and gives each reader exactly what their labels allow.
//!
//! It owns reports in versions, the labels they carry, the signatures of their originators, the journal (the order in
//! which versions were accepted) and the text index; nobody else reads its tables. A submission is parsed, its label
//! resolved by access, hashed and signed off the writing thread, and stored in one transaction with its positions and
//! the events for audit. A read is decided per distinct label, not per row, and the set of allowed labels is part of the
//! query.
//!
//! What always holds:
//!
//! * Nothing leaves before audit has recorded it; without audit, reads fail and submissions go on. (I1)
//! * Pages, counts, errors and tokens are the same with everything deleted that the reader may not see. (I2)
//! * The epoch is looked at again after the record is written: rights that changed meanwhile let nothing leave. (I3)
//! * An acknowledged version is durable, with its position and its audit event. (I4)
//! * Each version is signed over its exact bytes and its label; the same key with other bytes or another label is
//!   refused, and only its originator is told. (I6)
//! * The realm is part of every key, and every label is of one realm. (I7)
//! * A position is given in the order of commits: who tails the journal never misses one.
//!
//! What it refuses: a report without a label, a label its submitter may not use, half a submission (unary), a page token
//! of another reader, query or epoch. It takes no ranks and facets: they would tell of what is hidden.
//!
//! It calls access (labels, decisions, token keys, epoch) and audit (records).
//!
//! Rejected: filtering after the query (leaks by counts, page sizes and time); a unique index over the full key (wide
//! and random; 64 bits of hash lead to the row, which is compared in full); the text index in the transaction of the
//! submission (it would halve the rate; searches wait for it instead); a signature per version (one per small tree costs a
//! hundredth); storing audit items twice (the outbox names positions, the items are read when they are delivered).

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
    server::{BULK_MESSAGE_BYTES_MAX, Server},
    tasks::TaskGroup,
    tls::TlsIdentity,
    token::TokenVerifier,
};
use entente_persist::PageTokenKey;
use entente_proto::intake::v1::intake_service_server::IntakeServiceServer;
use tokio::sync::Notify;
use tonic::service::Routes;

pub use config::{IntakeConfig, Limits};

use crate::{
    app::{App, OriginatorKeys, Parts},
    peers::{access::AccessClient, audit::AuditClient},
    service::Service,
    store::sqlite::SqliteStore,
    worker::Workers,
};

/// Full name of the proto service.
pub const SERVICE_NAME: &str = "entente.intake.v1.IntakeService";
/// Largest message taken: 4 MiB of content, and the labels and ids of 2,000 items.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Starts the service: opens the store, binds the port, holds the lease. Peers may come up later.
///
/// # Errors
///
/// When the store, the identity or the port cannot be had, or an RPC has no policy.
pub async fn start(config: IntakeConfig, deps: Deps) -> Result<RunningService, StartError> {
    let identity = TlsIdentity::load(config.chassis.tls.clone(), config.chassis.trust_domain.clone())?;
    let tasks = TaskGroup::new("intake");
    let store = SqliteStore::open(&config.data_dir).await.map_err(StartError::other)?;
    let database = store.database().clone();
    let tokens = TokenVerifier::new(config.chassis.trust_domain.clone(), deps.clock.clone());
    let outbox_wake = Arc::new(Notify::new());
    let peer = |name: &str| -> Result<PeerChannel, StartError> {
        let address = config.chassis.peers.get(name).cloned().unwrap_or_default();
        Ok(client::connect(&PeerConfig { service: name.to_owned(), address }, &identity)?)
    };
    let audit = AuditClient::new(peer("audit")?, identity.spiffe_id());
    let app = Arc::new(App::build(Parts {
        store: Arc::new(store),
        access: Arc::new(AccessClient::new(peer("access")?)),
        audit: Arc::new(audit),
        clock: deps.clock,
        lease: EpochLease::new(),
        limits: config.limits,
        page_tokens: page_token_key(&config.data_dir)?,
        keys: OriginatorKeys::in_folder(config.data_dir.join("keys")),
        outbox_wake: outbox_wake.clone(),
    }));
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[SERVICE_NAME])?;
    let server_config = config.chassis.server.clone();
    let server =
        Server::new("intake", server_config, identity.clone(), policies, Some(tokens.clone()), deps.metrics);
    let bound = server.bind().await?;
    let service = Service { app: app.clone(), draining: tasks.cancellation() };
    let service = IntakeServiceServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(BULK_MESSAGE_BYTES_MAX);
    worker::spawn(Workers { app, tokens, database, outbox_wake }, &tasks);
    identity.spawn_reloader(&tasks, client::RELOAD_EVERY);
    Ok(RunningService::new("intake", bound.serve(Routes::new(service), tasks)))
}

/// The key that seals page tokens, kept so that tokens survive a restart.
fn page_token_key(data_dir: &Path) -> Result<PageTokenKey, StartError> {
    PageTokenKey::load_or_create(&data_dir.join("page-token.key")).map_err(StartError::other)
}
