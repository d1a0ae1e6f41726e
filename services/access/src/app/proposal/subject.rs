//! A proposed subject.

use std::collections::{BTreeMap, BTreeSet};

use entente_domain::{
    day::Day,
    ids::{PersonId, Purpose, VettingKind},
    registry::Registry,
    token::{Compartment, Token},
};
use serde::{Deserialize, Deserializer};

use super::{Faults, Known};
use crate::{
    error::FieldFault,
    store::{GrantRow, SubjectRow, VettingRow},
};

/// Every role there is.
const ROLES: [&str; 9] = [
    "reader",
    "submitter",
    "subscriber",
    "label_authority",
    "release_authority",
    "recall_authority",
    "auditor",
    "oversight",
    "policy_admin",
];
/// Roles that give a right to content. INVARIANT (I8): who administers rights holds none of them.
const CONTENT_ROLES: [&str; 6] =
    ["reader", "submitter", "subscriber", "label_authority", "release_authority", "recall_authority"];
const KINDS: [&str; 2] = ["person", "service"];
const VETTING_STATES: [&str; 4] = ["cleared", "pending", "rejected", "suspended"];
/// Characters of a subject's name.
const NAME_CHARS_MAX: usize = 63;

/// A subject as proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubjectProposal {
    /// "<organization>/<name>".
    pub(crate) subject_id: String,
    /// Empty means that of the id.
    #[serde(default)]
    pub(crate) organization_id: String,
    #[serde(default)]
    pub(crate) display_name: String,
    #[serde(default = "person")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    pub(crate) purposes: Vec<String>,
    /// Policy domain to level name.
    #[serde(default)]
    pub(crate) clearances: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) grants: Vec<GrantProposal>,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default)]
    pub(crate) other_hats: Vec<String>,
    #[serde(default)]
    pub(crate) vettings: Vec<VettingProposal>,
    #[serde(default = "active")]
    pub(crate) active: bool,
    #[serde(default = "assured")]
    pub(crate) assurance_level: u32,
}

/// A need-to-know grant as proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantProposal {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) tree: bool,
    /// Days since 1970-01-01; in a file a date.
    #[serde(default, rename = "from", deserialize_with = "day_number")]
    pub(crate) from_day: Option<i32>,
    #[serde(default, rename = "until", deserialize_with = "day_number")]
    pub(crate) until_day: Option<i32>,
}

/// A vetting as proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VettingProposal {
    pub(crate) kind: String,
    pub(crate) status: String,
    /// Days since 1970-01-01; in a file a date.
    #[serde(rename = "until", deserialize_with = "day_number")]
    pub(crate) until_day: Option<i32>,
}

fn person() -> String {
    "person".to_owned()
}

pub(super) fn active() -> bool {
    true
}

fn assured() -> u32 {
    2
}

fn day_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    Ok(Option::<Day>::deserialize(deserializer)?.map(Day::unix_days))
}

impl SubjectProposal {
    /// The row, or every fault under `prefix`.
    pub(in crate::app) fn check(
        self,
        prefix: &str,
        registry: &Registry,
        known: &Known,
    ) -> Result<SubjectRow, Vec<FieldFault>> {
        let mut faults = Faults::at(prefix);
        let organization_id = self.organization(&mut faults, known);
        faults.display_name(&self.display_name);
        self.check_words(&mut faults, registry);
        self.check_roles(&mut faults);
        let clearances = self.clearances(&mut faults, registry);
        let vetting = self.vetting(&mut faults, registry);
        let grants = self.grants(&mut faults, &organization_id, known);
        let assurance_level = u8::try_from(self.assurance_level).unwrap_or_default();
        if !(1..=3).contains(&assurance_level) {
            faults.add("assurance_level", "must be 1, 2 or 3");
        }
        let person = person_of(&self.kind, &self.subject_id);
        faults.unless_any(SubjectRow {
            subject_id: self.subject_id,
            organization_id,
            display_name: self.display_name,
            person,
            kind: self.kind,
            roles: self.roles.into_iter().collect(),
            purposes: self.purposes.into_iter().collect(),
            clearances,
            grants,
            groups: self.groups.into_iter().collect(),
            other_hats: self.other_hats.into_iter().collect(),
            vetting,
            active: self.active,
            assurance_level,
            etag: String::new(),
        })
    }

