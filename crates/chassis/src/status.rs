//! Refusals on the wire: the only place that makes a `tonic::Status`, and the one that reads it back.
//!
//! Every refusal carries `google.rpc.ErrorInfo` (domain `entente`, an [`ErrorReason`]) and `RequestInfo` with the trace
//! id; faults of fields come as `BadRequest`, a wait that helps as `RetryInfo`. Details travel in a trailer, and trailers
//! are limited by every HTTP/2 implementation, so what a refusal says is bounded here.

use std::{collections::HashMap, error::Error, time::Duration};

pub use entente_proto::common::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::client::ConnectError;

/// `ErrorInfo.domain` of everything we refuse.
pub const DOMAIN: &str = "entente";
/// Longest message, bytes.
const MESSAGE_BYTES_MAX: usize = 512;
/// Room for faults of fields, bytes: base64 of it and the rest stay under the 8 KiB that the strictest common client
/// takes as headers.
const FIELDS_BYTES_MAX: usize = 3072;
/// Longest description of one fault, bytes.
const FIELD_BYTES_MAX: usize = 512;

/// A refusal on its way to the caller. Names no table, file or peer.
#[must_use]
#[derive(Debug, Clone)]
pub struct Fault {
    reason: ErrorReason,
    text: String,
    fields: Vec<(String, String)>,
    fields_bytes: usize,
    fields_left_out: usize,
    retry_after: Option<Duration>,
    metadata: Vec<(String, String)>,
}

impl Fault {
    /// A refusal: why, and in words what to do.
    pub fn new(reason: ErrorReason, text: impl Into<String>) -> Fault {
        Fault {
            reason,
            text: cut(text.into(), MESSAGE_BYTES_MAX),
            fields: Vec::new(),
            fields_bytes: 0,
            fields_left_out: 0,
            retry_after: None,
            metadata: Vec::new(),
        }
    }

    /// Adds a fault of a field. Those beyond the room of an answer are counted, not listed.
    pub fn field(mut self, field: impl Into<String>, description: impl Into<String>) -> Fault {
        let field = cut(field.into(), FIELD_BYTES_MAX);
        let description = cut(description.into(), FIELD_BYTES_MAX);
        let bytes = self.fields_bytes.saturating_add(field.len()).saturating_add(description.len());
        if bytes > FIELDS_BYTES_MAX {
            self.fields_left_out = self.fields_left_out.saturating_add(1);
        } else {
            self.fields_bytes = bytes;
            self.fields.push((field, description));
        }
        self
    }

    /// Says when trying again may help.
    pub fn retry_after(mut self, delay: Duration) -> Fault {
        self.retry_after = Some(delay);
        self
    }

    /// Adds a fact for programs, such as a limit.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Fault {
        self.metadata.push((cut(key.into(), FIELD_BYTES_MAX), cut(value.into(), FIELD_BYTES_MAX)));
        self
    }

    /// Why.
    pub fn reason(&self) -> ErrorReason {
        self.reason
    }

    /// The status to answer with.
    pub fn into_status(self, trace_id: [u8; 16]) -> Status {
        let metadata: HashMap<String, String> = self.metadata.into_iter().collect();
        let mut details = ErrorDetails::with_error_info(name(self.reason), DOMAIN, metadata);
        details.set_request_info(hex::encode(trace_id), "");
        if let Some(delay) = self.retry_after {
            details.set_retry_info(Some(delay));
        }
        for (field, description) in self.fields {
            details.add_bad_request_violation(field, description);
        }
        if self.fields_left_out > 0 {
            details.add_bad_request_violation("", format!("and {} more", self.fields_left_out));
        }
        Status::with_error_details(code(self.reason), self.text, details)
    }
}

/// The answer to a method that nobody serves here. Its code is the one clients probe for; it needs no reason of ours.
pub(crate) fn unknown_method(trace_id: [u8; 16]) -> Status {
    let mut details = ErrorDetails::new();
    details.set_request_info(hex::encode(trace_id), "");
    Status::with_error_details(Code::Unimplemented, "no such method here; see reflection", details)
}

