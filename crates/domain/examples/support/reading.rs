//! Reading what files of cases say about subjects, agreements and consents: as freely as people write them. What cannot
//! match anything is left out; what could widen something is a fault.

use std::collections::BTreeSet;

use entente_domain::agreement::{self, Agreement, AgreementBody, Equivalence, Overlay};
use entente_domain::consent::Consent;
use entente_domain::day::Day;
use entente_domain::ids::{AgreementId, LabelHash, OrganizationId};
use entente_domain::label::{Evidence, Label, LabelErrorCode, LabelFields, Onward, PermittedUse, Tlp};
use entente_domain::registry::{Organization, Registry};
use entente_domain::subject::{Grant, Mandate, Subject, Vetting, VettingStatus};
use entente_domain::token::{Compartment, Token};
use serde_json::{Map, Value};

use super::Fault;

/// Exercises the cases are worked in.
const EXERCISES: [&str; 2] = ["EXERCISE:INSPIRED-UNION-2024", "EXERCISE:FALCON-TALON"];

/// The member of this name.
pub(crate) fn member<'a>(object: &'a Value, name: &str) -> Result<&'a Value, Fault> {
    object.get(name).ok_or_else(|| Fault::Malformed(format!("`{name}` is not there")))
}

/// The member of this name; nothing where there is none.
pub(crate) fn at<'a>(value: &'a Value, name: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    value.get(name).unwrap_or(&NOTHING)
}

/// A text.
pub(crate) fn text(value: &Value) -> Result<&str, Fault> {
    value.as_str().ok_or_else(|| Fault::Malformed(format!("{value} is no text")))
}

/// A whole number.
pub(crate) fn number(value: &Value) -> Result<i64, Fault> {
    value.as_i64().ok_or_else(|| Fault::Malformed(format!("{value} is no whole number")))
}

fn small(value: &Value) -> Result<i32, Fault> {
    i32::try_from(number(value)?).map_err(|_| Fault::Malformed(format!("{value} is too large")))
}

/// A day, as a number or a date.
pub(crate) fn day(value: &Value) -> Result<Day, Fault> {
    serde_json::from_value(value.clone()).map_err(|error| Fault::Malformed(error.to_string()))
}

fn perhaps_day(value: &Value) -> Result<Option<Day>, Fault> {
    if value.is_null() { Ok(None) } else { day(value).map(Some) }
}

/// Items of a list; none where there is nothing. Anything else is a fault: leaving it out could widen something.
pub(crate) fn list(value: &Value) -> Result<&[Value], Fault> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err(Fault::Malformed(format!("{value} is no list")))
        }
    }
}

