//! May this subject change a label, may it call an object back, and does it know of the object at all?
//!
//! Restriction is unilateral, widening is unanimous, and the realm never changes.

use crate::decision::condition::{Facts, RELABEL, first_failure};
use crate::decision::{DenyReason, ObjectState, Obligation, RecallScope, Session, read};
use crate::ids::{OrganizationId, OriginatorName, Role};
use crate::label::Label;
use crate::registry::Registry;
use crate::subject::PreparedSubject;

/// A change of a label.
#[derive(Clone, Copy, Debug)]
pub struct Relabelling<'a> {
    /// The label as it is.
    pub old: &'a Label,
    /// The label as it shall be.
    pub new: &'a Label,
    /// Originators that signed this very label beside the subject's organization.
    pub cosigners: &'a [OriginatorName],
}

impl Relabelling<'_> {
    /// Whether the new label must be fit to be submitted, and not merely well-formed: a local overlay may shut out the
    /// originator.
    #[must_use]
    pub fn is_strict(&self, organization: &OrganizationId) -> bool {
        self.old.is_originated_by(organization.as_str())
    }
}

/// Whether the subject may change the label.
///
/// # Errors
/// The first condition that fails; for [`DenyReason::LabelInvalid`], `new.validate(registry, change.is_strict(org))` lists
/// what is wrong.
pub fn relabel(
    subject: &PreparedSubject,
    change: Relabelling<'_>,
    session: &Session,
    registry: &Registry,
) -> Result<Vec<Obligation>, DenyReason> {
    let state = ObjectState::Live;
    let facts = Facts { subject, label: change.old, session, registry, state, role: Role::LABEL_AUTHORITY };
    first_failure(&RELABEL, &facts)?;
    if change.new.realm() != change.old.realm() {
        return Err(DenyReason::RealmChange);
    }
    let own = change.is_strict(&subject.org);
    if !change.new.validate(registry, own).is_empty() {
        return Err(DenyReason::LabelInvalid);
    }
    if !change.old.leq(change.new) {
        if !own {
            return Err(DenyReason::NotOriginator);
        }
        if !change.old.originators_beside(subject.org.as_str()).all(|name| change.cosigners.contains(name)) {
            return Err(DenyReason::CosignMissing);
        }
    }
    let reach = if own { Obligation::PropagateLabel } else { Obligation::LocalOverlayOnly };
    let mut duties = vec![Obligation::AuditBeforeDisclosure, reach];
    duties.sort_unstable();
    Ok(duties)
}

/// Whether the subject may call back what carries this label. `released_by`: organizations that passed it on.
///
/// Nobody needs to be able to read it for that; afterwards nobody can.
///
/// # Errors
/// The first condition that fails.
pub fn recall(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    registry: &Registry,
    released_by: &[OrganizationId],
) -> Result<Vec<Obligation>, DenyReason> {
    let state = ObjectState::Live;
    first_failure(
        &RELABEL,
        &Facts { subject, label, session, registry, state, role: Role::RECALL_AUTHORITY },
    )?;
    let scope = if label.is_originated_by(subject.org.as_str()) {
        RecallScope::All
    } else if released_by.contains(&subject.org) {
        RecallScope::OwnBranch
    } else {
        return Err(DenyReason::NotOriginator);
    };
    Ok(vec![
        Obligation::AuditBeforeDisclosure,
        Obligation::RecallScope(scope),
        Obligation::TombstoneToDisclosed,
    ])
}

/// An object somebody names who would change or recall it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its label as it is.
    pub label: &'a Label,
    /// What became of it.
    pub state: ObjectState,
    /// Organizations that passed it on.
    pub released_by: &'a [OrganizationId],
}

/// Whether the subject legitimately knows that an object exists: its organization originated or passed it on, or it could
/// read it if it were a reader.
#[must_use]
pub fn knows(subject: &PreparedSubject, named: Named<'_>, session: &Session, registry: &Registry) -> bool {
    let reader = || {
        let mut reader = subject.clone();
        reader.roles.extend(Role::new(Role::READER));
        reader
    };
    named.label.is_originated_by(subject.org.as_str())
        || named.released_by.contains(&subject.org)
        || read(&reader(), named.label, session, registry, named.state).is_ok()
}
