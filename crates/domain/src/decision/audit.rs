//! May this subject look into a record of the disclosure log? Metadata only: who gave what to whom, never the content.

use std::collections::BTreeSet;

use crate::decision::{DenyReason, Obligation};
use crate::ids::{OriginatorName, Role};
use crate::label::Label;
use crate::registry::Registry;
use crate::subject::PreparedSubject;

/// What a record says about who was concerned, and under which label.
#[derive(Clone, Copy, Debug)]
pub struct DisclosureRecord<'a> {
    /// Originators of what was disclosed.
    pub originators: &'a [OriginatorName],
    /// The organization that acted.
    pub actor: &'a OriginatorName,
    /// The organization that received, if another.
    pub recipient: Option<&'a OriginatorName>,
    /// The label of what was disclosed.
    pub label: &'a Label,
}

/// Whether the subject may see the metadata of this record: overseers by their mandate, auditors for their organization.
///
/// # Errors
/// The first condition that fails.
pub fn audit(
    subject: &PreparedSubject,
    record: DisclosureRecord<'_>,
    registry: &Registry,
) -> Result<Vec<Obligation>, DenyReason> {
    if !subject.active {
        return Err(DenyReason::SubjectInactive);
    }
    let concerned: BTreeSet<&str> = record
        .originators
        .iter()
        .chain([record.actor])
        .chain(record.recipient)
        .map(OriginatorName::as_str)
        .collect();
    let mut duties = vec![Obligation::AuditBeforeDisclosure, Obligation::ProjectionMetadata];
    let entitled = if subject.has_role(Role::OVERSIGHT) {
        duties.extend((!subject.mandate.identify).then_some(Obligation::PseudonymizePersons));
        is_mandated(subject, &concerned, registry)
    } else if subject.has_role(Role::AUDITOR) {
        concerned.contains(subject.org.as_str())
    } else {
        return Err(DenyReason::RoleMissing);
    };
    if !entitled {
        return Err(DenyReason::OutsideMandate);
    }
    let mut codewords = record.label.fields().comps.iter().filter(|path| path.is_codeword());
    if codewords.any(|path| !subject.is_read_into(path)) {
        duties.push(Obligation::MaskCodewords);
    }
    duties.sort_unstable();
    Ok(duties)
}

/// Whether an organization concerned, or its nation, is one the overseer looks after.
fn is_mandated(subject: &PreparedSubject, concerned: &BTreeSet<&str>, registry: &Registry) -> bool {
    let nation = |name: &&str| registry.organization(name).and_then(|known| known.nation.as_ref());
    concerned.iter().any(|name| subject.mandate.orgs.contains(*name))
        || concerned.iter().filter_map(nation).any(|nation| subject.mandate.nations.contains(nation))
}
