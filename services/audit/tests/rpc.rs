//! Every method of the audit service over a real connection.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

#[path = "rpc/append.rs"]
mod append;
#[path = "rpc/authority.rs"]
mod authority;
#[path = "rpc/read.rs"]
mod read;
#[path = "rpc/trace.rs"]
mod trace;
#[path = "rpc/unseen.rs"]
mod unseen;

#[path = "support/node.rs"]
mod node;
