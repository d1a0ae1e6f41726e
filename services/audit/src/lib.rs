//! Audit keeps a log that nobody can rewrite unseen, and proves what stands in it.
//!
//! It owns the Merkle log of every disclosure and decision (formats of C2SP, in `entente-ledger`), the records committed to
//! by its entries, the search index over them, and the spans of audited traces; nobody else reads its tables.
//!
//! What always holds:
//!
//! * A receipt proves a durable record: tree and record are one transaction, signed after its commit. (I1, I4)
//! * The log only grows. At start its head must follow from its records, its key and origin must be those it was made
//!   with, and it must not be older than its index; else the service refuses to start rather than sign a second history.
//! * One sequencer appends. Whatever queued while one batch went to the disk goes into the next; no timer.
//! * A record is there only for those it concerns: the rules and what each reader sees opened stand in `app/concern.rs`.
//!   What is withheld cannot be searched for either. (I2)
//! * Reading the log is itself recorded, before the answer leaves.
//! * Without a lease from access nothing is read; a token minted before the last change of rights is refused. (I3)
//! * Realms do not mix: the realm is part of every reader's name in the index, and is compared on each read. (I7)
//!
//! What it refuses: records that name another service than the caller, reads without a justification, spans from anyone but
//! the mesh. An operator's role opens no record. (I8)
//!
//! A record is eleven sections, the fields of `AuditRecord`; the body of section `n` is the encoding of an `AuditRecord`
//! with field `n` alone. Each section has a salt of its own, so that any subset can be opened and any one erased.
//!
//! It calls nobody. Access tells it which tokens to believe.
//!
//! Rejected: indexing in the append's transaction (random pages in every commit; the index follows the log instead, and
//! readers wait for it); storing partial tiles (the leaves are there); a second store for proofs of the newest batch (the
//! sequencer still has it in memory).

mod app;
mod config;
mod convert;
mod error;
mod service;
mod status;
pub mod store;
mod worker;

use std::{sync::Arc, time::UNIX_EPOCH};

use entente_chassis::{
    client,
    clock::Clock,
    policy::Policies,
    run::{Deps, RunningService, StartError},
    server::{BULK_MESSAGE_BYTES_MAX, Server},
    tasks::TaskGroup,
    tls::TlsIdentity,
    token::TokenVerifier,
};
use entente_persist::PageTokenKey;
use entente_proto::{
    audit::v1::audit_service_server::AuditServiceServer,
    common::v1::{CallerKind, RpcPolicy},
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
use time::OffsetDateTime;
use tonic::service::Routes;

pub use app::{Head, Log, LogConfig, LogKey, NewRecord, Sequencer, seal_record};
pub use config::{AuditConfig, Limits};
pub use error::{Error, FieldFault};

use crate::{
    app::{App, Parts},
    service::{Service, SpanReceiver},
    store::{
        LogStore,
        sqlite::{SqliteIndex, SqliteLog},
    },
};

/// Full name of the proto service.
pub const SERVICE_NAME: &str = "entente.audit.v1.AuditService";
/// Path of the OTLP receiver.
pub const SPAN_EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Whose spans are received: the services of the mesh, this one too.
const SPAN_SOURCES: [&str; 4] = ["intake", "access", "alerting", "audit"];

/// Starts the service: opens the log and checks it, binds the port. It waits for nobody; reads are refused until access
/// has installed an authority.
///
/// # Errors
///
/// When the log does not hold together, or the store, the identity or the port cannot be had.
pub async fn start(config: AuditConfig, deps: Deps) -> Result<RunningService, StartError> {
    let identity = TlsIdentity::load(config.chassis.tls.clone(), config.chassis.trust_domain.clone())?;
    let tasks = TaskGroup::new("audit");
    let records = Arc::new(SqliteLog::open(&config.data_dir).map_err(StartError::other)?);
    let index = Arc::new(SqliteIndex::open(&config.data_dir).map_err(StartError::other)?);
    let log_config = LogConfig {
        origin: log_origin(&config, records.as_ref(), deps.clock.as_ref()).await?,
        bytes_in_flight_max: config.limits.append_bytes_in_flight_max,
    };
    let key = LogKey::load_or_create(&config.data_dir.join("log.key")).map_err(StartError::other)?;
    let opened = Log::open(log_config, records.clone(), &key, deps.clock.clone()).await;
    let (log, sequencer) = opened.map_err(StartError::other)?;
    let tokens = TokenVerifier::new(config.chassis.trust_domain.clone(), deps.clock.clone());
    let page_tokens = PageTokenKey::load_or_create(&config.data_dir.join("page-token.key"));
    let parts = Parts {
        log,
        limits: config.limits,
        records,
        index,
        tokens: tokens.clone(),
        clock: deps.clock,
        page_tokens: page_tokens.map_err(StartError::other)?,
        service_identity: identity.spiffe_id(),
    };
    let app = Arc::new(App::build(parts).await.map_err(StartError::other)?);
    let server = Server::new(
        "audit",
        config.chassis.server.clone(),
        identity.clone(),
        policies()?,
        Some(tokens),
        deps.metrics,
    );
    let bound = server.bind().await?;
    let service = Service { app: app.clone(), trust_domain: config.chassis.trust_domain.clone() };
    let service = AuditServiceServer::new(service).max_decoding_message_size(BULK_MESSAGE_BYTES_MAX);
    let spans = TraceServiceServer::new(SpanReceiver { app: app.clone() });
    let routes = Routes::new(service).add_service(spans);
    worker::spawn(&app, sequencer, &tasks);
    identity.spawn_reloader(&tasks, client::RELOAD_EVERY);
    Ok(RunningService::new("audit", bound.serve(routes, tasks)))
}

/// Our own methods, and the OTLP receiver for the services of the mesh.
fn policies() -> Result<Policies, StartError> {
    let mut policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[SERVICE_NAME])?;
    let export = RpcPolicy {
        callers: vec![CallerKind::Service.into()],
        services: SPAN_SOURCES.map(str::to_owned).to_vec(),
        ..RpcPolicy::default()
    };
    policies.allow(SPAN_EXPORT_PATH, export)?;
    Ok(policies)
}

/// The configured origin; else that of the stored log, which stays what it is; else that of a log begun this year.
async fn log_origin(
    config: &AuditConfig,
    records: &SqliteLog,
    clock: &dyn Clock,
) -> Result<String, StartError> {
    if !config.log_origin.is_empty() {
        return Ok(config.log_origin.clone());
    }
    if let Some(stored) = records.name().await.map_err(StartError::other)? {
        return Ok(stored.origin);
    }
    let since = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let year = (OffsetDateTime::UNIX_EPOCH + since).year();
    Ok(format!("audit.{}/ops/{year}", config.chassis.trust_domain))
}
