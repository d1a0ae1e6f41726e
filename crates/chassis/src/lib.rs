//! `entente-chassis`: how a process of the mesh starts, listens, proves who calls, is traced, fails and stops.
//!
//! **Purpose.** A service says what it does; everything it would otherwise repeat stands here once: identity and mutual
//! TLS, who may call which RPC, the transaction token, deadlines, limits, health, metrics, traces, configuration, and
//! the orderly end. A service names its parts to [`server::Server`] and its loops to a [`tasks::TaskGroup`], and is done.
//!
//! **What it owns.** The form of every refusal ([`status`] alone makes a `tonic::Status`), of every token ([`token`]), of
//! every setting ([`config`]), and the meaning of a certificate ([`identity`]).
//!
//! **What it refuses.** It knows no service's vocabulary: no report, no label, no decision. It starts no server with an
//! RPC that has no policy option. It speaks to nobody who shows no certificate, in no TLS before 1.3.
//!
//! **What always holds.**
//! - A handler runs only for a caller that the RPC's policy names, over a connection whose certificate chain, SPIFFE id
//!   and expiry were checked; where a token is asked for, with a token that verifies and fits the caller.
//! - Certificates and bundles are replaced while calls run, without dropping one; unusable new files change nothing.
//! - Every wait is bounded: connect, handshake, call, drain. Every task has an owner that waits for it.
//! - What goes out about a failure names no table, file or peer; the log has the whole chain, once.
//!
//! **Whom it calls.** Nobody, but the OTLP endpoint it is told to send traces to.
//!
//! **Where to look.** A process starts in [`run`]; a call comes in through [`server`], which puts [`identity`] (from
//! [`tls`]), [`policy`] and [`token`] before the handler and hands it a [`call::Call`]; a call goes out through
//! [`client`]. [`lease`] is how long a decision may be relied on, [`clock`] the only source of the time.
//!
//! **Rejected.** tonic's own TLS: no reload, no SPIFFE id, no say in the key exchange. Session tickets: a resumed session
//! would outlive a bundle that was replaced. Interceptors written by each service: what every RPC must pass belongs
//! where no service can forget it. A trait per part, for wiring: there is one chassis.

pub mod call;
pub mod client;
pub mod clock;
pub mod config;
pub mod identity;
pub mod lease;
pub mod metrics;
pub mod pki;
pub mod policy;
pub mod run;
pub mod server;
pub mod status;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod token;
