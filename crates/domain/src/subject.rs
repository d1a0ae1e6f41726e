//! Who reads or submits: a subject under one acting organization, and the same prepared for one day's decisions.
//!
//! Permit on the acting hat, exclude on any hat: tokens, clearances, grants and roles come from the organization acted
//! for; exclusions look at every membership and citizenship the subject has.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::day::Day;
use crate::ids::{
    DomainName, GroupId, NationCode, OrganizationId, PersonId, Purpose, Role, SubjectId, VettingKind,
};
use crate::token::{Compartment, Token, checked_compartment, checked_tokens};

/// A subject as registered. What is left out grants nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Under which id it is registered. Decides nothing.
    #[serde(default)]
    pub id: SubjectId,
    /// A person or a partner system. Decides nothing.
    #[serde(default)]
    pub kind: SubjectKind,
    /// The organization acted for; exactly one.
    pub org: OrganizationId,
    /// The nation of that organization; none for international bodies.
    #[serde(default)]
    pub nation: Option<NationCode>,
    /// Groups of the organization, and of the person beyond those.
    #[serde(default)]
    pub groups: BTreeSet<GroupId>,
    /// Organizations whose registered client the organization is.
    #[serde(default)]
    pub client_of: BTreeSet<OrganizationId>,
    /// The person, as an audience would name it.
    #[serde(default)]
    pub person: Option<PersonId>,
    /// All other memberships and citizenships; they only exclude.
    #[serde(default, deserialize_with = "checked_tokens")]
    pub other_hats: Vec<Token>,
    /// What it may do.
    #[serde(default)]
    pub roles: BTreeSet<Role>,
    /// Purposes it may assert.
    #[serde(default)]
    pub purposes: BTreeSet<Purpose>,
    /// Rank per policy domain, as its security authority asserts.
    #[serde(default)]
    pub clearances: BTreeMap<DomainName, i32>,
    /// What it is read into.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Vetting of the person and unit.
    #[serde(default)]
    pub vetting: BTreeMap<VettingKind, Vetting>,
    /// Whose disclosures it may look into; for oversight only.
    #[serde(default)]
    pub mandate: Mandate,
    /// False when suspended.
    #[serde(default = "active")]
    pub active: bool,
}

fn active() -> bool {
    true
}

/// What a subject is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// Somebody.
    #[default]
    Person,
    /// A partner's system.
    Service,
}

/// A need-to-know grant: covers its path and every ancestor of it, for being read into a component implies what is common
/// to the operation; with `tree` every descendant too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The operation, component, phase or codeword.
    #[serde(deserialize_with = "checked_compartment")]
    pub path: Compartment,
    /// Whether it covers every descendant.
    #[serde(default)]
    pub tree: bool,
    /// First day it holds; none for at once.
    #[serde(default)]
    pub from: Option<Day>,
    /// First day it no longer holds; none for never.
    #[serde(default)]
    pub until: Option<Day>,
}

/// The state of one kind of vetting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vetting {
    /// How it stands.
    pub status: VettingStatus,
    /// First day it no longer holds.
    pub until: Day,
}

/// How a vetting stands; only one of these admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VettingStatus {
    /// Passed.
    Cleared,
    /// Not decided.
    Pending,
    /// Failed.
    Rejected,
    /// Passed once, and on hold.
    Suspended,
}

/// Whose disclosures an overseer may look into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mandate {
    /// Organizations.
    pub orgs: BTreeSet<OrganizationId>,
    /// Nations, for all their organizations.
    pub nations: BTreeSet<NationCode>,
    /// Whether persons are named to it.
    pub identify: bool,
}

impl Subject {
    /// A subject of this organization that holds nothing.
    #[must_use]
    pub fn new(id: SubjectId, org: OrganizationId) -> Self {
        Self {
            id,
            kind: SubjectKind::default(),
            org,
            nation: None,
            groups: BTreeSet::new(),
            client_of: BTreeSet::new(),
            person: None,
            other_hats: Vec::new(),
            roles: BTreeSet::new(),
            purposes: BTreeSet::new(),
            clearances: BTreeMap::new(),
            grants: Vec::new(),
            vetting: BTreeMap::new(),
            mandate: Mandate::default(),
            active: true,
        }
    }

