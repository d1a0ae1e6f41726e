//! `entente-stix`: what the mesh must know of a STIX 2.1 object before it stores, finds and matches it.
//!
//! **Purpose.** Partners send bundles, arrays, lines or single objects. This crate cuts such input into the exact bytes of
//! each object, reads the properties every object shares, and takes from it the texts people search for and the values
//! machines match on.
//!
//! **What it owns.** The grammar of types, identifiers and timestamps; the list of STIX types; what counts as one version
//! of an object; how an indicator value is spelled so that two spellings of one address meet.
//!
//! **What it refuses.** It never rewrites an object: bytes are kept as received and only read. No I/O, no clock, no
//! randomness. Full validation of every type's own properties is not here yet; what is here is never contradicted by it.
//!
//! **What always holds.**
//! - A slice given out by [`split`] is a slice of the input, byte for byte.
//! - An object with a key twice or a `null`, at any depth, is refused: readers would disagree about what it says.
//! - Every fault found is listed, with where, which rule and what to do; nothing is reported by its first fault alone.
//! - No input panics or recurses without bound: depth is limited by the JSON reader (128), sizes by the caller, lists here.
//!
//! **Where to look.** [`split`] → [`json`] → [`object`] (with [`id`], [`timestamp`], [`fault`]) → [`indicator`] (with
//! [`pattern`]) and [`text`].
//!
//! **Rejected.** `serde_json::Value`: it silently keeps the last of two equal keys and copies every string. One struct per
//! STIX type with `deny_unknown_fields`: real data is full of custom properties, which must travel untouched. Regular
//! expressions for indicator values: the handful of forms is read faster and more legibly by hand.

pub mod fault;
pub mod id;
pub mod indicator;
pub mod json;
pub mod object;
pub mod object_kind;
pub mod pattern;
pub mod split;
pub mod text;
pub mod timestamp;
