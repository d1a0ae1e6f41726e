//! What somebody proposes the registry to hold, before it is checked: the words of a request or of an imported file.
//! Checking gives the row to store, or every fault.

mod operation;
mod partner;
mod subject;

pub(crate) use operation::{ComponentProposal, OperationProposal, PhaseProposal};
pub(crate) use partner::PartnerProposal;
pub(super) use partner::{Standpoint, not_theirs};
pub(super) use subject::ungranted_groups;
pub(crate) use subject::{GrantProposal, SubjectProposal, VettingProposal};

use std::collections::{BTreeMap, BTreeSet};

use entente_domain::ids::{GroupId, OrganizationId, Realm};

use super::InForce;
use crate::error::{Error, FieldFault};

/// Characters of a display name.
const DISPLAY_CHARS_MAX: usize = 200;
/// Entries of one list of a resource.
const LIST_MAX: usize = 256;

/// What other parts of the registry a proposal may refer to.
#[derive(Default)]
pub(super) struct Known {
    /// Organizations.
    pub(super) organizations: BTreeSet<String>,
    /// Operations, each with the organizations that take part.
    pub(super) operations: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    /// What the registry in force has.
    pub(super) fn of(registry: &InForce) -> Known {
        let operations = registry.operations().values();
        Known {
            organizations: registry.partners().keys().cloned().collect(),
            operations: operations.map(|row| (row.operation_id.clone(), row.organizations.clone())).collect(),
        }
    }
}

/// Faults found so far, each under the path of its field.
pub(super) struct Faults {
    prefix: String,
    found: Vec<FieldFault>,
}

impl Faults {
    /// No fault yet of what stands at `prefix`.
    pub(super) fn at(prefix: &str) -> Faults {
        Faults { prefix: prefix.to_owned(), found: Vec::new() }
    }

    /// A fault of a field.
    pub(super) fn add(&mut self, field: impl AsRef<str>, description: impl Into<String>) {
        self.found.push(FieldFault::new(format!("{}.{}", self.prefix, field.as_ref()), description));
    }

    /// The row, unless something was wrong.
    pub(super) fn unless_any<T>(self, row: T) -> Result<T, Vec<FieldFault>> {
        if self.found.is_empty() { Ok(row) } else { Err(self.found) }
    }

    /// Turns a list of faults into the refusal of a request.
    pub(super) fn refuse<T>(checked: Result<T, Vec<FieldFault>>) -> Result<T, Error> {
        checked.map_err(Error::Fields)
    }

    fn display_name(&mut self, name: &str) {
        if name.chars().count() > DISPLAY_CHARS_MAX {
            self.add("display_name", format!("is longer than {DISPLAY_CHARS_MAX} characters"));
        }
    }

    fn organization(&mut self, field: &str, name: &str) {
        if OrganizationId::new(name).is_err() {
            self.add(field, "must be a registered name: A-Z, 0-9, `.`, `_`, `-`, at most 63 characters");
        }
    }

    fn known_organization(&mut self, field: &str, name: &str, known: &Known) {
        if !known.organizations.contains(name) {
            self.add(field, format!("no partner `{name}` is known here"));
        }
    }

    fn group(&mut self, field: &str, name: &str) {
        if GroupId::new(name).is_err() {
            self.add(field, format!("`{name}` is not the name of a group"));
        }
    }

    fn bounded(&mut self, field: &str, entries: usize) {
        if entries > LIST_MAX {
            self.add(field, format!("has more than {LIST_MAX} entries"));
        }
    }
}

/// `REAL` or `EXERCISE:<name>`.
pub(super) fn is_realm(text: &str) -> bool {
    let realm = Realm::from(text);
    realm.is_real() || realm.exercise_name().is_some_and(|name| OrganizationId::new(name).is_ok())
}
