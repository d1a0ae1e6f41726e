//! All the ways intake can fail; knows nothing of gRPC.

use entente_persist::PersistError;

use crate::peers::PeerError;

/// A fault of one field of a request or an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldFault {
    /// Path of the field, such as `filter.types[2]`, or a JSON pointer into an item.
    pub(crate) field: String,
    /// What was wrong and what to do.
    pub(crate) description: String,
}

impl FieldFault {
    pub(crate) fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        FieldFault { field: field.into(), description: description.into() }
    }
}

/// Why an item was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No label, and none is assumed.
    LabelMissing,
    /// The label does not parse or is not valid.
    LabelInvalid,
    /// The submitter may not use the label.
    LabelNotPermitted,
    /// The operation is not known, or not one of the organization's.
    OperationUnknown,
    /// Not valid STIX 2.1, or not valid text.
    ReportInvalid,
    /// Another body or label is stored under the same id and version.
    VersionConflict,
    /// The item is larger than allowed.
    TooLarge,
}

/// A refused item of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedItem {
    /// Its place, from 0.
    pub(crate) place: usize,
    /// Id, where one was read.
    pub(crate) report_id: String,
    /// Version, where one was read.
    pub(crate) version: String,
    pub(crate) refusal: Refusal,
    /// Every fault found.
    pub(crate) faults: Vec<FieldFault>,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Fields of the request; every fault is listed.
    #[error("the request has {} invalid field(s)", .0.len())]
    Fields(Vec<FieldFault>),
    /// The request is larger than allowed.
    #[error("{bytes} bytes are above the limit of {bytes_max}")]
    TooLarge {
        /// Bytes sent.
        bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// Items of an all-or-nothing submission; every fault of every item is listed.
    #[error("{} item(s) were refused", .0.len())]
    Items(Vec<RefusedItem>),
    /// Items of an all-or-nothing submission whose id and version are taken, by place.
    #[error("{} item(s) differ from what is stored", .0.len())]
    Conflicts(Vec<usize>),
    /// The same request id came with another request.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// Not there, or not for the caller.
    #[error("no report `{0}` for the caller")]
    NotFound(String),
    /// The page token is not one of ours for this caller, query and epoch.
    #[error("page token refused")]
    PageToken,
    /// The search expression does not parse.
    #[error("the search expression does not parse: {0}")]
    Search(&'static str),
    /// The call carries no transaction token although its policy asks for one.
    #[error("the call carries no subject")]
    NoSubject,
    /// The token ran out while the stream was open.
    #[error("the transaction token expired during the stream")]
    TokenExpired,
    /// The client broke off in the middle of a stream.
    #[error("the stream of batches broke off")]
    BrokenStream,
    /// As many bulk streams are open as allowed.
    #[error("{0} bulk streams are open, the most allowed")]
    TooManyStreams(usize),
    /// As many bulk streams of the caller's organization are open as allowed.
    #[error("{0} bulk streams of your organization are open, the most allowed: wait until one ends")]
    TooManyOwnStreams(usize),
    /// The epoch cannot be heard.
    #[error("no epoch lease is held")]
    NoLease,
    /// Rights changed while a read was being recorded, again and again.
    #[error("the policy epoch keeps changing")]
    EpochChanged,
    /// The service is stopping.
    #[error("the service is stopping")]
    Draining,
    /// The caller has gone; nobody reads this.
    #[error("the caller has gone")]
    Abandoned,
    /// The audit log could not record the read.
    #[error("the audit log did not record")]
    Audit(#[source] PeerError),
    /// Access could not be asked, or refused.
    #[error("the access service did not decide")]
    Access(#[source] PeerError),
    /// The originator's key cannot be had.
    #[error("no signing key for `{originator}`")]
    SigningKey {
        /// Whose.
        originator: String,
        /// Why, when a file was to blame.
        #[source]
        source: Option<PersistError>,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] PersistError),
    /// Work handed to another thread did not end.
    #[error("work on another thread did not end")]
    Task(#[source] tokio::task::JoinError),
    /// A stored value makes no sense.
    #[error("stored {0} does not decode")]
    Stored(&'static str),
    /// A stored event does not decode.
    #[error("a stored event does not decode")]
    Event(#[from] serde_json::Error),
}
