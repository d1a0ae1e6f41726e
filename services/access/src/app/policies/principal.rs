//! A subject as policies see it: the profile, never the person. Decisions are shared by all who have the profile, so
//! nothing that two of them do not share may be in it; labels that name persons are decided for each, and there alone the
//! person's own token is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use entente_domain::{
    day::Day,
    ids::ProfileId,
    label::Label,
    subject::{Grant, Subject, VettingStatus},
    token::{Compartment, Token},
};

use super::texts;
use crate::store::OperationRow;

/// A subject on one day.
pub(crate) struct Principal {
    profile_id: String,
    active: bool,
    organization: String,
    tokens: BTreeSet<String>,
    other_hats: BTreeSet<String>,
    person: Option<String>,
    cleared: BTreeSet<String>,
    read_into: BTreeSet<String>,
    /// What tree grants cover.
    trees: Vec<Compartment>,
    vetted: BTreeSet<String>,
    roles: BTreeSet<String>,
    purposes: BTreeSet<String>,
    client_of: BTreeSet<String>,
    /// The entity of most decisions.
    shared: Option<Entity>,
}

impl Principal {
    /// Resolves what the subject holds on this day, as `PreparedSubject` does for the rules of the software.
    pub(crate) fn new(
        subject: &Subject,
        profile_id: ProfileId,
        today: Day,
        operations: &BTreeMap<String, OperationRow>,
    ) -> Principal {
        let live: Vec<&Grant> = subject.grants.iter().filter(|grant| is_live(grant, today)).collect();
        let trees: Vec<Compartment> =
            live.iter().filter(|grant| grant.tree).map(|grant| grant.path.clone()).collect();
        let mut read_into: BTreeSet<String> =
            live.iter().flat_map(|grant| with_ancestors(grant.path.as_str())).collect();
        read_into
            .extend(paths(operations).filter(|path| is_in_a_tree(&trees, path)).map(|path| path.to_string()));
        let levels = |(domain, rank): (_, &i32)| (0..=*rank).map(move |rank| format!("{domain}:{rank}"));
        let cleared = subject
            .vetting
            .iter()
            .filter(|(_, vetting)| vetting.status == VettingStatus::Cleared && today < vetting.until);
        let mut principal = Principal {
            profile_id: profile_id.to_string(),
            active: subject.active,
            organization: subject.org.to_string(),
            tokens: tokens(subject),
            other_hats: strings(&subject.other_hats),
            person: subject.person.as_ref().map(|person| Token::person(person).to_string()),
            cleared: subject.clearances.iter().flat_map(levels).collect(),
            read_into,
            trees,
            vetted: cleared.map(|(kind, _)| kind.to_string()).collect(),
            roles: strings(&subject.roles),
            purposes: strings(&subject.purposes),
            client_of: strings(&subject.client_of),
            shared: None,
        };
        principal.shared = principal.entity(None, &[]);
        principal
    }

    /// The subject as an entity, for a decision on this label.
    pub(super) fn entity_for(&self, label: &Label) -> Option<Entity> {
        let person = self.person.as_ref().filter(|_| label.names_persons());
        let asked = label.fields().comps.iter().filter(|path| is_in_a_tree(&self.trees, path));
        let beyond: Vec<&str> =
            asked.map(Compartment::as_str).filter(|path| !self.read_into.contains(*path)).collect();
        if person.is_none() && beyond.is_empty() {
            return self.shared.clone();
        }
        self.entity(person, &beyond)
    }

    /// With the person's token, and compartments that only the label names.
    fn entity(&self, person: Option<&String>, beyond: &[&str]) -> Option<Entity> {
        let tokens: Vec<&String> = self.tokens.iter().chain(person).collect();
        let read_into = self.read_into.iter().map(String::as_str).chain(beyond.iter().copied());
        let hats = tokens.iter().copied().chain(&self.other_hats).cloned();
        // A mandate concerns the audit log, and is no part of a profile.
        let none = || texts(std::iter::empty::<String>());
        let attributes = [
            ("active", RestrictedExpression::new_bool(self.active)),
            ("org", RestrictedExpression::new_string(self.organization.clone())),
            ("hats", texts(hats)),
            ("tokens", texts(tokens.into_iter().cloned())),
            ("cleared", texts(self.cleared.iter().cloned())),
            ("readin", texts(read_into)),
            ("vetted", texts(self.vetted.iter().cloned())),
            ("roles", texts(self.roles.iter().cloned())),
            ("purposes", texts(self.purposes.iter().cloned())),
            ("clientOf", texts(self.client_of.iter().cloned())),
            ("mandateOrgs", none()),
            ("mandateNations", none()),
        ];
        let attributes: HashMap<String, RestrictedExpression> =
            attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let type_name: EntityTypeName = "Entente::Subject".parse().ok()?;
        let uid = EntityUid::from_type_name_and_id(type_name, EntityId::new(&self.profile_id));
        Entity::new(uid, attributes, HashSet::new()).ok()
    }
}

fn strings<T: ToString>(values: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

/// The tokens of the hat worn, without the person's.
fn tokens(subject: &Subject) -> BTreeSet<String> {
    let mut tokens = BTreeSet::from([Token::organization(&subject.org).to_string()]);
    tokens.extend(subject.nation.iter().map(|nation| Token::nation(nation).to_string()));
    tokens.extend(subject.groups.iter().map(|group| Token::group(group).to_string()));
    tokens.extend(subject.client_of.iter().map(|of| Token::clients(of).to_string()));
    tokens
}

fn is_live(grant: &Grant, today: Day) -> bool {
    grant.from.is_none_or(|from| from <= today) && grant.until.is_none_or(|until| today < until)
}

/// `OP:A/B/C`, `OP:A/B`, `OP:A`.
fn with_ancestors(path: &str) -> Vec<String> {
    let cuts = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    std::iter::once(path).chain(cuts).map(str::to_owned).collect()
}

fn is_in_a_tree(trees: &[Compartment], path: &Compartment) -> bool {
    trees.iter().any(|tree| path == tree || path.is_below(tree))
}

/// Every operation, component and phase there is.
fn paths(operations: &BTreeMap<String, OperationRow>) -> impl Iterator<Item = Compartment> {
    operations.values().flat_map(|operation| {
        let name = format!("OP:{}", operation.operation_id);
        let mut paths = vec![Compartment::as_stored(&name)];
        for component in &operation.components {
            let component_path = format!("{name}/{}", component.component_id);
            let phases = component.phases.iter().map(|phase| format!("{component_path}/{}", phase.phase_id));
            paths.extend(phases.map(|path| Compartment::as_stored(&path)));
            paths.push(Compartment::as_stored(&component_path));
        }
        paths
    })
}
