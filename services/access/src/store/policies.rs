//! The deployment's policies and the labels they are tried on, as stored.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Change, Changed};
use crate::error::Error;

/// A set of policies as a whole. Its version is the epoch from which it is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySetRow {
    /// The policies, in Cedar.
    pub cedar: String,
    /// "<organization>/<name>" of who put it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub put_time_ms: i64,
    /// Why, in words.
    pub justification: String,
    /// The epoch it began at; given by the store.
    #[serde(skip)]
    pub version: u64,
    /// Changes with every change.
    #[serde(skip)]
    pub etag: String,
}

/// What the store keeps of policies.
#[async_trait]
pub trait PolicyStore: Send + Sync {
    /// Replaces the policies and raises the epoch; the sets before stay readable by their version.
    async fn put_policies(&self, change: Change<PolicySetRow>) -> Result<Changed<PolicySetRow>, Error>;

    /// The set that began at this epoch; none if none did.
    async fn policies_of_version(&self, version: u64) -> Result<Option<PolicySetRow>, Error>;

    /// Labels of the dictionary, newest first, at most `most`; one whose dates alone were left out is not listed beside
    /// the whole one.
    async fn newest_labels(&self, most: usize) -> Result<Vec<String>, Error>;
}
