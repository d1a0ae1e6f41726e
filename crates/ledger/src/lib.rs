//! `entente-ledger`: what makes the audit log provable to people who do not trust us.
//!
//! **Purpose.** The audit service keeps an append-only log of commitments. This crate holds the arithmetic of that log:
//! the Merkle tree of RFC 6962, its tiles, inclusion and consistency proofs, signed notes, checkpoints, the record
//! commitment and the receipt that leaves with every disclosing answer. All formats are those of C2SP
//! (`signed-note`, `tlog-checkpoint`, `tlog-tiles`, `tlog-proof`), so that tools nobody here wrote can check them.
//!
//! **What it owns.** Bytes and hashes: for a given input there is one encoding, and every encoding has a golden file.
//!
//! **What it refuses.** No I/O, no clock, no randomness: keys, salts and tiles are arguments. It does not decide whom to
//! trust; a caller names the key. It does not know what a record's sections mean, only that each is committed on its own.
//!
//! **What always holds.**
//! - A tree of `n` leaves has one root, however its leaves were batched.
//! - A proof that verifies binds index, tree size, leaf and root; each flipped byte is an error, never a panic.
//! - A note verifies only if a key the caller named signed it; unknown keys are ignored, a known key that fails is fatal.
//! - What is parsed and printed again is the same bytes; a second spelling of a value is refused.
//!
//! **Where to look.** [`hash`] → [`tile`] → [`tree`] (append) and [`proof`] (prove, verify) → [`note`] → [`checkpoint`]
//! → [`receipt`]; [`commitment`] stands beside them, and so does [`version`]: the signatures of originators are trees too.
//!
//! **Rejected.** Keeping every inner node in the store: tiles hold the same in a thirtieth of the rows and are what others
//! fetch. Reading the whole edge back for each batch: the [`tree::Frontier`] is at most 255 hashes a level. Published crates:
//! they lag behind C2SP; `ct-merkle` is kept as a cross-check in the tests.

pub mod checkpoint;
pub mod commitment;
mod decimal;
pub mod hash;
pub mod note;
mod note_key;
pub mod proof;
mod range;
pub mod receipt;
mod subtrees;
pub mod tile;
pub mod tree;
pub mod version;
