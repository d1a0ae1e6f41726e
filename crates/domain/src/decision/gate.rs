//! The gate of an agreement: whether what this label stands for may flow from one party to another for this purpose.

use crate::agreement::{Agreement, AgreementBody, Standing};
use crate::day::Day;
use crate::decision::{DenyReason, Session};
use crate::ids::{ContentType, OrganizationId};
use crate::label::Label;
use crate::token::Compartment;

/// One flow, as an agreement looks at it.
pub(super) struct Flow<'a> {
    pub(super) from: &'a OrganizationId,
    pub(super) to: &'a OrganizationId,
    pub(super) label: &'a Label,
    pub(super) session: &'a Session,
    pub(super) content: Option<&'a ContentType>,
    pub(super) today: Day,
}

/// The first agreement of both parties that allows the flow. What the last of those that do not says is the reason.
pub(super) fn covering<'a>(
    agreements: &'a [Agreement],
    flow: &Flow<'_>,
) -> Result<&'a Agreement, DenyReason> {
    let mut reason = DenyReason::AgreementMissing;
    for agreement in agreements {
        let parties = &agreement.body.parties;
        if parties.contains(flow.from) && parties.contains(flow.to) {
            match allows(agreement, flow) {
                Ok(()) => return Ok(agreement),
                Err(refusal) => reason = refusal,
            }
        }
    }
    Err(reason)
}

fn allows(agreement: &Agreement, flow: &Flow<'_>) -> Result<(), DenyReason> {
    match agreement.standing(flow.today) {
        Standing::InForce => {}
        Standing::Unratified => return Err(DenyReason::AgreementUnratified),
        Standing::Terminated => return Err(DenyReason::AgreementTerminated),
        Standing::Suspended => return Err(DenyReason::AgreementSuspended),
        Standing::NotStarted => return Err(DenyReason::AgreementNotStarted),
        Standing::Expired => return Err(DenyReason::AgreementExpired),
    }
    let body = &agreement.body;
    let fields = flow.label.fields();
    let directions = body.flows.iter().any(|(from, to)| from == flow.from && to == flow.to);
    let covers_content =
        flow.content.is_none_or(|content| body.content.is_empty() || body.content.contains(content));
    let conditions = [
        (directions, DenyReason::AgreementFlow),
        (body.realms.contains(&flow.session.realm), DenyReason::AgreementRealm),
        (body.purposes.contains(&flow.session.purpose), DenyReason::AgreementPurpose),
        (is_below_ceiling(body, flow.label), DenyReason::AgreementLevel),
        (covers_operations(body, &fields.comps), DenyReason::AgreementOperation),
        (covers_codewords(body, &fields.comps), DenyReason::AgreementCodeword),
        (body.personal_data || !fields.personal_data, DenyReason::AgreementPersonalData),
        (covers_content, DenyReason::AgreementContent),
    ];
    match conditions.into_iter().find(|(holds, _)| !holds) {
        Some((_, reason)) => Err(reason),
        None => Ok(()),
    }
}

fn is_below_ceiling(body: &AgreementBody, label: &Label) -> bool {
    let below = |domain, rank: &i32| body.max_levels.get(domain).is_some_and(|ceiling| rank <= ceiling);
    label.fields().levels.iter().all(|(domain, rank)| below(domain, rank))
        && label.fields().tlp <= body.max_tlp
}

/// Where operations are named, each one of the label must be one of them or below, and there must be one unless the
/// agreement is also about general material.
fn covers_operations(body: &AgreementBody, compartments: &[Compartment]) -> bool {
    let Some(named) = &body.operations else { return true };
    let mut operations = compartments.iter().filter(|path| path.operation().is_some()).peekable();
    let covered = |path: &Compartment| named.contains(path) || named.iter().any(|above| path.is_below(above));
    (body.general || operations.peek().is_some()) && operations.all(covered)
}

fn covers_codewords(body: &AgreementBody, compartments: &[Compartment]) -> bool {
    compartments.iter().filter(|path| path.is_codeword()).all(|path| body.codewords.contains(path))
}