/// The gRPC code of a reason.
pub fn code(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::IdentityInvalid
        | ErrorReason::TokenMissing
        | ErrorReason::TokenInvalid
        | ErrorReason::TokenExpired => Code::Unauthenticated,
        ErrorReason::CallerNotAllowed
        | ErrorReason::TokenSubjectMismatch
        | ErrorReason::TokenScope
        | ErrorReason::SubjectInactive
        | ErrorReason::RoleMissing
        | ErrorReason::PurposeNotGranted
        | ErrorReason::LabelNotPermitted => Code::PermissionDenied,
        ErrorReason::FieldInvalid
        | ErrorReason::LabelInvalid
        | ErrorReason::LabelMissing
        | ErrorReason::ReportInvalid
        | ErrorReason::TooLarge
        | ErrorReason::PageTokenInvalid
        | ErrorReason::RequestIdReused
        | ErrorReason::OperationUnknown
        | ErrorReason::SearchInvalid
        | ErrorReason::InterestTooBroad => Code::InvalidArgument,
        ErrorReason::ReportVersionConflict | ErrorReason::AlreadyExists => Code::AlreadyExists,
        ErrorReason::EtagMismatch | ErrorReason::EpochChanged => Code::Aborted,
        ErrorReason::NotFound => Code::NotFound,
        ErrorReason::AuditUnavailable
        | ErrorReason::AccessUnavailable
        | ErrorReason::Draining
        | ErrorReason::NotYetFresh
        | ErrorReason::PeerUnavailable => Code::Unavailable,
        ErrorReason::Overloaded => Code::ResourceExhausted,
        ErrorReason::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorReason::Unspecified | ErrorReason::StoreFailed | ErrorReason::Internal => Code::Internal,
    }
}

/// The name of a reason on the wire, such as `TOKEN_EXPIRED`.
pub fn name(reason: ErrorReason) -> &'static str {
    let full = reason.as_str_name();
    full.strip_prefix(NAME_PREFIX).unwrap_or(full)
}

/// What protobuf puts before the name of each value.
const NAME_PREFIX: &str = "ERROR_REASON_";

/// The reason in a status; `None` when the status is not one of ours (a transport failure, say).
pub fn reason_of(status: &Status) -> Option<ErrorReason> {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN)?;
    ErrorReason::from_str_name(&format!("{NAME_PREFIX}{}", info.reason))
}

/// What a status says, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// In words.
    pub message: String,
    /// Why.
    pub reason: Option<ErrorReason>,
    /// Faults: field, description.
    pub fields: Vec<(String, String)>,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
    /// Trace id in hexadecimal.
    pub trace_id: Option<String>,
}

/// Reads everything out of a status; of a connection that was not made, why not.
pub fn describe(status: &Status) -> Described {
    if let Some(failed) = connect_error(status) {
        let cause = failed.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        return Described {
            message: format!("{failed}{cause}"),
            reason: Some(failed.reason()),
            ..Described::default()
        };
    }
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    Described {
        message: status.message().to_owned(),
        reason: reason_of(status),
        fields: violations.iter().map(|fault| (fault.field.clone(), fault.description.clone())).collect(),
        retry_after: details.retry_info().and_then(|info| info.retry_delay),
        trace_id: details.request_info().map(|info| info.request_id.clone()),
    }
}

fn connect_error(status: &Status) -> Option<&ConnectError> {
    let first = status.source();
    std::iter::successors(first, |&error| error.source())
        .find_map(|error| error.downcast_ref::<ConnectError>())
}

/// Cuts a text to at most `bytes_max`, between characters, and shows that it did.
fn cut(mut text: String, bytes_max: usize) -> String {
    const MARK: &str = "…";
    if text.len() > bytes_max {
        let end = text.floor_char_boundary(bytes_max.saturating_sub(MARK.len()));
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}
