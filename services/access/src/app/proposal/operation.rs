//! A proposed operation.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Faults, Known, is_realm};
use crate::{
    error::FieldFault,
    store::{ComponentRow, OperationRow, PhaseRow},
};

/// Components of an operation, and phases of a component.
const PARTS_MAX: usize = 64;

/// An operation as proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationProposal {
    pub(crate) operation_id: String,
    #[serde(default)]
    pub(crate) display_name: String,
    #[serde(default = "real")]
    pub(crate) realm: String,
    pub(crate) lead_organization_id: String,
    pub(crate) organization_ids: Vec<String>,
    #[serde(default)]
    pub(crate) components: Vec<ComponentProposal>,
}

/// A component as proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComponentProposal {
    pub(crate) component_id: String,
    #[serde(default)]
    pub(crate) display_name: String,
    #[serde(default)]
    pub(crate) phases: Vec<PhaseProposal>,
}

/// A phase as proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhaseProposal {
    pub(crate) phase_id: String,
    /// Milliseconds since 1970; in a file a time such as "2026-11-23T00:00:00Z".
    #[serde(default, rename = "start_time", deserialize_with = "milliseconds")]
    pub(crate) start_time_ms: Option<i64>,
    #[serde(default, rename = "end_time", deserialize_with = "milliseconds")]
    pub(crate) end_time_ms: Option<i64>,
}

fn real() -> String {
    "REAL".to_owned()
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map(Some).map_err(serde::de::Error::custom)
}

impl OperationProposal {
    /// The row, or every fault under `prefix`.
    pub(in crate::app) fn check(self, prefix: &str, known: &Known) -> Result<OperationRow, Vec<FieldFault>> {
        let mut faults = Faults::at(prefix);
        faults.organization("operation_id", &self.operation_id);
        faults.display_name(&self.display_name);
        if !is_realm(&self.realm) {
            faults.add("realm", "must be REAL or EXERCISE:<name>");
        }
        faults.known_organization("lead_organization_id", &self.lead_organization_id, known);
        faults.bounded("organization_ids", self.organization_ids.len());
        for (index, organization) in self.organization_ids.iter().enumerate() {
            faults.known_organization(&format!("organization_ids[{index}]"), organization, known);
        }
        if !self.organization_ids.contains(&self.lead_organization_id) {
            faults.add("organization_ids", "must include the lead");
        }
        let components = components(self.components, &mut faults);
        faults.unless_any(OperationRow {
            operation_id: self.operation_id,
            display_name: self.display_name,
            realm: self.realm,
            lead: self.lead_organization_id,
            organizations: self.organization_ids.into_iter().collect(),
            components,
            etag: String::new(),
        })
    }
}

fn components(proposed: Vec<ComponentProposal>, faults: &mut Faults) -> Vec<ComponentRow> {
    if proposed.len() > PARTS_MAX {
        faults.add("components", format!("has more than {PARTS_MAX} entries"));
    }
    let mut names = BTreeSet::new();
    let mut rows = Vec::new();
    for (index, component) in proposed.into_iter().enumerate() {
        let field = format!("components[{index}]");
        faults.organization(&format!("{field}.component_id"), &component.component_id);
        if !names.insert(component.component_id.clone()) {
            faults.add(format!("{field}.component_id"), "stands twice");
        }
        rows.push(ComponentRow {
            component_id: component.component_id,
            display_name: component.display_name,
            phases: phases(component.phases, &field, faults),
        });
    }
    rows
}

fn phases(proposed: Vec<PhaseProposal>, component: &str, faults: &mut Faults) -> Vec<PhaseRow> {
    if proposed.len() > PARTS_MAX {
        faults.add(format!("{component}.phases"), format!("has more than {PARTS_MAX} entries"));
    }
    let mut names = BTreeSet::new();
    let mut rows = Vec::new();
    for (index, phase) in proposed.into_iter().enumerate() {
        let field = format!("{component}.phases[{index}]");
        faults.organization(&format!("{field}.phase_id"), &phase.phase_id);
        if !names.insert(phase.phase_id.clone()) {
            faults.add(format!("{field}.phase_id"), "stands twice");
        }
        if let (Some(start), Some(end)) = (phase.start_time_ms, phase.end_time_ms)
            && end < start
        {
            faults.add(format!("{field}.end_time"), "lies before the start");
        }
        rows.push(PhaseRow {
            phase_id: phase.phase_id,
            start_time_ms: phase.start_time_ms,
            end_time_ms: phase.end_time_ms,
        });
    }
    rows
}
