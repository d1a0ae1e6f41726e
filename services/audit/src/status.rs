//! What each error says to the caller: reason, fields, and whether waiting helps.

use std::time::Duration;

use entente_chassis::status::Fault;
use entente_proto::common::v1::ErrorReason;

use crate::error::Error;

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The refusal for an error.
pub(crate) fn fault(error: &Error) -> Fault {
    let by_trace = "the operator finds the cause by the trace id";
    match error {
        Error::Fields(faults) => {
            let fault = Fault::new(ErrorReason::FieldInvalid, error.to_string());
            faults.iter().fold(fault, |fault, field| fault.field(&field.field, &field.description))
        }
        Error::TooLarge { most, .. } => Fault::new(ErrorReason::TooLarge, error.to_string())
            .metadata("record_bytes_max", most.to_string()),
        Error::NotFound => Fault::new(ErrorReason::NotFound, "nothing of that name is there for you"),
        Error::PageToken => {
            Fault::new(ErrorReason::PageTokenInvalid, "start the list again without a page token")
        }
        Error::NoSubject => Fault::new(ErrorReason::TokenMissing, error.to_string()),
        Error::NoLease => Fault::new(ErrorReason::AccessUnavailable, "rights cannot be checked now")
            .retry_after(RETRY_AFTER),
        Error::EarlierEpoch { .. } => Fault::new(
            ErrorReason::TokenExpired,
            "rights have changed since the token was minted; mint a new one",
        ),
        Error::EpochReversed { installed, .. } => Fault::new(ErrorReason::FieldInvalid, error.to_string())
            .field("epoch", format!("must be at least {installed}")),
        Error::EpochChanged => Fault::new(ErrorReason::EpochChanged, "rights changed meanwhile; ask again")
            .retry_after(RETRY_AFTER),
        Error::IndexBehind => {
            Fault::new(ErrorReason::NotYetFresh, "the newest records cannot be searched yet")
                .retry_after(RETRY_AFTER)
        }
        Error::Stopping => {
            Fault::new(ErrorReason::Draining, "the service is stopping").retry_after(RETRY_AFTER)
        }
        Error::Append(cause) => fault(cause),
        Error::Store(_) | Error::Randomness => Fault::new(ErrorReason::StoreFailed, by_trace),
        Error::Tree(_)
        | Error::Prove(_)
        | Error::AnotherWriter { .. }
        | Error::HeadMismatch { .. }
        | Error::SizeMismatch { .. }
        | Error::RolledBack { .. }
        | Error::AnotherLog { .. }
        | Error::Key(_)
        | Error::Sign(_)
        | Error::Stored(_) => Fault::new(ErrorReason::Internal, by_trace),
    }
}
