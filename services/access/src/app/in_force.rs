//! The registry in force: everything decisions look at, as of one epoch, never changed, replaced as a whole.

use std::{collections::BTreeMap, sync::Arc};

use entente_domain::{
    day::Day,
    ids::OrganizationId,
    label::Label,
    profile::profile_id,
    registry::{Organization, Registry},
    subject::Subject,
};
use serde_json::json;

use super::{
    label_cache::{KnownLabel, LabelCache},
    policies::{Policies, Principal},
};
use crate::{
    error::Error,
    store::{GrantRow, OperationRow, PartnerRow, StoredRegistry, SubjectRow},
};

/// The registry at one epoch.
pub(crate) struct InForce {
    epoch: u64,
    registry: Registry,
    partners: BTreeMap<String, PartnerRow>,
    members: BTreeMap<String, Arc<Member>>,
    operations: BTreeMap<String, OperationRow>,
    labels: Arc<LabelCache>,
    policies: Arc<Policies>,
}

/// A subject as stored, and as decisions see it.
pub(super) struct Member {
    pub(super) row: SubjectRow,
    /// With what comes from the organization and without grants of operations it has left.
    pub(super) profile: Subject,
    /// The subject and its organization are active.
    pub(super) active: bool,
}

impl InForce {
    /// Makes the registry of the rows; labels parsed under `earlier` stay parsed if nothing they depend on changed.
    pub(super) fn build(stored: StoredRegistry, earlier: Option<&InForce>) -> Result<InForce, Error> {
        let registry = registry(&stored)?;
        let partners: BTreeMap<_, _> =
            stored.partners.into_iter().map(|row| (row.organization_id.clone(), row)).collect();
        let operations: BTreeMap<_, _> =
            stored.operations.into_iter().map(|row| (row.operation_id.clone(), row)).collect();
        let unmoved = earlier.filter(|earlier| earlier.operations == operations);
        let mut members = BTreeMap::new();
        for row in stored.subjects {
            let partner = partners.get(&row.organization_id).cloned().unwrap_or_default();
            let member = match unmoved.and_then(|earlier| earlier.same_member(&row, &partner)) {
                Some(member) => member,
                None => Arc::new(Member::build(row, &partner, &operations)?),
            };
            members.insert(member.row.subject_id.clone(), member);
        }
        let labels = match earlier {
            Some(earlier) if earlier.registry == registry => earlier.labels.clone(),
            Some(_) | None => Arc::default(),
        };
        let loaded = earlier.filter(|earlier| earlier.policies.row() == stored.policies.as_ref());
        let policies = match loaded {
            Some(earlier) => earlier.policies.clone(),
            // Checked when they were put; a schema of a later version of the software may refuse them.
            None => Arc::new(Policies::load(stored.policies).map_err(Error::Policies)?),
        };
        Ok(InForce { epoch: stored.epoch, registry, partners, members, operations, labels, policies })
    }

    /// The member, if neither it nor its organization has changed: a change of one subject leaves the others as they are.
    fn same_member(&self, row: &SubjectRow, partner: &PartnerRow) -> Option<Arc<Member>> {
        let member = self.members.get(&row.subject_id).filter(|member| member.row == *row)?;
        (self.partners.get(&row.organization_id) == Some(partner)).then(|| member.clone())
    }

    /// Policy epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What labels are read against.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A partner.
    pub(super) fn partner(&self, organization_id: &str) -> Option<&PartnerRow> {
        self.partners.get(organization_id)
    }

    /// Every partner, by id.
    pub(super) fn partners(&self) -> &BTreeMap<String, PartnerRow> {
        &self.partners
    }

    /// A subject, suspended or not.
    pub(super) fn member(&self, subject_id: &str) -> Option<&Arc<Member>> {
        self.members.get(subject_id)
    }

    /// Every subject, by id.
    pub(super) fn members(&self) -> &BTreeMap<String, Arc<Member>> {
        &self.members
    }

    /// A subject that may act. Unknown, suspended and of a suspended partner are one answer.
    pub(super) fn active_member(&self, subject_id: &str) -> Result<Arc<Member>, Error> {
        let member = self.members.get(subject_id).filter(|member| member.active);
        member.cloned().ok_or_else(|| Error::SubjectInactive(subject_id.to_owned()))
    }

    /// Every operation, by id.
    pub(super) fn operations(&self) -> &BTreeMap<String, OperationRow> {
        &self.operations
    }

