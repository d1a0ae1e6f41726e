//! Agreements between partners: what may flow from whom to whom, up to where, and whose foreign clearances count.
//!
//! Domains are never compared with each other; a clearance counts in a foreign domain only because an agreement in force
//! says so, and never above that agreement's ceiling. Widening needs every party's signature over this very version; any
//! party alone suspends or ends it. The gate for one flow is in `decision/gate.rs`.

mod document;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::document::document_hash;
use crate::day::Day;
use crate::ids::{AgreementId, ContentType, DomainName, OrganizationId, Purpose, Realm, VettingKind};
use crate::label::{Evidence, Label, LabelError, LabelFields, Onward, PermittedUse, Tlp};
use crate::token::Compartment;

/// The rank of whoever is not cleared in a domain: below every level.
const NOT_CLEARED: i32 = -1;

/// An agreement and how it stands. Signatures have been verified by whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// What was agreed.
    pub body: AgreementBody,
    /// Parties whose valid signature over this very version is held.
    pub signed_by: BTreeSet<OrganizationId>,
    /// Parties that suspended it; one is enough.
    #[serde(default)]
    pub suspended_by: BTreeSet<OrganizationId>,
    /// Parties that ended it; one is enough.
    #[serde(default)]
    pub terminated_by: BTreeSet<OrganizationId>,
}

/// What the parties sign. What is left out permits nothing, except where a field says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementBody {
    /// Its name, the same for all versions.
    #[serde(default)]
    pub id: AgreementId,
    /// Its version; an amendment is a new one with fresh signatures.
    #[serde(default)]
    pub version: u32,
    /// Who agrees.
    pub parties: BTreeSet<OrganizationId>,
    /// SPIFFE trust domain of each party. Decides nothing here.
    #[serde(default)]
    pub trust_domains: BTreeMap<OrganizationId, String>,
    /// Directions, from and to, each by itself.
    pub flows: BTreeSet<(OrganizationId, OrganizationId)>,
    /// Purposes it serves.
    pub purposes: BTreeSet<Purpose>,
    /// Realms it covers.
    pub realms: BTreeSet<Realm>,
    /// Types of content it covers; none named means all.
    #[serde(default)]
    pub content: BTreeSet<ContentType>,
    /// Whether personal data may flow.
    #[serde(default)]
    pub personal_data: bool,
    /// Highest rank per domain that may flow or be reached through it; what is not listed may not.
    #[serde(default)]
    pub max_levels: BTreeMap<DomainName, i32>,
    /// Highest colour that may flow; any when left out.
    #[serde(default = "any_colour")]
    pub max_tlp: Tlp,
    /// Which clearances count as which.
    #[serde(default)]
    pub equivalence: Vec<Equivalence>,
    /// Operations it covers, each with everything below; none means all.
    #[serde(default)]
    pub operations: Option<BTreeSet<Compartment>>,
    /// Whether material without an operation may flow, where operations are named.
    #[serde(default)]
    pub general: bool,
    /// Codewords that may flow, each exactly.
    #[serde(default)]
    pub codewords: BTreeSet<Compartment>,
    /// Kinds of vetting every receiver must currently hold.
    #[serde(default)]
    pub vetting: BTreeSet<VettingKind>,
    /// What it adds to the label of every copy.
    #[serde(default)]
    pub overlay: Overlay,
    /// First day it is in force.
    pub from: Day,
    /// First day it is no longer in force.
    pub until: Day,
    /// Days of notice before it is ended. Decides nothing here.
    #[serde(default)]
    pub notice_days: u32,
    /// The law it rests on. Decides nothing here.
    #[serde(default)]
    pub legal_basis: String,
    /// Who oversees it. Decides nothing here.
    #[serde(default)]
    pub oversight_bodies: BTreeSet<OrganizationId>,
}

fn any_colour() -> Tlp {
    Tlp::Red
}

/// Whoever is cleared to `held_rank` in `held_domain` counts as cleared to `granted_rank` in `granted_domain`.
///
/// Written as a row of four, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "EquivalenceRow", into = "EquivalenceRow")]
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

type EquivalenceRow = (DomainName, i32, DomainName, i32);

