//! The conditions, each with how it is tested and how it is put into words. Deciding and explaining read the same table,
//! so that an explanation cannot differ from the decision.

use std::fmt::Display;

use crate::decision::{DenyReason, ObjectState, Session};
use crate::ids::Role;
use crate::label::Label;
use crate::registry::Registry;
use crate::subject::PreparedSubject;
use crate::token::Token;

/// What a condition looks at.
pub(super) struct Facts<'a> {
    pub(super) subject: &'a PreparedSubject,
    pub(super) label: &'a Label,
    pub(super) session: &'a Session,
    pub(super) registry: &'a Registry,
    pub(super) state: ObjectState,
    /// The role the action asks for.
    pub(super) role: &'static str,
}

/// One condition.
pub(super) struct Rule {
    pub(super) reason: DenyReason,
    pub(super) holds: fn(&Facts<'_>) -> bool,
    /// What is asked, and what is there.
    pub(super) words: fn(&Facts<'_>) -> (String, String),
}

/// Reading, in order. What does not depend on the object comes first: it is answered before the object is looked up.
pub(super) const READ: [Rule; 17] = [
    NO_OVERSIGHT,
    ACTIVE,
    ROLE,
    PURPOSE_GRANTED,
    WELL_FORMED,
    REALM,
    PURPOSE_PERMITTED,
    NOT_BEFORE,
    NOT_AFTER,
    NOT_EXCLUDED,
    AUDIENCE,
    CLEARANCE,
    COMPARTMENT,
    VETTING,
    ASSURANCE,
    NOT_RECALLED,
    NOT_QUARANTINED,
];

/// Submitting, in order. A label fit to be submitted is well-formed, too.
pub(super) const SUBMIT: [Rule; 13] = [
    ACTIVE,
    VALID,
    ROLE,
    PURPOSE_GRANTED,
    REALM,
    ORIGINATOR,
    PURPOSE_PERMITTED,
    NOT_AFTER,
    NOT_EXCLUDED,
    AUDIENCE,
    CLEARANCE,
    COMPARTMENT,
    ASSURANCE,
];

/// Passing on, in order, before reading is asked.
pub(super) const RELEASE: [Rule; 5] = [ACTIVE, ROLE, PURPOSE_GRANTED, WELL_FORMED, REALM];

/// Receiving, in order: what a label asks of the receiver, each with its own reason.
pub(super) const RECEIVE: [Rule; 11] = [
    Rule { reason: DenyReason::TargetInactive, ..ACTIVE },
    Rule { reason: DenyReason::TargetPurposeNotGranted, ..PURPOSE_GRANTED },
    Rule { reason: DenyReason::TargetPurposeNotPermitted, ..PURPOSE_PERMITTED },
    Rule { reason: DenyReason::TargetNotYetValid, ..NOT_BEFORE },
    Rule { reason: DenyReason::TargetExpired, ..NOT_AFTER },
    Rule { reason: DenyReason::TargetExcluded, ..NOT_EXCLUDED },
    Rule { reason: DenyReason::TargetNotInAudience, ..AUDIENCE },
    Rule { reason: DenyReason::TargetClearance, ..CLEARANCE },
    Rule { reason: DenyReason::TargetCompartment, ..COMPARTMENT },
    Rule { reason: DenyReason::TargetVetting, ..VETTING },
    Rule { reason: DenyReason::TargetAssurance, ..ASSURANCE },
];

/// Changing a label or calling an object back, in order, before originators are asked. The label is that which is there.
pub(super) const RELABEL: [Rule; 3] = [ACTIVE, ROLE, REALM];

/// The first rule that does not hold, by its reason.
pub(super) fn first_failure(rules: &[Rule], facts: &Facts<'_>) -> Result<(), DenyReason> {
    match rules.iter().find(|rule| !(rule.holds)(facts)) {
        Some(rule) => Err(rule.reason),
        None => Ok(()),
    }
}

const NO_OVERSIGHT: Rule = Rule {
    reason: DenyReason::OversightIsMetadataOnly,
    holds: |facts| !facts.subject.has_role(Role::OVERSIGHT),
    words: |facts| ("not the role oversight".to_owned(), list(&facts.subject.roles)),
};

const ACTIVE: Rule = Rule {
    reason: DenyReason::SubjectInactive,
    holds: |facts| facts.subject.active,
    words: |facts| {
        ("active".to_owned(), if facts.subject.active { "active" } else { "suspended" }.to_owned())
    },
};

const ROLE: Rule = Rule {
    reason: DenyReason::RoleMissing,
    holds: |facts| facts.subject.has_role(facts.role),
    words: |facts| (facts.role.to_owned(), list(&facts.subject.roles)),
};

const PURPOSE_GRANTED: Rule = Rule {
    reason: DenyReason::PurposeNotGranted,
    holds: |facts| facts.subject.purposes.contains(&facts.session.purpose),
    words: |facts| (facts.session.purpose.to_string(), list(&facts.subject.purposes)),
};

const WELL_FORMED: Rule = Rule {
    reason: DenyReason::LabelMalformed,
    holds: |facts| facts.label.validate(facts.registry, false).is_empty(),
    words: |facts| ("a well-formed label".to_owned(), faults(facts, false)),
};

const VALID: Rule = Rule {
    reason: DenyReason::LabelInvalid,
    holds: |facts| facts.label.validate(facts.registry, true).is_empty(),
    words: |facts| ("a label fit to be submitted".to_owned(), faults(facts, true)),
};

const REALM: Rule = Rule {
    reason: DenyReason::RealmMismatch,
    holds: |facts| *facts.label.realm() == facts.session.realm,
    words: |facts| (facts.label.realm().to_string(), facts.session.realm.to_string()),
};

const ORIGINATOR: Rule = Rule {
    reason: DenyReason::NotOriginator,
    holds: |facts| facts.label.is_originated_by(facts.subject.org.as_str()),
    words: |facts| (list(facts.label.originators()), facts.subject.org.to_string()),
};

const PURPOSE_PERMITTED: Rule = Rule {
    reason: DenyReason::PurposeNotPermitted,
    holds: |facts| {
        facts
            .label
            .fields()
            .purposes
            .as_ref()
            .is_none_or(|purposes| purposes.contains(&facts.session.purpose))
    },
    words: |facts| {
        let permitted = facts.label.fields().purposes.as_ref().map_or_else(|| "any purpose".to_owned(), list);
        (permitted, facts.session.purpose.to_string())
    },
};

const NOT_BEFORE: Rule = Rule {
    reason: DenyReason::NotYetValid,
    holds: |facts| facts.label.not_before().is_none_or(|day| day <= facts.subject.today),
    words: |facts| (bound("from", facts.label.not_before()), facts.subject.today.to_string()),
};

const NOT_AFTER: Rule = Rule {
    reason: DenyReason::Expired,
    holds: |facts| facts.label.not_after().is_none_or(|day| facts.subject.today < day),
    words: |facts| (bound("before", facts.label.not_after()), facts.subject.today.to_string()),
};

const NOT_EXCLUDED: Rule = Rule {
    reason: DenyReason::Excluded,
    holds: |facts| !facts.label.fields().excl.iter().any(|token| facts.subject.wears(token)),
    words: |facts| {
        let excluded = &facts.label.fields().excl;
        let required = if excluded.is_empty() { nothing() } else { format!("none of {}", tokens(excluded)) };
        let hats = facts.subject.tokens.iter().chain(&facts.subject.person).chain(&facts.subject.other_hats);
        (required, tokens(hats))
    },
};

const AUDIENCE: Rule = Rule {
    reason: DenyReason::NotInAudience,
    holds: |facts| {
        let matched = |clause: &Vec<Token>| clause.iter().any(|token| facts.subject.carries(token));
        facts.label.fields().audience.iter().all(matched)
    },
    words: |facts| {
        let clause = |clause: &Vec<Token>| match clause.as_slice() {
            [] => "nobody".to_owned(),
            [only] => only.to_text(),
            several => format!("one of {}", tokens(several)),
        };
        let clauses: Vec<String> = facts.label.fields().audience.iter().map(clause).collect();
        let required = if clauses.is_empty() { "everyone".to_owned() } else { clauses.join(" and ") };
        (required, tokens(facts.subject.tokens.iter().chain(&facts.subject.person)))
    },
};

const CLEARANCE: Rule = Rule {
    reason: DenyReason::Clearance,
    holds: |facts| {
        let mut levels = facts.label.fields().levels.iter();
        levels.all(|(domain, rank)| facts.subject.clearances.get(domain).is_some_and(|held| held >= rank))
    },
    words: |facts| {
        let level = |(domain, rank): (&_, &i32)| facts.registry.level_text(domain, *rank);
        let text = |levels: Vec<String>| {
            if levels.is_empty() { nothing() } else { levels.join(" + ") }
        };
        let required = facts.label.fields().levels.iter().map(level).collect();
        (text(required), text(facts.subject.clearances.iter().map(level).collect()))
    },
};

const COMPARTMENT: Rule = Rule {
    reason: DenyReason::Compartment,
    holds: |facts| {
        facts.label.fields().comps.iter().all(|compartment| facts.subject.is_read_into(compartment))
    },
    words: |facts| {
        let grant = |tree: bool, path: &dyn Display| {
            if tree { format!("{path} and all below") } else { path.to_string() }
        };
        let grants = facts.subject.grants.iter().map(|held| grant(held.tree, &held.path));
        (list(&facts.label.fields().comps), list(grants.collect::<Vec<_>>()))
    },
};

const VETTING: Rule = Rule {
    reason: DenyReason::Vetting,
    holds: |facts| facts.label.fields().vetting.iter().all(|kind| facts.subject.vetted.contains(kind)),
    words: |facts| (list(&facts.label.fields().vetting), list(&facts.subject.vetted)),
};

const ASSURANCE: Rule = Rule {
    reason: DenyReason::Assurance,
    holds: |facts| {
        facts.label.assurance_floor(facts.registry).is_some_and(|floor| facts.session.aal >= floor)
    },
    words: |facts| {
        let floor = facts.label.assurance_floor(facts.registry);
        let required =
            floor.map_or_else(|| "a registered level".to_owned(), |floor| format!("assurance {floor}"));
        (required, format!("assurance {}", facts.session.aal))
    },
};

const NOT_RECALLED: Rule = Rule {
    reason: DenyReason::Recalled,
    holds: |facts| facts.state != ObjectState::Recalled,
    words: |facts| ("not recalled".to_owned(), state(facts)),
};

const NOT_QUARANTINED: Rule = Rule {
    reason: DenyReason::Quarantined,
    holds: |facts| facts.state != ObjectState::Quarantined,
    words: |facts| ("not quarantined".to_owned(), state(facts)),
};

fn state(facts: &Facts<'_>) -> String {
    match facts.state {
        ObjectState::Live => "live",
        ObjectState::Recalled => "recalled",
        ObjectState::Quarantined => "quarantined",
    }
    .to_owned()
}

fn faults(facts: &Facts<'_>, submit: bool) -> String {
    let codes = facts.label.validate(facts.registry, submit);
    if codes.is_empty() { "no fault".to_owned() } else { list(codes) }
}

fn bound(word: &str, day: Option<crate::day::Day>) -> String {
    day.map_or_else(|| "any day".to_owned(), |day| format!("{word} {day}"))
}

fn tokens<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> String {
    list(tokens.into_iter().map(Token::to_text).collect::<Vec<_>>())
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { nothing() } else { items.join(", ") }
}

fn nothing() -> String {
    "nothing".to_owned()
}
