//! What each error says to the caller: reason, fields, and whether waiting helps.

use std::time::Duration;

use entente_chassis::status::{self, Fault};
use entente_proto::common::v1::ErrorReason;

use crate::{
    error::{Error, FieldFault, Refusal, RefusedItem},
    peers::PeerError,
};

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// What is said where only the operator can do something.
const SEE_TRACE: &str = "the operator finds the cause by the trace id";

/// The refusal for an error.
pub(crate) fn fault(error: &Error) -> Fault {
    match error {
        Error::Fields(faults) => fields(Fault::new(ErrorReason::FieldInvalid, error.to_string()), "", faults),
        Error::TooLarge { bytes_max, .. } => {
            Fault::new(ErrorReason::TooLarge, format!("{error}: split the submission"))
                .metadata("limit", bytes_max.to_string())
        }
        Error::Items(items) => refused_items(error, items),
        Error::Conflicts(_) => Fault::new(ErrorReason::ReportVersionConflict, error.to_string()),
        Error::RequestIdReused => {
            Fault::new(ErrorReason::RequestIdReused, "use a new UUID for a new request")
        }
        Error::NotFound(_) => Fault::new(ErrorReason::NotFound, "nothing of that name is there for you"),
        Error::PageToken => {
            Fault::new(ErrorReason::PageTokenInvalid, "start the list again without a page token")
        }
        Error::Search(why) => Fault::new(ErrorReason::SearchInvalid, error.to_string()).field("query", *why),
        Error::NoSubject => Fault::new(ErrorReason::TokenMissing, error.to_string()),
        Error::TokenExpired => {
            Fault::new(ErrorReason::TokenExpired, "mint a new token and open the stream again")
        }
        Error::BrokenStream => {
            Fault::new(ErrorReason::FieldInvalid, "send batches of at most 2,000 items and 4 MiB")
        }
        Error::TooManyStreams(_) | Error::TooManyOwnStreams(_) => {
            Fault::new(ErrorReason::Overloaded, error.to_string()).retry_after(RETRY_AFTER)
        }
        Error::NoLease => Fault::new(ErrorReason::AccessUnavailable, "rights cannot be checked now")
            .retry_after(RETRY_AFTER),
        Error::EpochChanged => Fault::new(ErrorReason::EpochChanged, "try again").retry_after(RETRY_AFTER),
        Error::Draining => Fault::new(ErrorReason::Draining, "try again").retry_after(RETRY_AFTER),
        Error::Abandoned => Fault::new(ErrorReason::DeadlineExceeded, "try again with a longer deadline"),
        Error::Audit(PeerError::Refused(ErrorReason::DeadlineExceeded))
        | Error::Access(PeerError::Refused(ErrorReason::DeadlineExceeded)) => {
            Fault::new(ErrorReason::DeadlineExceeded, "try again with a longer deadline")
        }
        Error::Audit(_) => Fault::new(ErrorReason::AuditUnavailable, "the read cannot be recorded now")
            .retry_after(RETRY_AFTER),
        Error::Access(PeerError::Refused(reason)) => Fault::new(*reason, "the access service refused"),
        Error::Access(PeerError::Unavailable(_) | PeerError::Malformed(_)) => {
            Fault::new(ErrorReason::AccessUnavailable, "rights cannot be checked now")
                .retry_after(RETRY_AFTER)
        }
        Error::Store(_) => Fault::new(ErrorReason::StoreFailed, SEE_TRACE),
        Error::SigningKey { .. } | Error::Task(_) | Error::Stored(_) | Error::Event(_) => {
            Fault::new(ErrorReason::Internal, SEE_TRACE)
        }
    }
}

/// The reason of the first refused item, the faults of all.
fn refused_items(error: &Error, items: &[RefusedItem]) -> Fault {
    let reason = items.first().map_or(ErrorReason::ReportInvalid, |item| reason(item.refusal));
    let fault = Fault::new(reason, format!("{error}; nothing is stored"));
    items.iter().fold(fault, |fault, item| fields(fault, &format!("items[{}]", item.place), &item.faults))
}

/// Adds faults; a JSON pointer follows the item as it is, a name behind a dot.
fn fields(fault: Fault, prefix: &str, faults: &[FieldFault]) -> Fault {
    faults.iter().fold(fault, |fault, field| {
        let direct = prefix.is_empty() || field.field.is_empty() || field.field.starts_with('/');
        let dot = if direct { "" } else { "." };
        fault.field(format!("{prefix}{dot}{}", field.field), &field.description)
    })
}

/// The name under which a refusal is told with an item.
pub(crate) fn refusal_name(refusal: Refusal) -> &'static str {
    status::name(reason(refusal))
}

fn reason(refusal: Refusal) -> ErrorReason {
    match refusal {
        Refusal::LabelMissing => ErrorReason::LabelMissing,
        Refusal::LabelInvalid => ErrorReason::LabelInvalid,
        Refusal::LabelNotPermitted => ErrorReason::LabelNotPermitted,
        Refusal::OperationUnknown => ErrorReason::OperationUnknown,
        Refusal::ReportInvalid => ErrorReason::ReportInvalid,
        Refusal::VersionConflict => ErrorReason::ReportVersionConflict,
        Refusal::TooLarge => ErrorReason::TooLarge,
    }
}