impl From<EquivalenceRow> for Equivalence {
    fn from((held_domain, held_rank, granted_domain, granted_rank): EquivalenceRow) -> Self {
        Self { held_domain, held_rank, granted_domain, granted_rank }
    }
}

impl From<Equivalence> for EquivalenceRow {
    fn from(row: Equivalence) -> Self {
        (row.held_domain, row.held_rank, row.granted_domain, row.granted_rank)
    }
}

/// What an agreement adds to the label of every copy: a copy is never less restricted than the original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overlay {
    /// At least this about passing on; consent unless said otherwise.
    pub onward: Onward,
    /// At least this about use.
    #[serde(rename = "use")]
    pub permitted_use: PermittedUse,
    /// At least this about court.
    pub evidence: Evidence,
    /// Vetting that every later receiver must hold, too.
    pub vetting: BTreeSet<VettingKind>,
    /// Days a copy may be kept, from the day of transfer; none or 0 for as long as the original.
    pub retention_days: Option<i32>,
    /// Days after which a copy's label must be reviewed.
    pub review_days: Option<i32>,
    /// Whether the copy may be used for the purposes of the agreement only.
    pub bind_purposes: bool,
}

impl Default for Overlay {
    fn default() -> Self {
        Self {
            onward: Onward::Consent,
            permitted_use: PermittedUse::default(),
            evidence: Evidence::default(),
            vetting: BTreeSet::new(),
            retention_days: None,
            review_days: None,
            bind_purposes: true,
        }
    }
}

/// How an agreement stands on a day; one of these binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It binds.
    InForce,
    /// A party's signature over this version is missing.
    Unratified,
    /// A party ended it; it is never revived.
    Terminated,
    /// A party suspended it.
    Suspended,
    /// Its first day is still to come.
    NotStarted,
    /// Its time is over.
    Expired,
}

impl Agreement {
    /// How it stands on this day.
    #[must_use]
    pub fn standing(&self, today: Day) -> Standing {
        if !self.body.parties.is_subset(&self.signed_by) {
            Standing::Unratified
        } else if !self.terminated_by.is_empty() {
            Standing::Terminated
        } else if !self.suspended_by.is_empty() {
            Standing::Suspended
        } else if today < self.body.from {
            Standing::NotStarted
        } else if today >= self.body.until {
            Standing::Expired
        } else {
            Standing::InForce
        }
    }

    /// Whether it binds on this day.
    #[must_use]
    pub fn is_in_force(&self, today: Day) -> bool {
        self.standing(today) == Standing::InForce
    }

    /// The label under which a copy travels that is handed over on this day.
    ///
    /// # Errors
    /// None that can happen: the overlay is made in the realm of the label.
    pub fn label_of_copy(&self, label: &Label, today: Day) -> Result<Label, LabelError> {
        let overlay = &self.body.overlay;
        let after = |days: Option<i32>| days.filter(|days| *days != 0).map(|days| today.plus_days(days));
        label.join(&Label::from(LabelFields {
            realm: label.realm().clone(),
            onward: overlay.onward,
            permitted_use: overlay.permitted_use,
            evidence: overlay.evidence,
            purposes: overlay.bind_purposes.then(|| self.body.purposes.iter().cloned().collect()),
            vetting: overlay.vetting.iter().cloned().collect(),
            not_after: after(overlay.retention_days),
            review_by: after(overlay.review_days),
            ..LabelFields::default()
        }))
    }

    /// Clearances it adds to those somebody of a party has, on a day it is in force.
    pub(crate) fn granted<'a>(
        &'a self,
        held: &'a BTreeMap<DomainName, i32>,
    ) -> impl Iterator<Item = (&'a DomainName, i32)> {
        let counts =
            |row: &&Equivalence| held.get(&row.held_domain).copied().unwrap_or(NOT_CLEARED) >= row.held_rank;
        self.body.equivalence.iter().filter(counts).filter_map(|row| {
            let ceiling = self.body.max_levels.get(&row.granted_domain)?;
            Some((&row.granted_domain, row.granted_rank.min(*ceiling)))
        })
    }
}
