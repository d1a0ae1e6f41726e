//! What each error says to the caller: reason, fields, and whether waiting helps.

use std::time::Duration;

use entente_chassis::status::Fault;
use entente_proto::common::v1::ErrorReason;

use crate::error::{Error, FieldFault};

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// All that anyone is told of a fault on our side.
const OPERATOR: &str = "the operator finds the cause by the trace id";

/// The refusal for an error.
pub(crate) fn fault(error: &Error) -> Fault {
    match error {
        Error::Fields(faults) => {
            with_fields(Fault::new(ErrorReason::FieldInvalid, error.to_string()), faults)
        }
        Error::Labels(faults) => {
            with_fields(Fault::new(ErrorReason::LabelInvalid, error.to_string()), faults)
        }
        Error::NotFound(_) => Fault::new(ErrorReason::NotFound, "nothing of that name is there for you"),
        Error::SubjectInactive(_) => Fault::new(
            ErrorReason::SubjectInactive,
            "the subject is not active: ask your partner's administrator",
        ),
        Error::PurposeNotGranted(_) => Fault::new(ErrorReason::PurposeNotGranted, error.to_string())
            .field("purpose", "assert a purpose granted to you"),
        Error::RoleMissing(_) => Fault::new(ErrorReason::RoleMissing, error.to_string()),
        Error::StandingNotAllowed(_) => {
            Fault::new(ErrorReason::CallerNotAllowed, "send the transaction token of the call")
                .field("standing_subject", "only alerting works for subjects who are not there")
        }
        Error::NoSubject => Fault::new(ErrorReason::TokenMissing, error.to_string()),
        Error::NoCertificateSubject => Fault::new(ErrorReason::IdentityInvalid, error.to_string()),
        Error::Token(cause) => Fault::new(cause.reason(), "mint a new token"),
        Error::AlreadyExists(_) => {
            Fault::new(ErrorReason::AlreadyExists, "something of that name is there: send its etag")
        }
        Error::EtagMismatch(_) => {
            Fault::new(ErrorReason::EtagMismatch, "read it again and repeat the change")
        }
        Error::RequestIdReused(_) => Fault::new(ErrorReason::RequestIdReused, error.to_string()),
        Error::PageToken => {
            Fault::new(ErrorReason::PageTokenInvalid, "start the list again without a page token")
        }
        Error::NotYetFresh { .. } => {
            Fault::new(ErrorReason::NotYetFresh, error.to_string()).retry_after(RETRY_AFTER)
        }
        Error::EpochChanged => {
            Fault::new(ErrorReason::EpochChanged, "repeat the call").retry_after(RETRY_AFTER)
        }
        Error::Draining => {
            Fault::new(ErrorReason::Draining, "open the stream again").retry_after(RETRY_AFTER)
        }
        Error::RegistryUnknown => Fault::new(ErrorReason::AccessUnavailable, "rights cannot be decided now")
            .retry_after(RETRY_AFTER),
        Error::Audit(_) => {
            Fault::new(ErrorReason::AuditUnavailable, "the consultation cannot be recorded now")
                .retry_after(RETRY_AFTER)
        }
        Error::Store(_) => Fault::new(ErrorReason::StoreFailed, OPERATOR),
        Error::ChangeBrokenOff
        | Error::Profile { .. }
        | Error::Policies(_)
        | Error::NoSigningKey
        | Error::Signing(_)
        | Error::Stored { .. } => Fault::new(ErrorReason::Internal, OPERATOR),
    }
}

fn with_fields(fault: Fault, faults: &[FieldFault]) -> Fault {
    faults.iter().fold(fault, |fault, field| fault.field(&field.field, &field.description))
}
