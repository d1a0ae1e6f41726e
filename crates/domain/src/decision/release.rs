//! May this subject pass something on to that receiver? Reading it is the first condition; the receiver, the originators
//! and an agreement in force come after.

use crate::agreement::Agreement;
use crate::consent::{Consent, Passing};
use crate::decision::condition::{Facts, RECEIVE, RELEASE, first_failure};
use crate::decision::gate::{self, Flow};
use crate::decision::{DenyReason, ObjectState, Obligation, Session, read};
use crate::ids::{ContentType, ObjectId, OriginatorName, Role};
use crate::label::{Label, Onward, Tlp};
use crate::registry::Registry;
use crate::subject::PreparedSubject;
use crate::token::Token;

/// What is passed on to whom, and what speaks for it.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Who is to receive it, prepared for the same day with the same agreements.
    pub target: &'a PreparedSubject,
    /// Assurance of the receiver's authentication, 1 to 3.
    pub target_aal: u8,
    /// The object, as consents name it.
    pub object: Option<&'a ObjectId>,
    /// What became of it.
    pub state: ObjectState,
    /// Its type, as agreements name it.
    pub content: Option<&'a ContentType>,
    /// Agreements of this node, in the order they are asked.
    pub agreements: &'a [Agreement],
    /// Consents of originators held here.
    pub consents: &'a [Consent],
}

/// A release that may go ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The duties that come with it, sorted.
    pub obligations: Vec<Obligation>,
    /// The label under which the copy travels; never less restrictive than that of the original.
    pub label_of_copy: Label,
}

/// Whether the subject may pass on what carries this label.
///
/// # Errors
/// The first condition that fails.
pub fn release_onward(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    registry: &Registry,
    release: &Release<'_>,
) -> Result<Released, DenyReason> {
    let facts =
        |subject, session, role| Facts { subject, label, session, registry, state: release.state, role };
    first_failure(&RELEASE, &facts(subject, session, Role::RELEASE_AUTHORITY))?;
    read(subject, label, session, registry, release.state)?;
    let theirs = Session { aal: release.target_aal, ..session.clone() };
    first_failure(&RECEIVE, &facts(release.target, &theirs, Role::READER))?;
    let mut obligations = vec![Obligation::AuditBeforeDisclosure];
    let mut label_of_copy = label.clone();
    // Inside one organization the audience is all there is.
    if release.target.org != subject.org {
        obligations.extend(third_party_rule(subject, label, session, release)?);
        if label.fields().attr_required && label.fields().attr_withhold {
            return Err(DenyReason::AttributionConflict);
        }
        if !label.is_public() {
            label_of_copy = copy_under_agreement(subject, label, session, release)?;
            obligations.push(Obligation::Relabel(label_of_copy.hash()));
            obligations.extend(label_of_copy.not_after().map(Obligation::DeleteBy));
        }
        obligations.extend(label.fields().attr_withhold.then_some(Obligation::WithholdOriginator));
        obligations.extend(label.fields().attr_required.then_some(Obligation::AttributeOriginator));
    }
    obligations.sort_unstable();
    Ok(Released { obligations, label_of_copy })
}

/// What the originators beside the subject's organization have a say in; they are told where they were asked.
fn third_party_rule(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    release: &Release<'_>,
) -> Result<Option<Obligation>, DenyReason> {
    let others: Vec<&OriginatorName> = label.originators_beside(subject.org.as_str()).collect();
    if others.is_empty() {
        return Ok(None);
    }
    let told = match label.fields().onward {
        Onward::None => return Err(DenyReason::OnwardProhibited),
        Onward::Open => None,
        Onward::Consent => {
            let hash = label.hash();
            let consents = |originator: &OriginatorName| {
                let passing = Passing {
                    originator,
                    to: &release.target.org,
                    object: release.object,
                    label: hash,
                    purpose: &session.purpose,
                    today: subject.today,
                };
                // Back to its own originator needs no consent.
                originator.as_str() == release.target.org.as_str()
                    || release.consents.iter().any(|consent| consent.covers(&passing))
            };
            if !others.iter().all(|originator| consents(originator)) {
                return Err(DenyReason::ConsentMissing);
            }
            Some(Obligation::NotifyOriginators(others.into_iter().cloned().collect()))
        }
    };
    if label.fields().tlp == Tlp::Amber && !is_addressed_or_own_client(subject, label, release.target) {
        return Err(DenyReason::AmberNotOwnClient);
    }
    Ok(told)
}

/// TLP:AMBER means one's own organization and its clients.
fn is_addressed_or_own_client(subject: &PreparedSubject, label: &Label, target: &PreparedSubject) -> bool {
    let addressed = Token::organization(&target.org);
    label.fields().audience.iter().flatten().any(|token| *token == addressed)
        || target.carries(&Token::clients(&subject.org))
}

fn copy_under_agreement(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    release: &Release<'_>,
) -> Result<Label, DenyReason> {
    let (from, to, today) = (&subject.org, &release.target.org, subject.today);
    let flow = Flow { from, to, label, session, content: release.content, today };
    let agreement = gate::covering(release.agreements, &flow)?;
    if !agreement.body.vetting.iter().all(|kind| release.target.vetted.contains(kind)) {
        return Err(DenyReason::TargetVetting);
    }
    agreement.label_of_copy(label, today).map_err(|_| DenyReason::RealmMismatch)
}
