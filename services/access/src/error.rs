//! All the ways access can fail; knows nothing of gRPC.

use entente_chassis::token::TokenError;
use entente_persist::PersistError;

use crate::peers::PeerError;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Path of the field, such as `subject.grants[2].path`.
    pub field: String,
    /// What was wrong and what to do.
    pub description: String,
}

impl FieldFault {
    /// A fault of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        FieldFault { field: field.into(), description: description.into() }
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request; every fault is listed.
    #[error("the request has {} invalid field(s)", .0.len())]
    Fields(Vec<FieldFault>),
    /// Label lines of the request; every fault is listed.
    #[error("the request has {} label fault(s)", .0.len())]
    Labels(Vec<FieldFault>),
    /// Not there, or not the caller's.
    #[error("no `{0}` of the caller's")]
    NotFound(String),
    /// The subject is unknown, suspended, or its organization is.
    #[error("subject `{0}` is not active")]
    SubjectInactive(String),
    /// The subject may not assert the purpose.
    #[error("purpose `{0}` is not granted")]
    PurposeNotGranted(String),
    /// The subject lacks a role.
    #[error("role `{0}` is missing")]
    RoleMissing(&'static str),
    /// This workload may not ask on behalf of a standing subject.
    #[error("service `{0}` may not name a standing subject")]
    StandingNotAllowed(String),
    /// The call carries no transaction token although its policy asks for one.
    #[error("the call carries no subject")]
    NoSubject,
    /// The certificate of the caller names no subject.
    #[error("the certificate names no subject")]
    NoCertificateSubject,
    /// A transaction token in the request does not verify.
    #[error("the transaction token was refused")]
    Token(#[source] TokenError),
    /// Something of that name exists.
    #[error("`{0}` exists already")]
    AlreadyExists(String),
    /// The resource changed since it was read.
    #[error("the etag of `{0}` is another")]
    EtagMismatch(String),
    /// The same request id came with another request.
    #[error("request id `{0}` was used for another request")]
    RequestIdReused(String),
    /// The page token is not one of ours for this caller, list and epoch.
    #[error("page token refused")]
    PageToken,
    /// The epoch asked for is not reached.
    #[error("epoch {current} is in force, {asked} was asked for")]
    NotYetFresh {
        /// Epoch asked for.
        asked: u64,
        /// Epoch in force.
        current: u64,
    },
    /// Rights changed while the answer was made.
    #[error("the policy epoch changed while the answer was made")]
    EpochChanged,
    /// The service is stopping.
    #[error("the service is stopping")]
    Draining,
    /// A change was committed, and what is in force could not be read back.
    #[error("the registry in force is not known")]
    RegistryUnknown,
    /// The task that changes rights ended without an answer.
    #[error("the change of rights was broken off")]
    ChangeBrokenOff,
    /// A stored subject cannot be made into a profile.
    #[error("subject `{subject_id}` does not make a profile")]
    Profile {
        /// Whose.
        subject_id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The stored policies are not valid for the schema of this version.
    #[error("the stored policies are not valid: {}", .0.iter().map(|fault| fault.description.as_str()).collect::<Vec<_>>().join("; "))]
    Policies(Vec<FieldFault>),
    /// There is no key to sign with.
    #[error("there is no signing key")]
    NoSigningKey,
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Signing(#[source] TokenError),
    /// The audit log could not record.
    #[error("the audit log did not record")]
    Audit(#[source] PeerError),
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