    /// Whether the organization takes part in the operation of a path such as `TIDEWALL/OPERATIONAL/P2`, and the
    /// component and phase are there.
    pub(super) fn takes_part(&self, organization_id: &str, path: &str) -> bool {
        let mut segments = path.split('/');
        let operation = segments.next().and_then(|id| self.operations.get(id));
        let Some(operation) = operation.filter(|operation| operation.organizations.contains(organization_id))
        else {
            return false;
        };
        let Some(component) = segments.next() else {
            return true;
        };
        let Some(component) = operation.components.iter().find(|row| row.component_id == component) else {
            return false;
        };
        let Some(phase) = segments.next() else { return true };
        component.phases.iter().any(|row| row.phase_id == phase) && segments.next().is_none()
    }

    /// A member as policies see it on this day.
    pub(super) fn principal(&self, member: &Member, today: Day) -> Principal {
        let profile_id = profile_id(&member.profile, &[], today);
        Principal::new(&member.profile, profile_id, today, &self.operations)
    }

    /// The deployment's policies.
    pub(super) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The labels of lines; none where a line does not parse.
    pub(super) fn labels(&self, lines: &[&str]) -> Vec<Option<Arc<KnownLabel>>> {
        self.labels.resolve(lines, &self.registry)
    }

    /// The canonical line of a label.
    pub(super) fn line(&self, label: &Label) -> String {
        label.to_text(&self.registry)
    }

    /// How decisions would see the row, were it stored.
    pub(super) fn profile_of(&self, row: &SubjectRow) -> Result<Subject, Error> {
        let partner = self.partners.get(&row.organization_id).cloned().unwrap_or_default();
        profile(row, &partner, &self.operations)
    }
}

impl Member {
    fn build(
        row: SubjectRow,
        partner: &PartnerRow,
        operations: &BTreeMap<String, OperationRow>,
    ) -> Result<Member, Error> {
        let profile = profile(&row, partner, operations)?;
        Ok(Member { active: row.active && partner.active, profile, row })
    }
}

fn registry(stored: &StoredRegistry) -> Result<Registry, Error> {
    let malformed = |source: serde_json::Error| Error::Stored { what: "the registry", source };
    let mut registry = Registry::builtin();
    for partner in &stored.partners {
        let id: OrganizationId = serde_json::from_value(json!(partner.organization_id)).map_err(malformed)?;
        let known =
            json!({ "nation": partner.nation, "groups": partner.groups, "client_of": partner.client_of });
        let organization: Organization = serde_json::from_value(known).map_err(malformed)?;
        registry.add_organization(id, organization);
    }
    // An exercise is known once an operation runs in it.
    let realms = stored.realms.iter().chain(stored.operations.iter().map(|operation| &operation.realm));
    for realm in realms {
        registry.add_realm(realm).map_err(|error| malformed(serde::de::Error::custom(error)))?;
    }
    Ok(registry)
}

fn profile(
    row: &SubjectRow,
    partner: &PartnerRow,
    operations: &BTreeMap<String, OperationRow>,
) -> Result<Subject, Error> {
    let groups: Vec<&String> = partner.groups.union(&row.groups).collect();
    // An organization that has left an operation is read out of it, whatever its people still hold.
    let grants: Vec<&GrantRow> =
        row.grants.iter().filter(|grant| still_granted(grant, &row.organization_id, operations)).collect();
    let value = json!({
        "id": row.subject_id,
        "kind": row.kind,
        "org": row.organization_id,
        "nation": partner.nation,
        "person": row.person,
        "groups": groups,
        "client_of": partner.client_of,
        "other_hats": row.other_hats,
        "roles": row.roles,
        "purposes": row.purposes,
        "clearances": row.clearances,
        "grants": grants,
        "vetting": row.vetting,
        "active": row.active && partner.active,
    });
    serde_json::from_value(value)
        .map_err(|source| Error::Profile { subject_id: row.subject_id.clone(), source })
}

fn still_granted(
    grant: &GrantRow,
    organization_id: &str,
    operations: &BTreeMap<String, OperationRow>,
) -> bool {
    let Some(path) = grant.path.strip_prefix("OP:") else {
        return true;
    };
    let operation = path.split('/').next().and_then(|id| operations.get(id));
    operation.is_some_and(|operation| operation.organizations.contains(organization_id))
}
