//! Every method of the access service over a real connection.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "rpc/administer.rs"]
mod administer;
#[path = "rpc/decide.rs"]
mod decide;
#[path = "rpc/policies.rs"]
mod policies;
#[path = "rpc/tell.rs"]
mod tell;
#[path = "rpc/tokens.rs"]
mod tokens;

#[path = "support/node.rs"]
mod node;

use entente_chassis::status::{ErrorReason, describe, reason_of};
use tonic::Status;

/// The reason of a refusal.
fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> ErrorReason {
    reason_of(&answer.unwrap_err()).unwrap()
}

/// The fields of a refusal.
fn fields<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    describe(&answer.unwrap_err()).fields.into_iter().map(|(field, _)| field).collect()
}
