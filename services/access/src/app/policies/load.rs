//! A text becomes a set of policies, or every fault of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use cedar_policy::{
    Authorizer, ParseError, ParseErrors, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;

use super::{Action, Policies, PolicyInfo, SCHEMA, Words, describe};
use crate::error::FieldFault;

/// Bytes of a set.
const BYTES_MAX: usize = 256 * 1024;
/// Policies of a set; each is evaluated for each decision it may concern.
const POLICIES_MAX: usize = 256;
/// Under every set of forbids something must permit: the rules of the software have, before policies are asked.
const FLOOR: &str = "permit (principal, action, resource);";
/// Its id; no policy can have it, for an @id has no colon.
const FLOOR_ID: &str = "entente:floor";

/// Loads the text.
pub(super) fn load(text: &str) -> Result<Policies, Vec<FieldFault>> {
    if text.len() > BYTES_MAX {
        return Err(vec![fault(format!("is longer than {BYTES_MAX} bytes"))]);
    }
    let parsed = PolicySet::from_str(text).map_err(|errors| syntax(text, &errors))?;
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA)
        .map_err(|error| vec![fault(format!("cannot be checked, the schema is broken: {error}"))])?;
    let words = Words::new().ok_or_else(|| vec![fault("cannot be checked, the schema has other names")])?;
    let policies = in_order(&parsed);
    let listed: Vec<PolicyInfo> = policies.iter().map(|policy| PolicyInfo::of(policy, &schema)).collect();
    let mut faults = faults_of_the_whole(&parsed, policies.len());
    let mut set = PolicySet::new();
    let mut seen = BTreeSet::new();
    for (index, (policy, info)) in policies.iter().zip(&listed).enumerate() {
        let mut own = describe::faults(policy, info);
        // What has no usable @id is called by its place, so that its other faults can be told, too.
        let mut name = info.policy_id.clone();
        if name.is_empty() || !seen.insert(name.clone()) {
            own.extend((!name.is_empty()).then(|| format!("has the @id `{name}` of another one")));
            name = format!("number {}", index + 1);
        }
        faults.extend(own.into_iter().map(|text| fault(format!("policy `{name}` {text}"))));
        // Cedar itself numbers policies and ignores @id: decisions name them by it.
        let added = set.add(policy.new_id(PolicyId::new(&name)));
        faults.extend(added.err().map(|error| fault(format!("policy `{name}`: {error}"))));
    }
    faults.extend(faults_of_validation(&set, schema));
    if !faults.is_empty() {
        return Err(faults);
    }
    add_floor(&mut set)?;
    Ok(policies_of(set, listed, words))
}

fn policies_of(set: PolicySet, mut listed: Vec<PolicyInfo>, words: Words) -> Policies {
    listed.sort_by(|a, b| a.policy_id.cmp(&b.policy_id));
    let concerned = Action::ALL.into_iter().filter(|action| listed.iter().any(|info| info.concerns(*action)));
    Policies { row: None, concerns: concerned.collect(), set, listed, words, authorizer: Authorizer::new() }
}

fn add_floor(set: &mut PolicySet) -> Result<(), Vec<FieldFault>> {
    let floor =
        Policy::parse(Some(PolicyId::new(FLOOR_ID)), FLOOR).map_err(|errors| syntax(FLOOR, &errors))?;
    set.add(floor).map_err(|error| vec![fault(error.to_string())])
}

/// In the order of the text: Cedar calls them `policy0`, `policy1`, and so on.
fn in_order(parsed: &PolicySet) -> Vec<Policy> {
    let number = |policy: &Policy| {
        policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or_default()
    };
    let numbered: BTreeMap<usize, &Policy> =
        parsed.policies().map(|policy| (number(policy), policy)).collect();
    numbered.into_values().cloned().collect()
}

fn faults_of_the_whole(parsed: &PolicySet, count: usize) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    if count > POLICIES_MAX {
        faults.push(fault(format!("has {count} policies, more than {POLICIES_MAX}")));
    }
    let templates = parsed.num_of_templates();
    if templates > 0 {
        faults
            .push(fault(format!("has {templates} template(s): write `principal` and `resource`, no ?slots")));
    }
    faults
}

/// A policy that is warned of (that never applies, or that does not read as it looks) protects nothing: a fault as well.
fn faults_of_validation(set: &PolicySet, schema: Schema) -> Vec<FieldFault> {
    let validated = Validator::new(schema).validate(set, ValidationMode::Strict);
    let mut found: Vec<String> = validated.validation_errors().map(ToString::to_string).collect();
    found.extend(validated.validation_warnings().map(ToString::to_string));
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(fault).collect()
}

/// Faults of syntax, each with its line.
fn syntax(text: &str, errors: &ParseErrors) -> Vec<FieldFault> {
    let place = |error: &dyn Diagnostic| {
        let offset = error.labels()?.next()?.offset();
        Some(text.get(..offset)?.matches('\n').count() + 1)
    };
    let described = |error: &ParseError| match place(error) {
        Some(line) => format!("line {line}: {error}"),
        None => error.to_string(),
    };
    errors.iter().map(|error| fault(described(error))).collect()
}

fn fault(description: impl Into<String>) -> FieldFault {
    FieldFault::new("cedar", description)
}
