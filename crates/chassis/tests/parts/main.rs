//! The parts of the chassis that need no server: who is trusted, what is signed, how long it holds, what is refused.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod client;
mod clock;
mod identity;
mod lease;
mod pki;
mod status;
mod tasks;
mod tls;
mod token;
