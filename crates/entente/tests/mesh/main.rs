//! The `entente` command from outside: a real `entente up` process, called by the command itself and by clients of the
//! test's own. Ports are of the system's choice; whatever takes time is waited for by asking, with a deadline.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail the test"
)]

mod bad_input;
mod bulk;
mod client;
mod commands;
mod demo;
mod kills;
mod policies;
mod process;
mod restarts;
mod signatures;
mod tracing;
