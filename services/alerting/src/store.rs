//! What alerting keeps, in its own words: interests, alerts, cursors, acknowledgements.

pub(crate) mod sqlite;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A subject as it stood when it made an interest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// "<organization>/<name>".
    pub(crate) subject_id: String,
    /// Purpose asserted.
    pub(crate) purpose: String,
    /// "REAL" or "EXERCISE:<name>".
    pub(crate) realm: String,
    /// Assurance level, 1 to 3.
    pub(crate) aal: u8,
}

/// One term of an interest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Term {
    /// STIX type of the object.
    ObjectType(String),
    /// Exact indicator value, normalised.
    IndicatorValue(String),
    /// Normalised words in order.
    Phrase(Vec<String>),
    /// Originating organization.
    Originator(String),
    /// Operation path, or one above it.
    Operation(String),
    /// This severity (CAP order as in the proto) or graver.
    MinSeverity(i32),
}

/// A standing interest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) interest_seq: i64,
    pub(crate) interest_id: String,
    pub(crate) holder: Standing,
    pub(crate) display_name: String,
    pub(crate) terms: Vec<Term>,
    pub(crate) create_time_ms: i64,
}

/// An interest about to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewInterest {
    pub(crate) interest_id: String,
    pub(crate) holder: Standing,
    pub(crate) display_name: String,
    pub(crate) terms: Vec<Term>,
    pub(crate) create_time_ms: i64,
    pub(crate) request_id: String,
    pub(crate) request_sha256: [u8; 32],
    /// Most interests the holder may have in the realm.
    pub(crate) holder_max: u64,
    pub(crate) event: AuditEvent,
}

/// What became of a new interest.
#[derive(Debug, Clone)]
pub(crate) struct Created {
    pub(crate) interest: Interest,
    /// False if the same request made it before; it may have been deleted since.
    pub(crate) is_new: bool,
}

/// What an alert tells; stored as JSON, decides nothing but by its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlertBody {
    pub(crate) interest_id: String,
    pub(crate) interest_name: String,
    pub(crate) report_id: String,
    pub(crate) report_version: String,
    pub(crate) report_type: String,
    pub(crate) originator: String,
    pub(crate) operation: String,
    pub(crate) headline: String,
    pub(crate) severity: i32,
    pub(crate) label_line: String,
    pub(crate) label_hash: [u8; 32],
    pub(crate) timeless_line: String,
    pub(crate) timeless_hash: [u8; 32],
    pub(crate) add_time_ms: i64,
}

/// A match for one holder, about to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewAlert {
    pub(crate) alert_id: String,
    pub(crate) realm: String,
    pub(crate) subject_id: String,
    /// Set while the report is under embargo.
    pub(crate) held_until_day: Option<i32>,
    pub(crate) not_after_day: Option<i32>,
    pub(crate) match_time_ms: i64,
    pub(crate) body: AlertBody,
}

/// A stored alert.
#[derive(Debug, Clone)]
pub(crate) struct StoredAlert {
    pub(crate) alert_seq: i64,
    pub(crate) alert_id: String,
    pub(crate) not_after_day: Option<i32>,
    pub(crate) match_time_ms: i64,
    pub(crate) body: AlertBody,
}

/// A holder's named cursor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ConsumerKey {
    pub(crate) realm: String,
    pub(crate) subject_id: String,
    pub(crate) consumer: String,
}

/// Where a cursor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cursor {
    /// Everything up to here is received or withheld.
    pub(crate) received_alert_seq: i64,
    /// Number of the last delivery received.
    pub(crate) received_number: u64,
    /// Highest alert ever sent: what is not above it is sent again.
    pub(crate) sent_alert_seq: i64,
}

/// Something to be recorded by audit, in this service's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditEvent {
    pub(crate) record_id: [u8; 16],
    pub(crate) act: AuditAct,
    pub(crate) subject: String,
    pub(crate) transaction_id: String,
    pub(crate) certificate_sha256: Vec<u8>,
    pub(crate) aal: u8,
    pub(crate) purpose: String,
    pub(crate) realm: String,
    pub(crate) operation: String,
    pub(crate) justification: String,
    pub(crate) items: Vec<AuditItem>,
    pub(crate) payload_sha256: Vec<u8>,
    pub(crate) payload_bytes: u64,
    pub(crate) epoch: u64,
    pub(crate) profile_id: Vec<u8>,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) rpc_method: String,
    pub(crate) occur_time_ms: i64,
}

/// What kind of act is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AuditAct {
    /// An alert leaves.
    Alert,
    /// An interest was added or ended, an alert acknowledged.
    Alteration,
}

/// An object an act was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditItem {
    pub(crate) object_id: String,
    pub(crate) version: String,
    pub(crate) label_hash: Vec<u8>,
    pub(crate) originator: String,
}

/// The store of alerting. Every write is durable when it returns.
#[async_trait]
pub(crate) trait Store: Send + Sync {
    /// Stores an interest, or gives back the one the same request made. Records the act in the outbox.
    async fn create_interest(&self, new: NewInterest) -> Result<Created, Error>;
    /// Ends an interest of the holder; false if there is none. Records the act in the outbox.
    async fn delete_interest(
        &self,
        holder: &Standing,
        interest_id: &str,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<bool, Error>;
    /// A holder's live interests after a sequence number.
    async fn list_interests(
        &self,
        holder: &Standing,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Interest>, Error>;
    /// Every live interest after a sequence number, for the index.
    async fn all_interests(&self, after: i64, limit: usize) -> Result<Vec<Interest>, Error>;
    /// Last journal position worked on.
    async fn progress(&self) -> Result<i64, Error>;
    /// Stores alerts and the position they were made from, as one; alerts already there stay as they are. No alerts
    /// store the position alone.
    async fn add_alerts(&self, alerts: Vec<NewAlert>, position: i64) -> Result<(), Error>;
    /// Turns held alerts whose day has come into alerts; gives their holders.
    async fn release_held(&self, today: i32) -> Result<Vec<(String, String)>, Error>;
    /// The cursor; made when new, behind all present alerts if `from_now`, unless the holder has `holder_max` already.
    async fn open_cursor(&self, key: &ConsumerKey, from_now: bool, holder_max: u64) -> Result<Cursor, Error>;
    /// Moves the cursor forward; never backward.
    async fn move_cursor(&self, key: &ConsumerKey, cursor: Cursor) -> Result<(), Error>;
    /// A holder's alerts after a sequence number, oldest first.
    async fn alerts_after(
        &self,
        realm: &str,
        subject_id: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredAlert>, Error>;
    /// One alert of the holder.
    async fn alert(&self, holder: &Standing, alert_id: &str) -> Result<Option<StoredAlert>, Error>;
    /// Acknowledges an alert of the holder; gives the time of the first acknowledgement, or nothing if it is not there.
    async fn acknowledge(
        &self,
        holder: &Standing,
        alert_id: &str,
        note: &str,
        event: AuditEvent,
    ) -> Result<Option<i64>, Error>;
}

#[cfg(test)]
mod tests;