    /// The tokens of the hat worn, except the person's: what colleagues of equal rank share.
    fn shared_tokens(&self) -> BTreeSet<Token> {
        let mut tokens = BTreeSet::from([Token::organization(&self.org)]);
        tokens.extend(self.nation.iter().map(Token::nation));
        tokens.extend(self.groups.iter().map(Token::group));
        tokens.extend(self.client_of.iter().map(Token::clients));
        tokens
    }

    /// Own clearances and what agreements in force make of them.
    fn clearances_on(&self, today: Day, agreements: &[Agreement]) -> BTreeMap<DomainName, i32> {
        let mut held = self.clearances.clone();
        let binding = |agreement: &&Agreement| {
            agreement.body.parties.contains(&self.org) && agreement.is_in_force(today)
        };
        for (domain, rank) in
            agreements.iter().filter(binding).flat_map(|agreement| agreement.granted(&self.clearances))
        {
            held.entry(domain.clone()).and_modify(|held| *held = (*held).max(rank)).or_insert(rank);
        }
        held.retain(|_, rank| *rank >= 0);
        held
    }
}

impl Grant {
    fn is_live(&self, today: Day) -> bool {
        self.from.is_none_or(|from| from <= today) && self.until.is_none_or(|until| today < until)
    }
}

/// A subject as it stands on one day: everything dated is resolved, everything looked up is a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedSubject {
    pub(crate) today: Day,
    pub(crate) active: bool,
    pub(crate) org: OrganizationId,
    pub(crate) person: Option<Token>,
    /// Without the person's.
    pub(crate) tokens: BTreeSet<Token>,
    pub(crate) other_hats: BTreeSet<Token>,
    pub(crate) roles: BTreeSet<Role>,
    pub(crate) purposes: BTreeSet<Purpose>,
    pub(crate) clearances: BTreeMap<DomainName, i32>,
    pub(crate) grants: BTreeSet<LiveGrant>,
    pub(crate) vetted: BTreeSet<VettingKind>,
    pub(crate) mandate: Mandate,
}

/// A grant that holds today.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct LiveGrant {
    pub(crate) path: Compartment,
    pub(crate) tree: bool,
}

impl PreparedSubject {
    /// Resolves what the subject holds on this day. `agreements` are those of the node; which of them count is found here.
    #[must_use]
    pub fn new(subject: &Subject, agreements: &[Agreement], today: Day) -> Self {
        let live = subject.grants.iter().filter(|grant| grant.is_live(today));
        let cleared = |vetting: &Vetting| vetting.status == VettingStatus::Cleared && today < vetting.until;
        let vetted = subject.vetting.iter().filter(|(_, vetting)| cleared(vetting));
        Self {
            today,
            active: subject.active,
            org: subject.org.clone(),
            person: subject.person.as_ref().map(Token::person),
            tokens: subject.shared_tokens(),
            other_hats: subject.other_hats.iter().cloned().collect(),
            roles: subject.roles.clone(),
            purposes: subject.purposes.clone(),
            clearances: subject.clearances_on(today, agreements),
            grants: live.map(|grant| LiveGrant { path: grant.path.clone(), tree: grant.tree }).collect(),
            vetted: vetted.map(|(kind, _)| kind.clone()).collect(),
            mandate: subject.mandate.clone(),
        }
    }

    /// The day it was resolved for, and on which its decisions hold.
    #[must_use]
    pub fn today(&self) -> Day {
        self.today
    }

    /// The organization acted for.
    #[must_use]
    pub fn organization(&self) -> &OrganizationId {
        &self.org
    }

    /// Whether it may do what this role allows.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// Whether an audience that names this token means it: by the hat worn.
    pub(crate) fn carries(&self, token: &Token) -> bool {
        self.tokens.contains(token) || self.person.as_ref() == Some(token)
    }

    /// Whether an exclusion that names this token means it: by any hat.
    pub(crate) fn wears(&self, token: &Token) -> bool {
        self.carries(token) || self.other_hats.contains(token)
    }

    /// Whether it is read into this.
    pub(crate) fn is_read_into(&self, compartment: &Compartment) -> bool {
        self.grants.iter().any(|grant| {
            grant.path == *compartment
                || grant.path.is_below(compartment)
                || (grant.tree && compartment.is_below(&grant.path))
        })
    }
}
