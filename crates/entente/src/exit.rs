//! Exit codes, and how a failure reads. The codes are those of sysexits.h; `entente audit verify` has its own (see its
//! help).

use std::{fmt, process::ExitCode};

use entente_chassis::status;

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
}

impl Failure {
    /// A failure with a code of its own.
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), details: Vec::new() }
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

    /// Prints the failure to standard error and gives its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("entente: {}", self.message);
        for detail in &self.details {
            eprintln!("  {detail}");
        }
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        self.details.iter().try_for_each(|detail| write!(out, "; {detail}"))
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
        let reason =
            described.reason.map(|reason| format!(" ({})", status::name(reason))).unwrap_or_default();
        let mut failure = Failure::new(code, format!("{}{reason}", described.message));
        for (field, description) in described.fields {
            failure = failure.detail(format!("{field}: {description}"));
        }
        if let Some(delay) = described.retry_after {
            failure = failure.detail(format!("try again in {} ms", delay.as_millis()));
        }
        match described.trace_id {
            Some(trace_id) => failure.detail(format!("trace {trace_id}")),
            None => failure,
        }
    }
}
