//! Normal form: one value per meaning. Required before comparing, printing and hashing.

use std::collections::BTreeSet;

use crate::day::Day;
use crate::label::LabelFields;
use crate::token::{Compartment, Token};

/// Brings the fields into normal form.
pub(super) fn normalize(fields: &mut LabelFields) {
    fields.audience = audience(std::mem::take(&mut fields.audience));
    fields.comps = compartments(std::mem::take(&mut fields.comps));
    sort_set(&mut fields.excl);
    sort_set(&mut fields.vetting);
    sort_set(&mut fields.originators);
    if let Some(purposes) = &mut fields.purposes {
        sort_set(purposes);
    }
    if let (Some(review), Some(end)) = (fields.review_by, fields.not_after)
        && review >= end
    {
        // The item is gone before the review is due.
        fields.review_by = None;
    }
}

/// A date counts as a restriction unless it is absent or 1970-01-01: the reference takes day 0 for unset when
/// it asks whether a label restricts anything, and nodes must agree on that.
pub(super) fn restricts(date: Option<Day>) -> bool {
    date.is_some_and(|day| day != Day::EPOCH)
}

fn sort_set<T: Ord>(items: &mut Vec<T>) {
    items.sort_unstable();
    items.dedup();
}

type Clause = BTreeSet<Token>;

/// Clauses that all must hold, in normal form.
///
/// Nation-only clauses collapse to their intersection, organization-only clauses likewise; that is exact,
/// because a session has one acting organization and at most one nation. A clause that contains another is
/// redundant. An empty clause means nobody, and absorbs everything.
fn audience(clauses: Vec<Vec<Token>>) -> Vec<Vec<Token>> {
    let clauses: Vec<Clause> = clauses.into_iter().map(Clause::from_iter).collect();
    let (nations, clauses) = partition(clauses, "N:");
    let (organizations, mut rest) = partition(clauses, "O:");
    rest.extend(intersection(nations));
    rest.extend(intersection(organizations));
    if rest.iter().any(Clause::is_empty) {
        return vec![Vec::new()];
    }
    sort_set(&mut rest);
    let redundant =
        |clause: &Clause| rest.iter().any(|other| other.len() < clause.len() && other.is_subset(clause));
    let kept: Vec<bool> = rest.iter().map(|clause| !redundant(clause)).collect();
    let kept = rest.into_iter().zip(kept).filter_map(|(clause, keep)| keep.then_some(clause));
    kept.map(|clause| clause.into_iter().collect()).collect()
}

/// Clauses whose tokens all have this prefix, and the others.
fn partition(clauses: Vec<Clause>, prefix: &str) -> (Vec<Clause>, Vec<Clause>) {
    let only =
        |clause: &Clause| !clause.is_empty() && clause.iter().all(|token| token.as_str().starts_with(prefix));
    clauses.into_iter().partition(only)
}

fn intersection(clauses: Vec<Clause>) -> Option<Clause> {
    clauses.into_iter().reduce(|left, right| left.intersection(&right).cloned().collect())
}

/// Holding a path implies its ancestors, so an ancestor beside its descendant says nothing.
fn compartments(mut compartments: Vec<Compartment>) -> Vec<Compartment> {
    sort_set(&mut compartments);
    let kept: Vec<bool> =
        compartments.iter().map(|path| !compartments.iter().any(|other| other.is_below(path))).collect();
    compartments.into_iter().zip(kept).filter_map(|(path, keep)| keep.then_some(path)).collect()
}
