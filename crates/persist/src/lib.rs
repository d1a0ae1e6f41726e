//! `entente-persist`: how a service keeps its state on one machine, and survives losing power.
//!
//! **Purpose.** Every service owns one SQLite file. This crate opens it, migrates it, and runs closures against it: writes on
//! one thread that owns the only writing connection, reads on a small pool. It also holds what every service needs beside its
//! tables: an outbox for records that must reach a peer, sealed page tokens, and durable small files for keys.
//!
//! **What it owns.** Threads, connections, the order of commits. It knows no table but `schema_migration` and `outbox`.
//!
//! **What it refuses.** A schema newer than the program, or one whose applied migrations were edited. Work beyond its bounded
//! queues: the caller waits. A write on a reading connection.
//!
//! **What always holds.**
//! - An answered write is on the disk ([`Durability::EachCommit`]): answers are sent after the commit's fsync. (I4)
//! - A write that fails leaves nothing behind, and leaves the other writes of its commit alone.
//! - Writes are committed in the order in which they were queued; there is never a second writer in the process.
//! - A read sees one snapshot, however many statements it runs.
//! - An outbox event is delivered at least once, in order, and deleted only after its delivery was acknowledged.
//!
//! **Group commit.** While one commit waits for the disk, writes queue up; all of them go into the next transaction. No timer:
//! alone, a write waits for nobody; in a crowd, the fsync is shared. Measured, a timer only costs.
//!
//! **Rejected.** A pool of writing connections (SQLite has one writer; the rest would spin on SQLITE_BUSY). Writes on tokio's
//! blocking pool (a thread hop per write and no batching). An async SQL layer (the same thread behind more code).

mod checkpoint;
mod database;
mod error;
mod migration;
pub mod outbox;
mod page_token;
mod reader;
pub mod secret_file;
mod writer;

pub use database::{Database, DatabaseConfig, Durability};
pub use error::PersistError;
pub use migration::Migration;
pub use page_token::{PageTokenError, PageTokenKey};
