//! Which interests a version meets. Each interest is filed under its rarest term; a version probes the terms it has and
//! checks the rest of each candidate. Simple on purpose: cost grows with candidates, not with interests, and what no
//! interest asks for is not taken out of a version.

use std::{collections::HashMap, sync::Arc};

use super::version_facts::VersionFacts;
use crate::store::{Interest, Term};

/// Every live interest.
#[derive(Default)]
pub(super) struct InterestIndex {
    realms: HashMap<String, RealmIndex>,
    /// Where each interest is filed, for taking it out.
    places: HashMap<String, (String, Key)>,
}

/// The live interests of one realm. INVARIANT: an interest stands under exactly one key.
#[derive(Default)]
struct RealmIndex {
    values: Filed,
    words: Filed,
    operations: Filed,
    originators: Filed,
    types: Filed,
}

type Filed = HashMap<String, Vec<Arc<Interest>>>;

/// What an interest is filed under, rarest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Value(String),
    Word(String),
    Operation(String),
    Originator(String),
    Type(String),
}

impl InterestIndex {
    /// Files an interest; one that is already there stays.
    pub(super) fn add(&mut self, interest: Interest) {
        if self.places.contains_key(&interest.interest_id) {
            return;
        }
        let Some(key) = interest.terms.iter().filter_map(key).min() else { return };
        let realm = interest.holder.realm.clone();
        self.places.insert(interest.interest_id.clone(), (realm.clone(), key.clone()));
        let (filed, name) = self.realms.entry(realm).or_default().place(key);
        filed.entry(name).or_default().push(Arc::new(interest));
    }

    /// Takes an interest out.
    pub(super) fn remove(&mut self, interest_id: &str) {
        let Some((realm, key)) = self.places.remove(interest_id) else { return };
        let Some(index) = self.realms.get_mut(&realm) else { return };
        let (filed, name) = index.place(key);
        if let Some(interests) = filed.get_mut(&name) {
            interests.retain(|interest| interest.interest_id != interest_id);
            if interests.is_empty() {
                filed.remove(&name);
            }
        }
    }

    /// The interests whose every term holds of the version, each once, in order of creation.
    pub(super) fn matches(&self, facts: &VersionFacts<'_>) -> Vec<Arc<Interest>> {
        let Some(realm) = self.realms.get(&facts.version().realm) else { return Vec::new() };
        let mut met: Vec<Arc<Interest>> =
            realm.candidates(facts).into_iter().filter(|interest| holds(interest, facts)).cloned().collect();
        met.sort_by_key(|interest| interest.interest_seq);
        // A word that stands twice in a text was probed twice.
        met.dedup_by_key(|interest| interest.interest_seq);
        met
    }
}

impl RealmIndex {
    fn place(&mut self, key: Key) -> (&mut Filed, String) {
        match key {
            Key::Value(name) => (&mut self.values, name),
            Key::Word(name) => (&mut self.words, name),
            Key::Operation(name) => (&mut self.operations, name),
            Key::Originator(name) => (&mut self.originators, name),
            Key::Type(name) => (&mut self.types, name),
        }
    }

    fn candidates(&self, facts: &VersionFacts<'_>) -> Vec<&Arc<Interest>> {
        let version = facts.version();
        let mut found = Vec::new();
        if !self.values.is_empty() {
            found.extend(facts.values().iter().filter_map(|value| self.values.get(value)).flatten());
        }
        if !self.words.is_empty() {
            found.extend(facts.words().iter().filter_map(|word| self.words.get(word)).flatten());
        }
        if !self.operations.is_empty() {
            found.extend(paths(&version.operation).filter_map(|path| self.operations.get(path)).flatten());
        }
        found.extend(self.originators.get(&version.originator).into_iter().flatten());
        found.extend(self.types.get(&version.report_type).into_iter().flatten());
        found
    }
}

/// A path and every path above it.
fn paths(path: &str) -> impl Iterator<Item = &str> {
    let above = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
    above.chain(std::iter::once(path)).filter(|path| !path.is_empty())
}

/// True if every term of the interest holds of the version: the whole meaning of an interest.
fn holds(interest: &Interest, facts: &VersionFacts<'_>) -> bool {
    interest.terms.iter().all(|term| term_holds(term, facts))
}

fn term_holds(term: &Term, facts: &VersionFacts<'_>) -> bool {
    let version = facts.version();
    match term {
        Term::ObjectType(name) => version.report_type == *name,
        Term::IndicatorValue(value) => facts.values().contains(value),
        Term::Phrase(words) => entente_stix::text::contains_phrase(facts.words(), words),
        Term::Originator(name) => version.originator == *name,
        Term::Operation(path) => is_at_or_below(&version.operation, path),
        Term::MinSeverity(severity) => version.severity >= *severity,
    }
}

/// True if `path` is `above` or lies below it.
fn is_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn key(term: &Term) -> Option<Key> {
    match term {
        Term::IndicatorValue(value) => Some(Key::Value(value.clone())),
        // The longest word is most often the rarest.
        Term::Phrase(words) => words.iter().max_by_key(|word| word.len()).map(|word| Key::Word(word.clone())),
        Term::Operation(path) => Some(Key::Operation(path.clone())),
        Term::Originator(name) => Some(Key::Originator(name.clone())),
        Term::ObjectType(name) => Some(Key::Type(name.clone())),
        Term::MinSeverity(_) => None,
    }
}

#[cfg(test)]
mod tests;
