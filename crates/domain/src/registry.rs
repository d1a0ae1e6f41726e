//! What this deployment knows: policy domains, purposes, kinds of vetting, organizations, realms.
//!
//! A value, passed to whoever needs it: two nodes, or two epochs of one node, may know different things.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{DomainName, GroupId, IdError, NationCode, OrganizationId, Purpose, Realm, VettingKind};
use crate::token::Token;

/// Level names every built-in policy domain uses, lowest first; the index is the rank.
const LEVELS: [&str; 5] = ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET", "TOP SECRET"];
/// Assurance floor per rank of [`LEVELS`].
const ASSURANCE: [u8; 5] = [1, 1, 2, 2, 3];
/// Built-in policy domains and their home audience.
const DOMAINS: [(&str, Option<&str>); 5] = [
    ("ENTENTE", None),
    ("NATO", Some("G:NATO")),
    ("EU", Some("G:EU")),
    ("PAK", Some("N:PAK")),
    ("USA", Some("N:USA")),
];
const PURPOSES: [&str; 8] = [
    "CT",
    "CYBER-DEFENCE",
    "FORCE-PROTECTION",
    "CRIMINAL-JUSTICE",
    "BORDER",
    "DISASTER",
    "OVERSIGHT",
    "TRAINING",
];
const VETTING: [&str; 3] = ["HRV", "SECURITY", "DATA-PROTECTION"];

/// The registries of one deployment at one policy epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    domains: BTreeMap<DomainName, PolicyDomain>,
    purposes: BTreeSet<Purpose>,
    vetting: BTreeSet<VettingKind>,
    organizations: BTreeMap<OrganizationId, Organization>,
    realms: BTreeSet<Realm>,
}

/// A policy domain: an authority with its own ordered levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDomain {
    /// Level names, lowest first; the index is the rank.
    pub levels: Vec<String>,
    /// Who may have it when nothing else is said; used by mappings from foreign label formats.
    #[serde(default)]
    pub home: Option<Token>,
    /// Lowest authentication assurance (1 to 3) per rank, as many as there are levels.
    pub assurance: Vec<u8>,
}

/// An organization as this node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organization {
    /// The nation it belongs to; none for international bodies.
    pub nation: Option<NationCode>,
    /// Groups it is a member of.
    pub groups: BTreeSet<GroupId>,
    /// Organizations whose registered client it is.
    pub client_of: BTreeSet<OrganizationId>,
}

impl Registry {
    /// The domains, purposes and vetting kinds every deployment starts with, the realm `REAL`, no organization.
    #[must_use]
    pub fn builtin() -> Self {
        let domain = |home: Option<&str>| PolicyDomain {
            levels: LEVELS.map(str::to_owned).to_vec(),
            home: home.map(Token::as_stored),
            assurance: ASSURANCE.to_vec(),
        };
        Self {
            domains: DOMAINS.iter().map(|(name, home)| (DomainName::from(*name), domain(*home))).collect(),
            purposes: PURPOSES.map(Purpose::from).into(),
            vetting: VETTING.map(VettingKind::from).into(),
            organizations: BTreeMap::new(),
            realms: BTreeSet::from([Realm::real()]),
        }
    }

    /// Registers an organization, or replaces what was known of it.
    pub fn add_organization(&mut self, id: OrganizationId, organization: Organization) {
        self.organizations.insert(id, organization);
    }

    /// Registers a realm, written `EXERCISE:<name>`.
    ///
    /// # Errors
    /// [`IdError`] when the text is no realm.
    pub fn add_realm(&mut self, realm: &str) -> Result<(), IdError> {
        self.realms.insert(realm.parse()?);
        Ok(())
    }

    /// Registers a policy domain, or replaces it.
    pub fn add_domain(&mut self, name: DomainName, domain: PolicyDomain) {
        self.domains.insert(name, domain);
    }

    /// Registers a purpose.
    pub fn add_purpose(&mut self, purpose: Purpose) {
        self.purposes.insert(purpose);
    }

    /// Registers a kind of vetting.
    pub fn add_vetting(&mut self, kind: VettingKind) {
        self.vetting.insert(kind);
    }

    /// The policy domain of this name.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<&PolicyDomain> {
        self.domains.get(name)
    }

    /// A level as a label line writes it: `PAK:SECRET`. What is not registered is shown, so that it can be discussed, in a
    /// form that never parses: `MARS:#0`.
    #[must_use]
    pub fn level_text(&self, domain: &DomainName, rank: i32) -> String {
        match self.domain(domain.as_str()).and_then(|known| known.level_name(rank)) {
            Some(name) => format!("{domain}:{name}"),
            None => format!("{domain}:#{rank}"),
        }
    }

    /// The organization of this name.
    #[must_use]
    pub fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations.get(id)
    }

    /// All organizations, by id.
    pub fn organizations(&self) -> impl Iterator<Item = (&OrganizationId, &Organization)> {
        self.organizations.iter()
    }

    /// All purposes that may be asserted here.
    pub fn purposes(&self) -> impl Iterator<Item = &Purpose> {
        self.purposes.iter()
    }

    /// Whether the purpose is registered.
    #[must_use]
    pub fn knows_purpose(&self, purpose: &Purpose) -> bool {
        self.purposes.contains(purpose)
    }

    /// Whether the kind of vetting is registered.
    #[must_use]
    pub fn knows_vetting(&self, kind: &VettingKind) -> bool {
        self.vetting.contains(kind)
    }

    /// Whether the realm is registered.
    #[must_use]
    pub fn knows_realm(&self, realm: &Realm) -> bool {
        self.realms.contains(realm)
    }

    /// All realms of this deployment.
    pub fn realms(&self) -> impl Iterator<Item = &Realm> {
        self.realms.iter()
    }
}

impl PolicyDomain {
    /// The name of a rank.
    #[must_use]
    pub fn level_name(&self, rank: i32) -> Option<&str> {
        self.levels.get(usize::try_from(rank).ok()?).map(String::as_str)
    }

    /// The rank of a level name.
    #[must_use]
    pub fn rank(&self, level: &str) -> Option<i32> {
        self.levels.iter().position(|name| name == level).and_then(|rank| i32::try_from(rank).ok())
    }

    /// The lowest assurance that may see this rank; none for a rank that does not exist.
    #[must_use]
    pub fn assurance_floor(&self, rank: i32) -> Option<u8> {
        self.assurance.get(usize::try_from(rank).ok()?).copied()
    }
}

impl Organization {
    /// Whether somebody acting for `id`, this organization, carries `token` by that alone.
    pub(crate) fn carries(&self, id: &str, token: &Token) -> bool {
        use crate::token::TokenKind;
        match token.kind() {
            Some(TokenKind::Nation) => {
                self.nation.as_ref().is_some_and(|nation| nation.as_str() == token.name())
            }
            Some(TokenKind::Organization) => id == token.name(),
            Some(TokenKind::Group) => self.groups.contains(token.name()),
            Some(TokenKind::Clients) => self.client_of.contains(token.name()),
            Some(TokenKind::Person) | None => false,
        }
    }
}
