//! What each error says to the caller: reason, fields, and whether waiting helps.

use std::time::Duration;

use entente_chassis::status::Fault;
use entente_proto::common::v1::ErrorReason;

use crate::{error::Error, peers::PeerError};

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The refusal for an error.
pub(crate) fn fault(error: &Error) -> Fault {
    match error {
        Error::Fields(faults) => {
            let fault = Fault::new(ErrorReason::FieldInvalid, error.to_string());
            faults.iter().fold(fault, |fault, field| fault.field(&field.field, &field.description))
        }
        Error::TooBroad => {
            Fault::new(ErrorReason::InterestTooBroad, "add a type, value, phrase, originator or operation")
                .field("interest.terms", "a severity alone matches everything; add a rarer term")
        }
        Error::RequestIdReused(_) => Fault::new(ErrorReason::RequestIdReused, error.to_string()),
        Error::NotFound(_) => Fault::new(ErrorReason::NotFound, "nothing of that name is there for you"),
        Error::PageToken => {
            Fault::new(ErrorReason::PageTokenInvalid, "start the list again without a page token")
        }
        Error::NoSubject => Fault::new(ErrorReason::TokenMissing, error.to_string()),
        Error::TokenExpired => {
            Fault::new(ErrorReason::TokenExpired, "mint a new token and open the stream again")
        }
        Error::TooManyInterests(most) => Fault::new(ErrorReason::FieldInvalid, error.to_string())
            .field("interest", format!("remove an interest first; at most {most} are kept")),
        Error::TooManyConsumers(most) => Fault::new(ErrorReason::FieldInvalid, error.to_string())
            .field("open.consumer", format!("use one of your cursors again; at most {most} are kept")),
        Error::NoLease => Fault::new(ErrorReason::AccessUnavailable, "rights cannot be checked now")
            .retry_after(RETRY_AFTER),
        Error::EpochChanged => {
            Fault::new(ErrorReason::EpochChanged, "open the stream again").retry_after(RETRY_AFTER)
        }
        Error::Draining => {
            Fault::new(ErrorReason::Draining, "open the stream again").retry_after(RETRY_AFTER)
        }
        Error::Audit(_) => Fault::new(ErrorReason::AuditUnavailable, "the delivery cannot be recorded now")
            .retry_after(RETRY_AFTER),
        Error::Access(PeerError::Refused(reason)) => Fault::new(*reason, "the access service refused"),
        Error::Access(PeerError::Unavailable(_) | PeerError::Malformed(_)) => {
            Fault::new(ErrorReason::AccessUnavailable, "rights cannot be checked now")
                .retry_after(RETRY_AFTER)
        }
        Error::Journal(_) => Fault::new(ErrorReason::PeerUnavailable, "try again").retry_after(RETRY_AFTER),
        Error::Store(_) => {
            Fault::new(ErrorReason::StoreFailed, "the operator finds the cause by the trace id")
        }
        Error::Stored { .. } => {
            Fault::new(ErrorReason::Internal, "the operator finds the cause by the trace id")
        }
    }
}
