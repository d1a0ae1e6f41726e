//! What a read decision needs of an agreement between partners: whose foreign clearances count here, and while when.
//!
//! Domains are never compared with each other; a clearance counts in a foreign domain only because an agreement in force
//! says so, and never above that agreement's ceiling.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::ids::{DomainName, OrganizationId};

/// An agreement, as far as clearances depend on it. Signatures have been verified by whoever holds the agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Who agrees.
    pub parties: BTreeSet<OrganizationId>,
    /// Parties whose valid signature over this very version is held.
    pub signed_by: BTreeSet<OrganizationId>,
    /// Parties that suspended it; one is enough.
    #[serde(default)]
    pub suspended_by: BTreeSet<OrganizationId>,
    /// Parties that ended it; one is enough.
    #[serde(default)]
    pub terminated_by: BTreeSet<OrganizationId>,
    /// First day it is in force.
    pub from: Day,
    /// First day it is no longer in force.
    pub until: Day,
    /// Highest rank per domain that may be reached through it.
    #[serde(default)]
    pub max_levels: BTreeMap<DomainName, i32>,
    /// Which clearances count as which.
    #[serde(default)]
    pub equivalences: Vec<Equivalence>,
}

/// Whoever is cleared to `held_rank` in `held_domain` counts as cleared to `granted_rank` in `granted_domain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalence {
    /// Domain of the clearance somebody has.
    pub held_domain: DomainName,
    /// Lowest rank there that counts.
    pub held_rank: i32,
    /// Domain in which it counts.
    pub granted_domain: DomainName,
    /// Rank it counts as.
    pub granted_rank: i32,
}

impl Agreement {
    /// Whether it binds on this day: signed by every party, neither suspended nor ended by any, and within its time.
    #[must_use]
    pub fn is_in_force(&self, today: Day) -> bool {
        self.parties.is_subset(&self.signed_by)
            && self.suspended_by.is_empty()
            && self.terminated_by.is_empty()
            && (self.from..self.until).contains(&today)
    }

    /// Clearances it adds to those somebody of a party has, on a day it is in force.
    pub(crate) fn granted<'a>(
        &'a self,
        held: &'a BTreeMap<DomainName, i32>,
    ) -> impl Iterator<Item = (&'a DomainName, i32)> {
        let counts = |equivalence: &&Equivalence| {
            held.get(&equivalence.held_domain).is_some_and(|rank| *rank >= equivalence.held_rank)
        };
        self.equivalences.iter().filter(counts).filter_map(|equivalence| {
            let ceiling = self.max_levels.get(&equivalence.granted_domain)?;
            Some((&equivalence.granted_domain, equivalence.granted_rank.min(*ceiling)))
        })
    }
}
