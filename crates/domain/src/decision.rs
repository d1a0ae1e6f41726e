//! May this subject read, file, relabel, pass on, recall, subscribe, look into the log, and why not: pure functions over
//! values.
//!
//! A decision is a conjunction of conditions, tried in a fixed order; the first that fails gives the reason. Nothing is
//! ever joined by "or": that is what makes `read(a ⊔ b)` the same as `read(a)` and `read(b)`, and one decision per
//! interned label exact. So there is no exemption for originators either; a label must contain them.

mod audit;
mod condition;
mod gate;
mod obligation;
mod reason;
mod relabel;
mod release;
mod subscribe;

pub use self::audit::{DisclosureRecord, audit};
use self::condition::{Facts, READ, SUBMIT, first_failure};
pub use self::obligation::{Obligation, RecallScope, date_obligations};
pub use self::reason::{Acquaintance, Action, DenyReason, Told};
pub use self::relabel::{Named, Relabelling, knows, recall, relabel};
pub use self::release::{Release, Released, release_onward};
pub use self::subscribe::{Sink, SinkKind, deliver, subscribe};
use crate::ids::{OriginatorName, Purpose, Realm, Role};
use crate::label::Label;
use crate::registry::Registry;
use crate::subject::PreparedSubject;

/// What a caller asserts for one call. The day is that of the prepared subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The realm worked in; exactly one.
    pub realm: Realm,
    /// The purpose; exactly one.
    pub purpose: Purpose,
    /// Assurance of the authentication, 1 to 3.
    pub aal: u8,
}

/// What became of an object since it was filed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// Nothing: it may be read.
    #[default]
    Live,
    /// Called back by its originator: nobody reads it.
    Recalled,
    /// Its marking is not understood: nobody reads it until a person has labelled it.
    Quarantined,
}

/// What a submitted object was made from. The default is: from nothing that is labelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Derivation<'a> {
    /// Labels of the sources.
    pub sources: &'a [Label],
    /// Originators that signed this very label beside the submitter.
    pub cosigners: &'a [OriginatorName],
}

/// One condition of a decision, put into words for those entitled to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The reason with which it fails.
    pub reason: DenyReason,
    /// What the label, the object or the rules ask.
    pub required: String,
    /// What the subject or the session has.
    pub held: String,
    /// Whether it holds.
    pub holds: bool,
}

/// A read decision with all its conditions, in the order they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub outcome: Result<Vec<Obligation>, DenyReason>,
    /// Every condition, those after the first failure included.
    pub conditions: Vec<Condition>,
}

/// Whether the subject may read what carries this label; on success the duties that come with it, sorted.
///
/// # Errors
/// The first condition that fails.
pub fn read(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    registry: &Registry,
    state: ObjectState,
) -> Result<Vec<Obligation>, DenyReason> {
    let facts = Facts { subject, label, session, registry, state, role: Role::READER };
    first_failure(&READ, &facts)?;
    Ok(obligation::of_reading(subject, label))
}

/// The same decision as [`read`], with every condition in words.
#[must_use]
pub fn explain(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    registry: &Registry,
    state: ObjectState,
) -> Explanation {
    let facts = Facts { subject, label, session, registry, state, role: Role::READER };
    let conditions = READ.iter().map(|rule| {
        let (required, held) = (rule.words)(&facts);
        Condition { reason: rule.reason, required, held, holds: (rule.holds)(&facts) }
    });
    Explanation { conditions: conditions.collect(), outcome: read(subject, label, session, registry, state) }
}

/// Whether the subject may file an object under this label; on success the duties that come with it, sorted.
///
/// Giving is not receiving: an embargo and a vetting the submitter lacks do not stop it. Writing up blindly is not
/// allowed: everything else the label asks, the submitter must hold.
///
/// # Errors
/// The first condition that fails; for [`DenyReason::LabelInvalid`], `label.validate(registry, true)` lists what is wrong.
pub fn submit(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    registry: &Registry,
    derivation: Derivation<'_>,
) -> Result<Vec<Obligation>, DenyReason> {
    let facts = Facts { subject, label, session, registry, state: ObjectState::Live, role: Role::SUBMITTER };
    first_failure(&SUBMIT, &facts)?;
    for source in derivation.sources {
        if read(subject, source, session, registry, ObjectState::Live).is_err() {
            return Err(DenyReason::SourceNotReadable);
        }
        if !source.flows_to(label) && !is_own_tear_line(subject, source) {
            return Err(DenyReason::WriteDown);
        }
    }
    let others: Vec<&OriginatorName> = label.originators_beside(subject.org.as_str()).collect();
    let speaks = |name: &OriginatorName| {
        derivation.cosigners.contains(name)
            || derivation.sources.iter().any(|source| source.originators().contains(name))
    };
    if !others.iter().all(|name| speaks(name)) {
        return Err(DenyReason::CosignMissing);
    }
    Ok(obligation::of_submitting(label, others))
}

/// An organization may lower what it alone originated, if somebody with the authority does it.
fn is_own_tear_line(subject: &PreparedSubject, source: &Label) -> bool {
    let alone = matches!(source.originators(), [only] if only.as_str() == subject.org.as_str());
    alone && subject.has_role(Role::LABEL_AUTHORITY)
}
