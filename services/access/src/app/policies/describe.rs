//! One policy: what it is called, what it can concern, and what is wrong with it.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy, Schema};
use serde_json::Value;

use super::Action;

/// Characters of an @id.
const ID_CHARS_MAX: usize = 64;
/// Characters of a @description.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// What somebody whom a policy refuses can do about it.
const OBLIGATIONS: [&str; 1] = ["step_up"];
/// Attributes that decisions without dates do not have.
const DATES: [&str; 2] = ["notBefore", "notAfter"];

/// A policy of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyInfo {
    /// Its @id.
    pub(crate) policy_id: String,
    /// Its @description; empty without one.
    pub(crate) description: String,
    /// Its @obligation; empty without one.
    pub(crate) obligation: String,
    /// Actions it can concern.
    pub(crate) actions: BTreeSet<String>,
}

impl PolicyInfo {
    /// The policy as described by its annotations and the schema.
    pub(super) fn of(policy: &Policy, schema: &Schema) -> PolicyInfo {
        let annotation = |name: &str| policy.annotation(name).unwrap_or_default().to_owned();
        let actions = policy.get_valid_request_envs(schema);
        PolicyInfo {
            policy_id: annotation("id"),
            description: annotation("description"),
            obligation: annotation("obligation"),
            actions: actions.map(|request| request.action().id().unescaped().to_owned()).collect(),
        }
    }

    /// Actions it can concern that nothing puts to policies.
    pub(crate) fn dormant(&self) -> impl Iterator<Item = &String> {
        self.actions.iter().filter(|name| !Action::ALL.iter().any(|action| action.as_str() == *name))
    }

    /// Whether it can concern this action.
    pub(super) fn concerns(&self, action: Action) -> bool {
        self.actions.contains(action.as_str())
    }
}

/// What is wrong with the policy, apart from what Cedar's validator finds.
pub(super) fn faults(policy: &Policy, info: &PolicyInfo) -> Vec<String> {
    let mut faults = Vec::new();
    if policy.effect() == Effect::Permit {
        faults.push("is a permit: policies only forbid, what is allowed is not theirs to say".to_owned());
    }
    if !is_id(&info.policy_id) {
        faults.push(format!("needs an @id of 1 to {ID_CHARS_MAX} of A-Z, a-z, 0-9, `.`, `_`, `-`"));
    }
    if info.description.chars().count() > DESCRIPTION_CHARS_MAX {
        faults.push(format!("has a @description of more than {DESCRIPTION_CHARS_MAX} characters"));
    }
    if !info.obligation.is_empty() && !OBLIGATIONS.contains(&info.obligation.as_str()) {
        faults.push(format!("has an @obligation that is not one of {}", OBLIGATIONS.join(", ")));
    }
    let known = ["id", "description", "obligation"];
    let unknown = policy.annotations().map(|(name, _)| name).filter(|name| !known.contains(name));
    faults.extend(unknown.map(|name| format!("has an annotation @{name}, which means nothing here")));
    faults.extend(faults_of_sharing(policy, info));
    faults
}

/// What cannot hold for decisions that are made once for everybody of a profile, and once for labels that differ in their
/// dates alone.
fn faults_of_sharing(policy: &Policy, info: &PolicyInfo) -> Vec<String> {
    let mut faults = Vec::new();
    let literals = policy.entity_literals();
    if literals.iter().any(|uid| uid.type_name().basename() != "Action") {
        faults.push("names one subject or label: name an organization, a role or a token".to_owned());
    }
    let mut mentioned = Mentioned::default();
    mentioned.collect(&policy.to_json().unwrap_or_default());
    let timeless = Action::ALL.iter().any(|action| action.is_timeless() && info.concerns(*action));
    if timeless && DATES.iter().any(|date| mentioned.attributes.contains(*date)) {
        faults.push(
            "looks at notBefore or notAfter of what is read or delivered: those decisions are made without dates; \
             confine it to submit"
                .to_owned(),
        );
    }
    if mentioned.texts.iter().any(|text| text.starts_with("P:")) {
        faults.push("names a person: suspend the subject, or take its role away".to_owned());
    }
    faults
}

fn is_id(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_known)
}

/// What the JSON form of a policy mentions.
#[derive(Default)]
struct Mentioned {
    attributes: BTreeSet<String>,
    texts: BTreeSet<String>,
}

impl Mentioned {
    fn collect(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match (name.as_str(), member) {
                        ("attr", Value::String(attribute)) => {
                            self.attributes.insert(attribute.clone());
                        }
                        ("Value", Value::String(text)) => {
                            self.texts.insert(text.clone());
                        }
                        (_, member) => self.collect(member),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
