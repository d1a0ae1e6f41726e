//! `entente-domain`: labels, subjects, agreements, the decision who may do what, and what of an object a reader sees.
//!
//! **Purpose.** Partners share although they only partly trust each other. What one of them gives carries a label; this
//! crate says what that label means, how labels combine, and whether a subject may have what carries it. Every service and
//! every node must come to the same answer, so the rules stand here once, as plain functions over values.
//!
//! **What it owns.** The identifiers of the domain ([`ids`]), the day as the only unit of time a label knows ([`day`]),
//! audience tokens and compartments ([`token`]), what a deployment has registered ([`registry`]), the label with its line,
//! canonical bytes, hash, order and join ([`label`]), subjects ([`subject`], [`profile`]), what partners agreed and what
//! originators consented to ([`agreement`], [`consent`]), the decision ([`decision`]), and the projection of an object to what
//! a reader may see ([`projection`]).
//!
//! **What it refuses.** No I/O, no clock, no randomness, no environment: today, the registry and the subject are arguments.
//! It guesses nothing: an unknown word in a label is an error, an unregistered level admits nobody, and a malformed stored
//! label denies everything to everybody.
//!
//! **What always holds.**
//! - A label is a conjunction of restrictions. Joining adds up restrictions and can take none away: `a ⊑ a ⊔ b`.
//! - `read(a ⊔ b)` is `read(a)` and `read(b)`, for every subject, purpose, day and assurance. One decision per interned
//!   label is therefore exact, and no rule here may contain an "or"; originators have no exemption.
//! - A decision splits into what is timeless, decided once per label, and the label's dates, compared as columns.
//! - A [`label::Label`] is in normal form: equality of values is equality of meaning, and `parse(print(l)) = l`.
//! - Canonical bytes and hashes are a frozen format; a field of a later version is refused, never dropped.
//! - Permission comes from the hat worn, exclusion from every hat.
//! - Realms never meet.
//! - Restriction is unilateral, widening is unanimous: of originators for a label, of parties for an agreement.
//! - What a reader may not see is absent from a projection, and so is every reference to it; a copy is never less
//!   restricted than its original.
//!
//! **Where to look.** Each action is a function of [`decision`]: `read`, `submit`, `relabel`, `release_onward`, `recall`,
//! `subscribe` and `deliver`, `audit`; `decision/condition.rs` is the table that they and [`decision::explain`] read.
//! `tests/golden/decisions.txt` shows what comes out of it. [`label::Label::parse`] and [`label::Label::to_text`] are the line that people
//! write.
//!
//! **Rejected.** Comparing levels of different domains by a table: it would hide whose judgement is relied upon; agreements
//! in force say which foreign clearance counts, and up to where. TLP as a rule of decision: it speaks of the recipient's
//! organization and means nothing without a distribution, so it is compiled at intake. An exemption for originators at read
//! time: it is an "or", and would make a joined label decide otherwise than its parts.

pub mod agreement;
pub mod consent;
pub mod day;
pub mod decision;
pub mod ids;
pub mod label;
pub mod profile;
pub mod projection;
pub mod registry;
pub mod subject;
mod syntax;
pub mod token;
