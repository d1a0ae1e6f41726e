//! Exit codes, and how a failure reads. The codes are those of sysexits.h; `entente audit verify` has its own (see its
//! help).

use std::{fmt, process::ExitCode};

use entente_chassis::status;
use serde_json::json;

/// The mesh answered, and the answer is no: not found, refused, or something does not verify.
pub(crate) const REFUSED: u8 = 1;
/// The command line or a configuration is wrong.
pub(crate) const USAGE: u8 = 64;
/// Input is malformed, or some of it was refused.
pub(crate) const DATA: u8 = 65;
/// An input file is not there.
pub(crate) const NO_INPUT: u8 = 66;
/// The mesh, or a part of it, cannot be reached or cannot do it now; trying again may help.
pub(crate) const UNAVAILABLE: u8 = 69;
/// A fault of the software.
pub(crate) const INTERNAL: u8 = 70;
/// The caller may not do this.
pub(crate) const NOT_PERMITTED: u8 = 77;

/// What the help of every command says about exit codes.
pub(crate) const HELP: &str = "Exit codes: 0 done; 1 refused, not found or not verified; 64 usage or configuration; \
65 malformed or refused input; 66 input file missing; 69 unavailable, try again; 70 internal fault; 77 not permitted";

/// Why a command ended, in words and as an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    details: Vec<String>,
    /// Boxed: a failure is the error of nearly every function here.
    refusal: Box<Refusal>,
}

/// What the mesh said with its refusal; empty when the command itself gave up.
#[derive(Debug, Default)]
struct Refusal {
    reason: &'static str,
    fields: Vec<(String, String)>,
    retry_after_ms: Option<u64>,
    trace_id: Option<String>,
}

impl Failure {
    /// A failure with a code of its own.
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), details: Vec::new(), refusal: Box::default() }
    }

    /// The command line or a configuration is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(USAGE, message)
    }

    /// Input is malformed or was refused.
    pub(crate) fn data(message: impl Into<String>) -> Failure {
        Failure::new(DATA, message)
    }

    /// A fault of the software.
    pub(crate) fn internal(message: impl Into<String>) -> Failure {
        Failure::new(INTERNAL, message)
    }

    /// Adds a line below the message.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Failure {
        self.details.push(detail.into());
        self
    }

    /// Whether trying again may help.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.code == UNAVAILABLE
    }

    /// Prints the failure to standard error, as one line of JSON if wanted, and gives its exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if json {
            eprintln!("{}", self.to_json());
        } else {
            eprintln!("entente: {}", self.headline());
            self.lines().for_each(|line| eprintln!("  {line}"));
        }
        ExitCode::from(self.code)
    }

    fn headline(&self) -> String {
        match self.refusal.reason {
            "" => self.message.clone(),
            reason => format!("{} ({reason})", self.message),
        }
    }

    /// What stands below the message.
    fn lines(&self) -> impl Iterator<Item = String> {
        let Refusal { fields, retry_after_ms, trace_id, .. } = self.refusal.as_ref();
        let fields = fields.iter().map(|(field, description)| format!("{field}: {description}"));
        let retry = retry_after_ms.iter().map(|delay| format!("try again in {delay} ms"));
        let trace = trace_id.iter().map(|trace_id| format!("trace {trace_id}"));
        self.details.iter().cloned().chain(fields).chain(retry).chain(trace)
    }

    fn to_json(&self) -> serde_json::Value {
        let Refusal { reason, fields, retry_after_ms, trace_id } = self.refusal.as_ref();
        let fault =
            |(field, description): &(String, String)| json!({ "field": field, "description": description });
        json!({ "error": {
            "exit_code": self.code,
            "message": self.message,
            "reason": reason,
            "fields": fields.iter().map(fault).collect::<Vec<_>>(),
            "details": self.details,
            "retry_after_ms": retry_after_ms,
            "trace_id": trace_id,
        } })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.headline())?;
        self.lines().try_for_each(|line| write!(out, "; {line}"))
    }
}

/// What the mesh refused: reason, every field, when to try again, and the trace id for the operator.
impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Failure {
        let described = status::describe(&status);
        // A refused certificate has a reason, and the transport's code beside it.
        let code = match described.reason.map_or(status.code(), status::code) {
            tonic::Code::Unavailable | tonic::Code::ResourceExhausted | tonic::Code::DeadlineExceeded => {
                UNAVAILABLE
            }
            tonic::Code::InvalidArgument => DATA,
            tonic::Code::PermissionDenied | tonic::Code::Unauthenticated => NOT_PERMITTED,
            tonic::Code::Internal | tonic::Code::Unknown | tonic::Code::DataLoss => INTERNAL,
            tonic::Code::Ok
            | tonic::Code::Cancelled
            | tonic::Code::NotFound
            | tonic::Code::AlreadyExists
            | tonic::Code::FailedPrecondition
            | tonic::Code::Aborted
            | tonic::Code::OutOfRange
            | tonic::Code::Unimplemented => REFUSED,
        };
        let refusal = Refusal {
            reason: described.reason.map(status::name).unwrap_or_default(),
            fields: described.fields,
            retry_after_ms: described
                .retry_after
                .map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
            trace_id: described.trace_id,
        };
        Failure { refusal: Box::new(refusal), ..Failure::new(code, described.message) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use entente_chassis::status::{ErrorReason, Fault};

    use super::*;

    #[test]
    fn a_refusal_reads_the_same_in_words_and_as_json() {
        let fault = Fault::new(ErrorReason::Overloaded, "wait").field("items", "are many");
        let failure = Failure::from(fault.retry_after(Duration::from_millis(200)).into_status([1; 16]));
        let trace = "01".repeat(16);
        let words = format!("wait (OVERLOADED); items: are many; try again in 200 ms; trace {trace}");
        assert_eq!(failure.to_string(), words);
        let error = json!({
            "exit_code": UNAVAILABLE, "message": "wait", "reason": "OVERLOADED", "details": [],
            "fields": [{ "field": "items", "description": "are many" }],
            "retry_after_ms": 200, "trace_id": trace,
        });
        assert_eq!(failure.to_json(), json!({ "error": error }));
    }
}
