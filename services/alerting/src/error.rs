//! All the ways alerting can fail; knows nothing of gRPC.

use entente_persist::PersistError;

use crate::peers::PeerError;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldFault {
    /// Path of the field, such as `interest.terms[2]`.
    pub(crate) field: String,
    /// What was wrong and what to do.
    pub(crate) description: String,
}

impl FieldFault {
    pub(crate) fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        FieldFault { field: field.into(), description: description.into() }
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Fields of the request; every fault is listed.
    #[error("the request has {} invalid field(s)", .0.len())]
    Fields(Vec<FieldFault>),
    /// The interest has no term that narrows it.
    #[error("the interest would match everything")]
    TooBroad,
    /// The same request id came with another request.
    #[error("request id `{0}` was used for another request")]
    RequestIdReused(String),
    /// Not there, or not the caller's.
    #[error("no `{0}` of the caller's")]
    NotFound(String),
    /// The page token is not one of ours for this caller and list.
    #[error("page token refused")]
    PageToken,
    /// The call carries no transaction token although its policy asks for one.
    #[error("the call carries no subject")]
    NoSubject,
    /// The token ran out while the stream was open.
    #[error("the transaction token expired during the stream")]
    TokenExpired,
    /// The holder has as many interests as allowed.
    #[error("the holder has {0} interests, the most allowed")]
    TooManyInterests(u64),
    /// The holder has as many cursors as allowed.
    #[error("the holder has {0} cursors, the most allowed")]
    TooManyConsumers(u64),
    /// The epoch cannot be heard.
    #[error("no epoch lease is held")]
    NoLease,
    /// Rights changed while a delivery was being recorded, again and again.
    #[error("the policy epoch keeps changing")]
    EpochChanged,
    /// The service is stopping.
    #[error("the service is stopping")]
    Draining,
    /// The audit log could not record the delivery.
    #[error("the audit log did not record")]
    Audit(#[source] PeerError),
    /// Access could not be asked, or refused.
    #[error("the access service did not decide")]
    Access(#[source] PeerError),
    /// Intake's journal could not be read.
    #[error("the journal of intake broke off")]
    Journal(#[source] PeerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] PersistError),
    /// A stored value does not decode.
    #[error("stored {what} does not decode")]
    Stored {
        /// Which value.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}