/// Texts of a list.
pub(crate) fn names(value: &Value) -> Result<Vec<&str>, Fault> {
    list(value)?.iter().map(text).collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// What can be read as one of these; what cannot matches nothing.
fn readable<T: std::str::FromStr, C: FromIterator<T>>(value: &Value) -> Result<C, Fault> {
    Ok(names(value)?.into_iter().filter_map(|name| name.parse().ok()).collect())
}

fn words<T: for<'a> From<&'a str>, C: FromIterator<T>>(value: &Value) -> Result<C, Fault> {
    Ok(names(value)?.into_iter().map(T::from).collect())
}

fn compartments<C: FromIterator<Compartment>>(value: &Value) -> Result<C, Fault> {
    Ok(names(value)?.into_iter().map(Compartment::as_stored).collect())
}

/// Set, by whatever stands for yes.
fn yes(value: &Value, otherwise: bool) -> bool {
    match value {
        Value::Null => otherwise,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// The registry a file of cases is worked in.
pub(crate) fn registry(document: &Value) -> Registry {
    let mut registry = Registry::builtin();
    for realm in EXERCISES {
        // Both are realms.
        let _ = registry.add_realm(realm);
    }
    for (id, written) in members(&document["orgs"]) {
        if let Ok(id) = id.parse() {
            let organization = Organization {
                nation: written["nation"].as_str().and_then(|nation| nation.parse().ok()),
                groups: readable(&written["groups"]).unwrap_or_default(),
                client_of: readable(&written["client_of"]).unwrap_or_default(),
            };
            registry.add_organization(id, organization);
        }
    }
    registry
}

/// A label written as its fields.
pub(crate) fn label_of_fields(fields: &Map<String, Value>) -> Result<Label, Fault> {
    let known = serde_json::to_value(every_field()).unwrap_or_default();
    // Written by people, and so without the version of the canonical form.
    if fields.keys().any(|name| name == "v" || known.get(name).is_none()) {
        return Err(Fault::Code(LabelErrorCode::UnknownField.as_str()));
    }
    serde_json::from_value(Value::Object(fields.clone())).map_err(|error| Fault::Malformed(error.to_string()))
}

/// Fields that all print.
fn every_field() -> LabelFields {
    LabelFields {
        attr_required: true,
        attr_withhold: true,
        audience: vec![Vec::new()],
        comps: vec![Compartment::as_stored("")],
        display_only: true,
        evidence: Evidence::No,
        excl: vec![Token::as_stored("")],
        levels: [("".into(), 0)].into(),
        not_after: Some(Day::EPOCH),
        not_before: Some(Day::EPOCH),
        onward: Onward::None,
        originators: vec!["".into()],
        personal_data: true,
        purposes: Some(Vec::new()),
        review_by: Some(Day::EPOCH),
        tlp: Tlp::Red,
        permitted_use: PermittedUse::None,
        vetting: vec!["".into()],
        ..LabelFields::default()
    }
}

fn organization(name: &Value) -> Result<OrganizationId, Fault> {
    OrganizationId::new(text(name)?).map_err(|error| Fault::Malformed(error.to_string()))
}

fn ranks<K: for<'a> From<&'a str> + Ord>(value: &Value) -> Result<std::collections::BTreeMap<K, i32>, Fault> {
    members(value).map(|(name, rank)| Ok((K::from(name.as_str()), small(rank)?))).collect()
}

/// A subject.
pub(crate) fn subject(written: &Value) -> Result<Subject, Fault> {
    let mut subject = Subject::new(Default::default(), organization(member(written, "org")?)?);
    subject.nation = written["nation"].as_str().and_then(|nation| nation.parse().ok());
    subject.groups = readable(&written["groups"])?;
    subject.client_of = readable(&written["client_of"])?;
    subject.person = written["person"].as_str().and_then(|person| person.parse().ok());
    subject.other_hats = names(&written["other_hats"])?.into_iter().map(Token::as_stored).collect();
    subject.roles = readable(&written["roles"])?;
    subject.purposes = words(&written["purposes"])?;
    subject.clearances = ranks(&written["clearances"])?;
    for grant in list(&written["grants"])? {
        subject.grants.push(Grant {
            path: Compartment::as_stored(text(&grant["path"])?),
            tree: yes(&grant["tree"], false),
            from: perhaps_day(&grant["from"])?,
            until: perhaps_day(&grant["until"])?,
        });
    }
    for (kind, vetting) in members(&written["vetting"]).filter(|(_, vetting)| vetting["status"] == "cleared")
    {
        let cleared = Vetting { status: VettingStatus::Cleared, until: day(&vetting["until"])? };
        subject.vetting.insert(kind.as_str().into(), cleared);
    }
    let mandate = &written["mandate"];
    subject.mandate = Mandate {
        orgs: readable(&mandate["orgs"])?,
        nations: readable(&mandate["nations"])?,
        identify: yes(&mandate["identify"], false),
    };
    subject.active = written.get("active").is_none_or(|active| yes(active, false));
    Ok(subject)
}

/// An agreement; a signature counts when it is the hash of what is signed, or says that it is valid.
pub(crate) fn agreement(written: &Value) -> Result<Agreement, Fault> {
    let document =
        written.as_object().ok_or_else(|| Fault::Malformed("an agreement is an object".to_owned()))?;
    let body = agreement_body(written)?;
    let hash = agreement::document_hash(document).to_string();
    let signed = |party: &&OrganizationId| {
        let signature = at(at(written, "signatures"), party.as_str()).as_str();
        signature.is_some_and(|signature| signature == hash || signature == "SIGNED")
    };
    // Whoever did it, it was done.
    let done = |value: &Value| if yes(value, false) { body.parties.clone() } else { BTreeSet::new() };
    Ok(Agreement {
        signed_by: body.parties.iter().filter(signed).cloned().collect(),
        suspended_by: done(&written["suspended_by"]),
        terminated_by: done(&written["terminated_by"]),
        body,
    })
}

fn agreement_body(written: &Value) -> Result<AgreementBody, Fault> {
    let pair = |flow: &Value| match flow.as_array().map(Vec::as_slice) {
        Some([from, to]) => Ok((organization(from)?, organization(to)?)),
        Some(_) | None => Err(Fault::Malformed(format!("{flow} is no flow"))),
    };
    let row = |row: &Value| match row.as_array().map(Vec::as_slice) {
        Some([held, held_rank, granted, granted_rank]) => Ok(Equivalence {
            held_domain: text(held)?.into(),
            held_rank: small(held_rank)?,
            granted_domain: text(granted)?.into(),
            granted_rank: small(granted_rank)?,
        }),
        Some(_) | None => Err(Fault::Malformed(format!("{row} is no equivalence"))),
    };
    let operations = &written["operations"];
    Ok(AgreementBody {
        id: AgreementId::from(written["id"].as_str().unwrap_or_default()),
        version: written["version"].as_u64().and_then(|version| version.try_into().ok()).unwrap_or_default(),
        parties: list(member(written, "parties")?)?.iter().map(organization).collect::<Result<_, _>>()?,
        trust_domains: Default::default(),
        flows: list(&written["flows"])?.iter().map(pair).collect::<Result<_, _>>()?,
        purposes: words(&written["purposes"])?,
        realms: words(&written["realms"])?,
        content: words(&written["content"])?,
        personal_data: yes(&written["personal_data"], false),
        max_levels: ranks(&written["max_levels"])?,
        max_tlp: written.get("max_tlp").map_or(Ok(Tlp::Red), |colour| step(colour, Tlp::from_rank))?,
        equivalence: list(&written["equivalence"])?.iter().map(row).collect::<Result<_, _>>()?,
        operations: if operations.is_null() { None } else { Some(compartments(operations)?) },
        general: yes(&written["general"], false),
        codewords: compartments(&written["codewords"])?,
        vetting: words(&written["vetting"])?,
        overlay: overlay(&written["overlay"])?,
        from: day(member(written, "from")?)?,
        until: day(member(written, "until")?)?,
        notice_days: 0,
        legal_basis: String::new(),
        oversight_bodies: BTreeSet::new(),
    })
}

fn overlay(written: &Value) -> Result<Overlay, Fault> {
    let days = |value: &Value| if value.is_null() { Ok(None) } else { small(value).map(Some) };
    Ok(Overlay {
        onward: written
            .get("onward")
            .map_or(Ok(Onward::Consent), |onward| step(onward, Onward::from_rank))?,
        permitted_use: written
            .get("use")
            .map_or(Ok(PermittedUse::Direct), |step_| step(step_, PermittedUse::from_rank))?,
        evidence: written
            .get("evidence")
            .map_or(Ok(Evidence::Allowed), |step_| step(step_, Evidence::from_rank))?,
        vetting: words(&written["vetting"])?,
        retention_days: days(&written["retention_days"])?,
        review_days: days(&written["review_days"])?,
        bind_purposes: written.get("bind_purposes").is_none_or(|bind| yes(bind, false)),
    })
}

/// A step of a scale by its number.
fn step<T>(value: &Value, from_rank: fn(u8) -> Option<T>) -> Result<T, Fault> {
    let rank = u8::try_from(number(value)?).ok();
    rank.and_then(from_rank).ok_or_else(|| Fault::Malformed(format!("{value} is outside the scale")))
}

/// A consent to something under a label with this hash; none for one to nobody there could be.
pub(crate) fn consent(written: &Value, label: LabelHash) -> Result<Option<Consent>, Fault> {
    let Ok(to) = text(&written["to"])?.parse() else { return Ok(None) };
    Ok(Some(Consent {
        by: text(&written["by"])?.into(),
        to,
        object: written["object"].as_str().map(Into::into),
        label,
        purposes: words(&written["purposes"])?,
        until: day(&written["until"])?,
        withdrawn: yes(&written["withdrawn"], false),
    }))
}
