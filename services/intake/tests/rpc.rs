//! Every method of the intake service over a real connection.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
mod mesh;

#[path = "rpc/bulk.rs"]
mod bulk;
#[path = "rpc/keys.rs"]
mod keys;
#[path = "rpc/record.rs"]
mod record;
#[path = "rpc/refuse.rs"]
mod refuse;
#[path = "rpc/search.rs"]
mod search;
#[path = "rpc/submit.rs"]
mod submit;
#[path = "rpc/tail.rs"]
mod tail;
#[path = "rpc/visible.rs"]
mod visible;
