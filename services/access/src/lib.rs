//! Access decides who may do what. It never sees a report.
//!
//! It owns the registry of the node (partners, their people and systems, operations), the deployment's policies, the
//! label dictionary, the keys that sign transaction tokens, and the policy epoch; nobody else reads its tables.
//! Services ask it which labels a subject may read and under which one may submit; people exchange their certificate
//! for a token here; policy administrators keep what belongs to their organization.
//!
//! All answers come from one value, the registry in force: an immutable snapshot of the store at one epoch, replaced as a
//! whole after each change. Decisions are pure functions of `entente-domain` over it.
//!
//! What always holds:
//!
//! * Revoked is revoked. When a change of rights is answered, no service relies on an older epoch: each has installed the
//!   new one, or its lease has run out. Decisions here follow the change before anyone hears of it. (I3)
//! * A token revives nothing: it says who asks and what for, and rights are those of now.
//! * What is told about subjects is recorded before it is told; every change is recorded in the transaction that makes
//!   it, with the epoch it makes. (I1)
//! * Policies of the deployment only take away. The rules of `entente-domain` speak first and nothing can loosen them; what
//!   they allow goes to the Cedar policies in force, and what those forbid, or cannot decide, is refused, by their names.
//! * Who administers rights has no right to content, and nobody changes their own rights. (I8)
//! * When it is not known what the store holds, nothing is decided and no lease granted.
//! * The dictionary only grows; a label is in it once it may be used.
//!
//! A decision is shared by everybody of a profile and by all labels that differ in dates alone, so policies see profiles and
//! labels without dates, never a person; a set that looks at more is refused when it is put, as is one that permits or does
//! not fit the published schema (`policies/entente.cedarschema`). What they see is built for each decision and holds one
//! subject and one label, whatever the size of the registry.
//!
//! Whose is what: an organization's subjects and the operations it leads are its administrators' to change. A partner's
//! name and signing keys are its own; its charter (that it is here at all, its nation, groups and clients) is kept by
//! the administrators of the node's custodian, as are the policies, and every partner may leave by itself. What is not
//! the caller's looks like what is not there. In this version an organization asserts the clearances and vettings of
//! its own people.
//!
//! It calls audit alone, to record, and to tell it keys and epoch, for audit calls nobody. One process owns the store:
//! leases live in its memory, and a restart waits them out.
//!
//! Rejected: rights inside tokens (a revocation would wait for their expiry); deciding with queries over the store (a
//! decision must not see half a change); messages instead of leases (a message that is lost revokes nothing); a lease
//! counted from its arrival (an answer that is delayed would lengthen it).

mod app;
mod config;
mod convert;
pub mod error;
pub mod peers;
mod service;
mod status;
pub mod store;
mod worker;

use std::{path::Path, sync::Arc, time::UNIX_EPOCH};

use entente_chassis::{
    client::{self, PeerConfig},
    policy::Policies,
    run::{Deps, RunningService, StartError},
    server::{BULK_MESSAGE_BYTES_MAX, Server},
    tasks::TaskGroup,
    tls::TlsIdentity,
    token::TokenVerifier,
};
use entente_persist::{DatabaseConfig, PageTokenKey};
use entente_proto::access::v1::access_service_server::AccessServiceServer;
use tokio::sync::Notify;
use tonic::service::Routes;

pub use config::{AccessConfig, TokenSettings};

use crate::{
    app::{App, Leases, Parts, Settings, TokenKeys, import_registry},
    peers::audit::AuditClient,
    service::Service,
    store::{Store, sqlite::SqliteStore},
    worker::Workers,
};

/// Full name of the proto service.
pub const SERVICE_NAME: &str = "entente.access.v1.AccessService";

/// Starts the service: opens the store, imports the initial registry, makes the token keys, binds the port. Audit may come
/// up later.
///
/// # Errors
///
/// When the store, the keys, the identity or the port cannot be had, the registry file has faults, or an RPC has no
/// policy.
pub async fn start(config: AccessConfig, deps: Deps) -> Result<RunningService, StartError> {
    let identity = TlsIdentity::load(config.chassis.tls.clone(), config.chassis.trust_domain.clone())?;
    let tasks = TaskGroup::new("access");
    let store = SqliteStore::open(DatabaseConfig::at(config.data_dir.join("access.sqlite")))
        .map_err(StartError::other)?;
    let database = store.database().clone();
    let leases = Arc::new(fill(&store, &config, &deps).await?);
    let keys_file = config.data_dir.join("token-keys.json");
    let keys = TokenKeys::load(keys_file, config.tokens.rotate_every, config.tokens.lifetime)
        .map_err(StartError::other)?;
    let tokens = TokenVerifier::new(config.chassis.trust_domain.clone(), deps.clock.clone());
    let outbox_wake = Arc::new(Notify::new());
    let parts = Parts {
        store: Arc::new(store),
        audit: Arc::new(audit(&config, &identity)?),
        clock: deps.clock.clone(),
        keys,
        leases,
        outbox_wake: outbox_wake.clone(),
        settings: settings(&config, &identity),
        tokens: tokens.clone(),
        page_tokens: page_token_key(&config.data_dir)?,
        tasks: tasks.clone(),
    };
    let app = App::build(parts).await.map_err(StartError::other)?;
    app.rotate_keys().await.map_err(StartError::other)?;
    tokens.set_keys(app.keys.public_keys());
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[SERVICE_NAME])?;
    let server_config = config.chassis.server.clone();
    let server =
        Server::new("access", server_config, identity.clone(), policies, Some(tokens.clone()), deps.metrics);
    let bound = server.bind().await?;
    let service = Service { app: app.clone(), draining: tasks.cancellation() };
    let service = AccessServiceServer::new(service).max_decoding_message_size(BULK_MESSAGE_BYTES_MAX);
    worker::spawn(Workers { app, tokens, database, outbox_wake }, &tasks);
    identity.spawn_reloader(&tasks, client::RELOAD_EVERY);
    Ok(RunningService::new("access", bound.serve(Routes::new(service), tasks)))
}

/// Imports the initial registry into an empty store. Only a store that had a registry can have lease holders from before.
async fn fill(store: &SqliteStore, config: &AccessConfig, deps: &Deps) -> Result<Leases, StartError> {
    let stored = store.load_registry().await.map_err(StartError::other)?;
    if let Some(file) = &config.registry_file {
        let now = deps.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let imported = import_registry(store, file, now_ms).await.map_err(StartError::other)?;
        tracing::info!(imported, "the registry file was looked at");
    }
    Ok(Leases::new(config.lease, !stored.partners.is_empty()))
}

fn audit(config: &AccessConfig, identity: &TlsIdentity) -> Result<AuditClient, StartError> {
    let address = config.chassis.peers.get("audit").cloned().unwrap_or_default();
    let channel = client::connect(&PeerConfig { service: "audit".to_owned(), address }, identity)?;
    Ok(AuditClient::new(channel, identity.spiffe_id()))
}

fn settings(config: &AccessConfig, identity: &TlsIdentity) -> Settings {
    Settings {
        trust_domain: config.chassis.trust_domain.clone(),
        issuer: identity.spiffe_id(),
        custodian: config.custodian.clone(),
        token_lifetime: config.tokens.lifetime,
    }
}

/// The key that seals page tokens, kept so that tokens survive a restart.
fn page_token_key(data_dir: &Path) -> Result<PageTokenKey, StartError> {
    PageTokenKey::load_or_create(&data_dir.join("page-token.key")).map_err(StartError::other)
}