    fn organization(&self, faults: &mut Faults, known: &Known) -> String {
        let (organization, name) = self.subject_id.split_once('/').unwrap_or_default();
        let name_fits = (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !name_fits {
            faults.add(
                "subject_id",
                "must be <organization>/<name>, the name of 1 to 63 letters, digits, `.`, `_`, `-`",
            );
        } else {
            faults.known_organization("subject_id", organization, known);
        }
        if !self.organization_id.is_empty() && self.organization_id != organization {
            faults.add("organization_id", "must be the organization of the subject_id");
        }
        organization.to_owned()
    }

    fn check_words(&self, faults: &mut Faults, registry: &Registry) {
        if !KINDS.contains(&self.kind.as_str()) {
            faults.add("kind", "must be person or service");
        }
        for (index, purpose) in self.purposes.iter().enumerate() {
            if !registry.knows_purpose(&Purpose::from(purpose.as_str())) {
                faults.add(format!("purposes[{index}]"), format!("no purpose `{purpose}` is known here"));
            }
        }
        faults.bounded("groups", self.groups.len());
        for (index, group) in self.groups.iter().enumerate() {
            faults.group(&format!("groups[{index}]"), group);
        }
        faults.bounded("other_hats", self.other_hats.len());
        for (index, hat) in self.other_hats.iter().enumerate() {
            if Token::new(hat).is_err() {
                faults.add(
                    format!("other_hats[{index}]"),
                    format!("`{hat}` is not a token such as N:XVA or O:VLD-COAST"),
                );
            }
        }
    }

    fn check_roles(&self, faults: &mut Faults) {
        for (index, role) in self.roles.iter().enumerate() {
            if !ROLES.contains(&role.as_str()) {
                faults.add(format!("roles[{index}]"), format!("`{role}` is not one of {}", ROLES.join(", ")));
            }
        }
        let has = |wanted: &str| self.roles.iter().any(|role| role == wanted);
        if has("policy_admin") && CONTENT_ROLES.into_iter().any(has) {
            faults.add(
                "roles",
                "who administers rights has no right to content: give policy_admin to another subject",
            );
        }
    }

    fn clearances(&self, faults: &mut Faults, registry: &Registry) -> BTreeMap<String, i32> {
        let mut ranks = BTreeMap::new();
        for (domain, level) in &self.clearances {
            match registry.domain(domain).map(|domain| domain.rank(level)) {
                Some(Some(rank)) => drop(ranks.insert(domain.clone(), rank)),
                Some(None) => {
                    faults.add(format!("clearances.{domain}"), format!("the domain has no level `{level}`"))
                }
                None => {
                    faults.add(format!("clearances.{domain}"), "no policy domain of that name is known here")
                }
            }
        }
        ranks
    }

    fn vetting(&self, faults: &mut Faults, registry: &Registry) -> BTreeMap<String, VettingRow> {
        let mut rows = BTreeMap::new();
        for (index, vetting) in self.vettings.iter().enumerate() {
            let field = format!("vettings[{index}]");
            if !registry.knows_vetting(&VettingKind::from(vetting.kind.as_str())) {
                faults.add(format!("{field}.kind"), format!("no vetting `{}` is known here", vetting.kind));
            }
            if !VETTING_STATES.contains(&vetting.status.as_str()) {
                faults
                    .add(format!("{field}.status"), format!("must be one of {}", VETTING_STATES.join(", ")));
            }
            let Some(until) = day(vetting.until_day, &format!("{field}.until_day"), faults) else {
                continue;
            };
            let row = VettingRow { status: vetting.status.clone(), until };
            if rows.insert(vetting.kind.clone(), row).is_some() {
                faults.add(format!("{field}.kind"), "stands twice");
            }
        }
        rows
    }

    fn grants(&self, faults: &mut Faults, organization_id: &str, known: &Known) -> Vec<GrantRow> {
        faults.bounded("grants", self.grants.len());
        let mut rows = Vec::new();
        for (index, grant) in self.grants.iter().enumerate() {
            let field = format!("grants[{index}]");
            match Compartment::new(&grant.path) {
                Ok(path) if !takes_part(&path, organization_id, known) => {
                    faults.add(
                        format!("{field}.path"),
                        format!("the organization takes no part in `{}`", grant.path),
                    );
                }
                Ok(_) => {}
                Err(_) => faults.add(
                    format!("{field}.path"),
                    "must be a path such as OP:TIDEWALL/OPERATIONAL or CW:BLUEJAY",
                ),
            }
            let from = grant.from_day.and_then(|from| day(Some(from), &format!("{field}.from_day"), faults));
            let until =
                grant.until_day.and_then(|until| day(Some(until), &format!("{field}.until_day"), faults));
            rows.push(GrantRow { path: grant.path.clone(), tree: grant.tree, from, until });
        }
        rows
    }
}

/// Codewords belong to no registered operation.
fn takes_part(path: &Compartment, organization_id: &str, known: &Known) -> bool {
    let Some(operation) = path.operation().and_then(|path| path.split('/').next()) else {
        return true;
    };
    known.operations.get(operation).is_some_and(|organizations| organizations.contains(organization_id))
}

fn day(number: Option<i32>, field: &str, faults: &mut Faults) -> Option<Day> {
    let day = number.map(Day::from_unix_days).filter(|day| Some(day.unix_days()) == number);
    if day.is_none() {
        faults.add(field, "must be a day of the years 1 to 9999, counted from 1970-01-01");
    }
    day
}

/// The id by which an audience names the person: the subject id in capitals. Systems, and names that have no such form,
/// cannot be named.
fn person_of(kind: &str, subject_id: &str) -> Option<String> {
    let id = subject_id.to_ascii_uppercase();
    (kind == "person" && PersonId::new(id.as_str()).is_ok()).then_some(id)
}

/// What an administrator may not give: groups that neither the organization nor the subject had. Groups are entered into
/// by charter, see [`super::partner`].
pub(in crate::app) fn ungranted_groups(after: &SubjectRow, held: &BTreeSet<String>) -> Vec<FieldFault> {
    let mut faults = Faults::at("subject");
    for group in after.groups.difference(held) {
        faults.add("groups", format!("the organization is no member of `{group}`"));
    }
    faults.unless_any(()).err().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let organizations = BTreeSet::from(["ORS-CERT".to_owned(), "KSI-ISAC".to_owned()]);
        let operations = BTreeMap::from([("TIDEWALL".to_owned(), BTreeSet::from(["ORS-CERT".to_owned()]))]);
        Known { organizations, operations }
    }

