//! What access stores, in its own words: the registry of partners, subjects and operations with its epoch, the label
//! dictionary, and records on their way to audit.

mod policies;
pub mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use entente_domain::day::Day;
use serde::{Deserialize, Serialize};

pub use self::policies::{PolicySetRow, PolicyStore};
use crate::error::Error;

/// An organization that shares the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerRow {
    /// Registered name.
    pub organization_id: String,
    /// What people call it.
    pub display_name: String,
    /// Nation code of the sponsor; none for an international body.
    pub nation: Option<String>,
    /// Registered groups it belongs to.
    pub groups: BTreeSet<String>,
    /// Organizations it is a registered client of.
    pub client_of: BTreeSet<String>,
    /// False when suspended.
    pub active: bool,
    /// Ed25519 public keys in hexadecimal.
    pub signing_keys: Vec<String>,
    /// Changes with every change.
    #[serde(skip)]
    pub etag: String,
}

/// A person or partner system under one acting organization, without what comes from the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectRow {
    /// "<organization>/<name>".
    pub subject_id: String,
    /// The acting organization.
    pub organization_id: String,
    /// What people call it.
    pub display_name: String,
    /// The opaque id an audience names the person by; none when it has none.
    pub person: Option<String>,
    /// "person" or "service".
    pub kind: String,
    /// Roles held.
    pub roles: BTreeSet<String>,
    /// Purposes it may assert.
    pub purposes: BTreeSet<String>,
    /// Rank per policy domain.
    pub clearances: BTreeMap<String, i32>,
    /// Operations and codewords it is read into.
    pub grants: Vec<GrantRow>,
    /// Groups beyond those of the organization.
    pub groups: BTreeSet<String>,
    /// Other memberships and citizenships; they only exclude.
    pub other_hats: BTreeSet<String>,
    /// Vetting by kind.
    pub vetting: BTreeMap<String, VettingRow>,
    /// False when suspended.
    pub active: bool,
    /// Assurance of its certificate, 1 to 3.
    pub assurance_level: u8,
    /// Changes with every change.
    #[serde(skip)]
    pub etag: String,
}

/// A need-to-know grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRow {
    /// "OP:TIDEWALL/OPERATIONAL" or "CW:BLUEJAY".
    pub path: String,
    /// Whether it covers every descendant.
    #[serde(default)]
    pub tree: bool,
    /// First day it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// First day it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// A vetting of a person or unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VettingRow {
    /// "cleared", "pending", "rejected" or "suspended".
    pub status: String,
    /// First day it no longer holds.
    pub until: Day,
}

/// An operation or exercise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRow {
    /// Registered name.
    pub operation_id: String,
    /// What people call it.
    pub display_name: String,
    /// Realm it runs in.
    pub realm: String,
    /// The organization that leads it.
    pub lead: String,
    /// Organizations that take part, the lead included.
    pub organizations: BTreeSet<String>,
    /// Its components.
    pub components: Vec<ComponentRow>,
    /// Changes with every change.
    #[serde(skip)]
    pub etag: String,
}

/// A component of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentRow {
    /// Name of the path segment.
    pub component_id: String,
    /// What people call it.
    pub display_name: String,
    /// Its phases, in order.
    pub phases: Vec<PhaseRow>,
}

/// A phase of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseRow {
    /// Name of the path segment.
    pub phase_id: String,
    /// Start in milliseconds since 1970; none when not planned.
    pub start_time_ms: Option<i64>,
    /// End in milliseconds since 1970; none when open.
    pub end_time_ms: Option<i64>,
}

/// The whole registry at one epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredRegistry {
    /// Policy epoch.
    pub epoch: u64,
    /// Realms beyond REAL.
    pub realms: BTreeSet<String>,
    /// Partners, by id.
    pub partners: Vec<PartnerRow>,
    /// Subjects, by id.
    pub subjects: Vec<SubjectRow>,
    /// Operations, by id.
    pub operations: Vec<OperationRow>,
    /// The deployment's policies; none while none were ever put.
    pub policies: Option<PolicySetRow>,
}

/// A resource to add or replace, with everything that changes in the same transaction.
#[derive(Debug, Clone)]
pub struct Change<T> {
    /// The resource as it shall be.
    pub resource: T,
    /// Etag of the stored one; empty for a new one.
    pub expected_etag: String,
    /// Who asked, under which request id.
    pub request: RequestKey,
    /// The record of the change.
    pub event: AuditEvent,
}

