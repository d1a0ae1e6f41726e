//! Partners, subjects and operations: wire to proposals, rows to wire.

use entente_domain::registry::Registry;
use entente_proto::access::v1 as wire;
use prost_types::Timestamp;

use super::{field, timestamp};
use crate::{
    app::{
        ComponentProposal, GrantProposal, OperationProposal, PartnerProposal, PhaseProposal, SubjectProposal,
        VettingProposal,
    },
    error::Error,
    store::{ComponentRow, GrantRow, OperationRow, PartnerRow, PhaseRow, SubjectRow, VettingRow},
};

/// A partner as proposed, and its etag.
pub(crate) fn partner_proposal(partner: Option<wire::Partner>) -> Result<(PartnerProposal, String), Error> {
    let Some(partner) = partner else {
        return field("partner", "is required");
    };
    let proposal = PartnerProposal {
        organization_id: partner.organization_id,
        display_name: partner.display_name,
        nation: partner.nation,
        groups: partner.groups,
        client_of: partner.client_of,
        active: partner.active,
        signing_keys: partner.signing_keys.iter().map(hex::encode).collect(),
    };
    Ok((proposal, partner.etag))
}

/// A partner as stored.
pub(crate) fn partner(row: PartnerRow) -> wire::Partner {
    // A stored key that is not hexadecimal cannot be: it was checked when it was stored.
    let key = |key: &String| hex::decode(key).unwrap_or_default().into();
    wire::Partner {
        signing_keys: row.signing_keys.iter().map(key).collect(),
        organization_id: row.organization_id,
        display_name: row.display_name,
        nation: row.nation.unwrap_or_default(),
        groups: row.groups.into_iter().collect(),
        client_of: row.client_of.into_iter().collect(),
        active: row.active,
        etag: row.etag,
    }
}

/// A subject as proposed, and its etag.
pub(crate) fn subject_proposal(
    subject: Option<wire::SubjectProfile>,
) -> Result<(SubjectProposal, String), Error> {
    let Some(subject) = subject else {
        return field("subject", "is required");
    };
    let grant = |grant: wire::Grant| GrantProposal {
        path: grant.path,
        tree: grant.tree,
        from_day: grant.from_day,
        until_day: grant.until_day,
    };
    let vetting = |vetting: wire::Vetting| VettingProposal {
        kind: vetting.kind,
        status: vetting.status,
        until_day: Some(vetting.until_day),
    };
    let proposal = SubjectProposal {
        subject_id: subject.subject_id,
        organization_id: subject.organization_id,
        display_name: subject.display_name,
        kind: subject.kind,
        roles: subject.roles,
        purposes: subject.purposes,
        clearances: subject.clearances.into_iter().collect(),
        grants: subject.grants.into_iter().map(grant).collect(),
        groups: subject.groups,
        other_hats: subject.other_hats,
        vettings: subject.vettings.into_iter().map(vetting).collect(),
        active: subject.active,
        assurance_level: subject.assurance_level,
    };
    Ok((proposal, subject.etag))
}

/// A subject as stored; levels by the names of the registry.
pub(crate) fn subject(row: SubjectRow, registry: &Registry) -> wire::SubjectProfile {
    let level = |(domain, rank): (String, i32)| {
        let name =
            registry.domain(&domain).and_then(|known| known.level_name(rank)).unwrap_or_default().to_owned();
        (domain, name)
    };
    let grant = |grant: GrantRow| wire::Grant {
        path: grant.path,
        tree: grant.tree,
        from_day: grant.from.map(|day| day.unix_days()),
        until_day: grant.until.map(|day| day.unix_days()),
    };
    let vetting = |(kind, vetting): (String, VettingRow)| wire::Vetting {
        kind,
        status: vetting.status,
        until_day: vetting.until.unix_days(),
    };
    wire::SubjectProfile {
        subject_id: row.subject_id,
        organization_id: row.organization_id,
        display_name: row.display_name,
        roles: row.roles.into_iter().collect(),
        purposes: row.purposes.into_iter().collect(),
        clearances: row.clearances.into_iter().map(level).collect(),
        grants: row.grants.into_iter().map(grant).collect(),
        groups: row.groups.into_iter().collect(),
        other_hats: row.other_hats.into_iter().collect(),
        vettings: row.vetting.into_iter().map(vetting).collect(),
        active: row.active,
        assurance_level: row.assurance_level.into(),
        kind: row.kind,
        etag: row.etag,
    }
}

/// An operation as proposed, and its etag.
pub(crate) fn operation_proposal(
    operation: Option<wire::Operation>,
) -> Result<(OperationProposal, String), Error> {
    let Some(operation) = operation else {
        return field("operation", "is required");
    };
    let components: Result<Vec<ComponentProposal>, Error> =
        operation.components.into_iter().map(component).collect();
    let proposal = OperationProposal {
        operation_id: operation.operation_id,
        display_name: operation.display_name,
        realm: operation.realm,
        lead_organization_id: operation.lead_organization_id,
        organization_ids: operation.organization_ids,
        components: components?,
    };
    Ok((proposal, operation.etag))
}

fn component(component: wire::Component) -> Result<ComponentProposal, Error> {
    let phases: Result<Vec<PhaseProposal>, Error> = component.phases.into_iter().map(phase).collect();
    Ok(ComponentProposal {
        component_id: component.component_id,
        display_name: component.display_name,
        phases: phases?,
    })
}

fn phase(phase: wire::Phase) -> Result<PhaseProposal, Error> {
    Ok(PhaseProposal {
        start_time_ms: phase.start_time.map(milliseconds).transpose()?,
        end_time_ms: phase.end_time.map(milliseconds).transpose()?,
        phase_id: phase.phase_id,
    })
}

fn milliseconds(time: Timestamp) -> Result<i64, Error> {
    let nanos = (0..1_000_000_000).contains(&time.nanos).then_some(i64::from(time.nanos));
    let milliseconds =
        time.seconds.checked_mul(1_000).zip(nanos).and_then(|(ms, nanos)| ms.checked_add(nanos / 1_000_000));
    match milliseconds {
        Some(milliseconds) => Ok(milliseconds),
        None => field("operation.components", "a phase has a time that is none"),
    }
}

/// An operation as stored.
pub(crate) fn operation(row: OperationRow) -> wire::Operation {
    let phase = |phase: PhaseRow| wire::Phase {
        phase_id: phase.phase_id,
        start_time: phase.start_time_ms.map(timestamp),
        end_time: phase.end_time_ms.map(timestamp),
    };
    let component = |component: ComponentRow| wire::Component {
        component_id: component.component_id,
        display_name: component.display_name,
        phases: component.phases.into_iter().map(phase).collect(),
    };
    wire::Operation {
        operation_id: row.operation_id,
        display_name: row.display_name,
        realm: row.realm,
        lead_organization_id: row.lead,
        organization_ids: row.organizations.into_iter().collect(),
        components: row.components.into_iter().map(component).collect(),
        etag: row.etag,
    }
}