    fn check(subject: serde_json::Value) -> Result<SubjectRow, Vec<String>> {
        let proposal: SubjectProposal = serde_json::from_value(subject).unwrap();
        let checked = proposal.check("subject", &Registry::builtin(), &known());
        checked.map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn who_administers_rights_has_no_right_to_content() {
        let admin = serde_json::json!({ "subject_id": "ORS-CERT/vera", "roles": ["policy_admin", "reader"] });
        assert_eq!(check(admin), Err(vec!["subject.roles".to_owned()]));
        let admin =
            serde_json::json!({ "subject_id": "ORS-CERT/vera", "roles": ["policy_admin", "auditor"] });
        assert_eq!(check(admin).unwrap().person.as_deref(), Some("ORS-CERT/VERA"));
    }

    #[test]
    fn nobody_is_read_into_an_operation_their_organization_has_no_part_in() {
        let grants = serde_json::json!([{ "path": "OP:TIDEWALL/OPERATIONAL" }, { "path": "CW:BLUEJAY" }]);
        assert!(check(serde_json::json!({ "subject_id": "ORS-CERT/ilse", "grants": grants })).is_ok());
        let refused = check(serde_json::json!({ "subject_id": "KSI-ISAC/jonas", "grants": grants }));
        assert_eq!(refused, Err(vec!["subject.grants[0].path".to_owned()]));
    }

    #[test]
    fn every_fault_of_a_subject_is_listed() {
        let subject = serde_json::json!({
            "subject_id": "NOBODY/x", "organization_id": "ORS-CERT", "kind": "robot", "roles": ["king"],
            "purposes": ["FUN"], "clearances": { "ENTENTE": "HUGE", "MOON": "SECRET" }, "assurance_level": 4,
            "other_hats": ["x"], "vettings": [{ "kind": "X", "status": "fine", "until": "2027-01-31" }],
        });
        let fields = check(subject).unwrap_err();
        assert_eq!(fields.len(), 11, "{fields:?}");
    }
}