/// What makes a request the same request again.
#[derive(Debug, Clone)]
pub struct RequestKey {
    /// Who asked.
    pub subject_id: String,
    /// UUID.
    pub request_id: String,
    /// SHA-256 of the request.
    pub request_sha256: [u8; 32],
}

/// A resource as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T> {
    /// The resource with its new etag.
    pub resource: T,
    /// Epoch from which it holds.
    pub epoch: u64,
}

/// One label of the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRow {
    /// Hash of the label.
    pub hash: [u8; 32],
    /// Hash of the label without its dates.
    pub timeless_hash: [u8; 32],
    /// Canonical line.
    pub line: String,
}

/// Kind of act recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditAct {
    /// Rights were changed.
    PolicyChange,
    /// Somebody was told about rights.
    Consultation,
    /// A token key was made or retired.
    KeyEvent,
}

/// What is recorded of an act; kept as JSON in the outbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEvent {
    /// UUIDv7.
    pub record_id: [u8; 16],
    /// Kind of act.
    pub act: AuditAct,
    /// Who acted; empty for the service itself.
    pub subject: String,
    /// Transaction id of the token.
    pub transaction_id: String,
    /// SHA-256 of the client certificate; empty for the service itself.
    pub certificate_sha256: Vec<u8>,
    /// Assurance level of the session; 0 for the service itself.
    pub aal: u8,
    /// Purpose asserted.
    pub purpose: String,
    /// Realm of the session.
    pub realm: String,
    /// Why, in words.
    pub justification: String,
    /// Ids of what it was done to.
    pub objects: Vec<AuditObject>,
    /// How many there were.
    pub object_count: u64,
    /// Decision explained, if one was.
    pub decision: Option<AuditDecision>,
    /// Policy epoch; of a change, the one it makes.
    pub epoch: u64,
    /// W3C trace id.
    pub trace_id: [u8; 16],
    /// Span id of the RPC.
    pub span_id: [u8; 8],
    /// Path of the RPC.
    pub rpc_method: String,
    /// When, in milliseconds since 1970.
    pub occur_time_ms: i64,
}

/// One thing an act concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditObject {
    /// Id, such as "VLD-COAST/mira".
    pub object_id: String,
    /// Etag or epoch it was left at; empty where it has none.
    pub version: String,
    /// Hash of the label concerned; empty where there is none.
    pub label_hash: Vec<u8>,
    /// Organization it belongs to.
    pub organization: String,
}

/// A decision that was told to somebody.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditDecision {
    /// Whether reading is allowed.
    pub allowed: bool,
    /// First condition that failed.
    pub reason: String,
    /// Profile decided for.
    pub profile_id: Vec<u8>,
    /// Duties attached.
    pub obligations: Vec<String>,
}

/// The store of the access service.
#[async_trait]
pub trait Store: PolicyStore {
    /// Everything decisions rest on, as of one moment.
    async fn load_registry(&self) -> Result<StoredRegistry, Error>;

    /// Fills an empty store; all or nothing. False, and nothing changed, when the store is not empty.
    async fn import_registry(&self, registry: StoredRegistry, event: AuditEvent) -> Result<bool, Error>;

    /// Adds or replaces a partner and raises the epoch.
    async fn put_partner(&self, change: Change<PartnerRow>) -> Result<Changed<PartnerRow>, Error>;

    /// Adds or replaces a subject and raises the epoch.
    async fn put_subject(&self, change: Change<SubjectRow>) -> Result<Changed<SubjectRow>, Error>;

    /// Adds or replaces an operation and raises the epoch.
    async fn put_operation(&self, change: Change<OperationRow>) -> Result<Changed<OperationRow>, Error>;

    /// Makes a subject inactive and raises the epoch; a subject already inactive changes nothing. The epoch in force.
    async fn suspend_subject(&self, subject_id: &str, event: AuditEvent) -> Result<u64, Error>;

    /// Adds labels that are not yet in the dictionary.
    async fn intern_labels(&self, labels: Vec<LabelRow>) -> Result<(), Error>;

    /// Lines by hash, in the order asked; none where the dictionary has no such label.
    async fn lines_by_hash(&self, hashes: Vec<[u8; 32]>) -> Result<Vec<Option<String>>, Error>;

    /// Records an act of the service itself, on its way to audit.
    async fn record(&self, event: AuditEvent) -> Result<(), Error>;

    /// Forgets answers given before `time_ms`.
    async fn forget_answers(&self, time_ms: i64) -> Result<(), Error>;
}
