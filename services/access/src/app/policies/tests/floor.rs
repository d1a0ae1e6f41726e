//! The rules of the software, mirrored in Cedar: both decide every worked case alike. So the schema says all that the rules
//! look at, and entities show it as it is.
//!
//! What the mirror cannot see, because it lies in other labels, agreements and consents, is handed to it as a fact, as the
//! rules would.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
    Schema, ValidationMode, Validator,
};
use entente_domain::{
    day::Day,
    decision::{self, Derivation, ObjectState, Session},
    ids::{OriginatorName, Purpose, Realm},
    label::Label,
    registry::{Organization, Registry},
    subject::{PreparedSubject, Subject},
};
use serde_json::{Value, json};

use super::{
    super::{Words, label::label_entity, texts as set},
    Asked, SCHEMA, principal,
};

const CASES: &str = include_str!("../../../../../../crates/domain/tests/golden/labels-cases.json");
const FLOOR: &str = include_str!("../../../../tests/golden/floor.cedar");
const EXERCISES: [&str; 2] = ["EXERCISE:INSPIRED-UNION-2024", "EXERCISE:FALCON-TALON"];

/// What an action's context has beside what all have.
type More = BTreeMap<String, RestrictedExpression>;

/// The worked cases, and the mirror.
struct World {
    document: Value,
    registry: Registry,
    schema: Schema,
    floor: PolicySet,
}

#[test]
fn the_mirror_is_valid_against_the_published_schema() {
    let world = World::load();
    let validated = Validator::new(world.schema).validate(&world.floor, ValidationMode::Strict);
    assert!(validated.validation_passed_without_warnings(), "{validated}");
}

#[test]
fn both_decide_every_worked_reading_alike() {
    let world = World::load();
    let compared = world.compare("read", |world, case, asked| {
        let prepared = PreparedSubject::new(&asked.subject, &[], asked.today);
        let rust = decision::read(&prepared, &asked.label, &asked.session, &world.registry, asked.state);
        assert_eq!(case["expected"]["decision"] == "allow", rust.is_ok(), "{}", case["id"]);
        world.allows("read", asked, More::new())
    });
    assert_eq!(compared, 61);
}

#[test]
fn both_decide_every_worked_submission_alike() {
    let world = World::load();
    let compared = world.compare("submit", |world, case, asked| {
        let sources = world.sources(case);
        let cosigners = cosigners(case);
        let prepared = PreparedSubject::new(&asked.subject, &[], asked.today);
        let (registry, session) = (&world.registry, &asked.session);
        let derivation = Derivation { sources: &sources, cosigners: &cosigners };
        let rust = decision::submit(&prepared, &asked.label, session, registry, derivation);
        assert_eq!(case["expected"]["decision"] == "allow", rust.is_ok(), "{}", case["id"]);
        let organization = asked.subject.org.as_str();
        let readable =
            |label: &Label| decision::read(&prepared, label, session, registry, ObjectState::Live).is_ok();
        let own = |source: &Label| {
            prepared.has_role("label_authority")
                && source.originators().len() == 1
                && source.is_originated_by(organization)
        };
        let speaks = |name: &OriginatorName| {
            name.as_str() == organization
                || cosigners.contains(name)
                || sources.iter().any(|source| source.originators().contains(name))
        };
        let facts = [
            ("valid", asked.label.validate(registry, true).is_empty()),
            ("sourcesReadable", sources.iter().all(readable)),
            ("flowsUp", sources.iter().all(|source| source.flows_to(&asked.label) || own(source))),
            ("cosigned", asked.label.originators().iter().all(speaks)),
        ];
        world.allows("submit", asked, flags(&facts))
    });
    assert_eq!(compared, 15);
}

#[test]
fn both_decide_every_worked_relabelling_and_recall_alike() {
    let world = World::load();
    let compared = world.compare("relabel", |world, case, asked| {
        let old = world.label(&case["world"]["old"]);
        let (organization, signed) = (asked.subject.org.as_str(), cosigners(case));
        let same_realm = old.realm() == asked.label.realm();
        let signs = |name: &OriginatorName| name.as_str() == organization || signed.contains(name);
        let strict = old.is_originated_by(organization);
        let mut more = flags(&[
            ("valid", asked.label.validate(&world.registry, strict).is_empty()),
            ("tightens", same_realm && old.leq(&asked.label)),
            ("sameRealm", same_realm),
            ("cosigned", old.originators().iter().all(signs)),
        ]);
        more.insert("oldRealm".to_owned(), RestrictedExpression::new_string(old.realm().to_string()));
        more.insert("oldOriginators".to_owned(), set(old.originators().iter().map(ToString::to_string)));
        world.allows("relabel", asked, more)
    });
    assert_eq!(compared, 11);
    let compared = world.compare("recall", |world, case, asked| {
        let by =
            texts(&case["world"]["object"]["released_by"]).any(|name| name == asked.subject.org.as_str());
        world.allows("recall", asked, flags(&[("releasedByOwnOrg", by)]))
    });
    assert_eq!(compared, 5);
}

#[test]
fn both_decide_every_worked_release_alike_by_three_questions() {
    let world = World::load();
    assert_eq!(world.compare("release_onward", World::releases), 41);
}

#[test]
fn both_decide_every_worked_delivery_alike() {
    let world = World::load();
    let compared = world.compare("subscribe", |world, case, asked| {
        let sink = case["ctx"]["sink"].as_str().unwrap_or("session");
        if sink == "external" {
            return world.releases(case, asked);
        }
        let mut more = flags(&[("filterOk", case["expected"]["reason"] != "filter_field_forbidden")]);
        more.insert("sink".to_owned(), RestrictedExpression::new_string(sink.to_owned()));
        world.allows("deliver", asked, more)
    });
    // Two more are about stating an interest: no label, so no Cedar form.
    assert_eq!(compared, 4);
}

#[test]
fn both_decide_every_worked_look_into_the_log_alike() {
    let world = World::load();
    let compared = world.compare("audit", |world, case, asked| {
        let record = &world.document["records"][case["record"].as_str().unwrap()];
        let concerned: BTreeSet<&str> = texts(&record["originators"])
            .chain(record["actor_org"].as_str())
            .chain(record["recipient_org"].as_str())
            .collect();
        let nations: BTreeSet<String> = concerned
            .iter()
            .filter_map(|name| world.registry.organization(name)?.nation.as_ref())
            .map(ToString::to_string)
            .collect();
        let more = More::from([
            ("recordOrgs".to_owned(), set(concerned)),
            ("recordNations".to_owned(), set(nations)),
        ]);
        world.allows("audit", asked, more)
    });
    assert_eq!(compared, 5);
}

impl World {
    fn load() -> World {
        let document: Value = serde_json::from_str(CASES).unwrap();
        let mut registry = Registry::builtin();
        EXERCISES.iter().for_each(|realm| registry.add_realm(realm).unwrap());
        for (id, organization) in document["orgs"].as_object().unwrap() {
            let organization: Organization = serde_json::from_value(organization.clone()).unwrap();
            registry.add_organization(id.parse().unwrap(), organization);
        }
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).unwrap();
        World { document, registry, schema, floor: FLOOR.parse().unwrap() }
    }

    /// Asks the mirror about every case of an action that has a label; how many there were.
    fn compare(&self, action: &str, mirror: impl Fn(&World, &Value, &Asked) -> bool) -> usize {
        let cases = self.document["cases"].as_array().unwrap().iter();
        let cases = cases.filter(|case| case["action"] == action);
        let mut compared = 0;
        for case in cases.filter(|case| !case["label"].is_null() || !case["record"].is_null()) {
            let allowed = mirror(self, case, &self.asked(case));
            assert_eq!(allowed, case["expected"]["decision"] == "allow", "{case}");
            compared += 1;
        }
        compared
    }

    /// The release of a case: may this subject read it, may that one receive it, may it be passed on. What agreements and
    /// consents say is taken from the worked reason.
    fn releases(&self, case: &Value, asked: &Asked) -> bool {
        let reason = case["expected"]["reason"].as_str().unwrap_or_default();
        let target = self.asked_as(case, &case["world"]["target"]);
        let aal = case["ctx"]["target_aal"].as_u64().unwrap_or(3).try_into().unwrap();
        let target =
            Asked { session: Session { aal, ..target.session.clone() }, state: ObjectState::Live, ..target };
        let organization = asked.subject.org.as_str();
        let others: Vec<String> = asked
            .label
            .originators()
            .iter()
            .map(ToString::to_string)
            .filter(|name| name != organization)
            .collect();
        let addressed = format!("O:{}", target.subject.org);
        let explicit =
            asked.label.fields().audience.iter().flatten().any(|token| token.as_str() == addressed);
        let of_agreement = reason.starts_with("agreement_");
        let received = self.allows("receive", &target, More::new());
        let mut more = flags(&[
            ("readable", self.allows("read", asked, More::new())),
            ("receivable", received),
            ("agreement", !of_agreement),
            ("agreementVetted", !(reason == "target_vetting" && received)),
            ("explicitTarget", explicit),
        ]);
        let consented = if reason == "consent_missing" { Vec::new() } else { others.clone() };
        more.insert("others".to_owned(), set(others));
        more.insert("consentedBy".to_owned(), set(consented));
        let entity = self.subject(&target);
        let uid: EntityUid = "Entente::Subject::\"target\"".parse().unwrap();
        let (_, attributes, _) = entity.into_inner();
        let entity = Entity::new(uid.clone(), attributes, HashSet::new()).unwrap();
        more.insert("target".to_owned(), RestrictedExpression::new_entity_uid(uid));
        self.allows_with("releaseOnward", asked, more, Some(entity))
    }

    fn allows(&self, action: &str, asked: &Asked, more: More) -> bool {
        self.allows_with(action, asked, more, None)
    }

    /// What the mirror says, request and entities checked against the schema.
    fn allows_with(&self, action: &str, asked: &Asked, more: More, other: Option<Entity>) -> bool {
        let action: EntityUid = format!("Entente::Action::\"{action}\"").parse().unwrap();
        let subject = self.subject(asked);
        let label = label_entity(Words::new().unwrap().label, &asked.label, &self.registry).unwrap();
        let flag = RestrictedExpression::new_bool;
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let usual = [
            ("purpose", text(asked.session.purpose.as_str())),
            ("realm", text(asked.session.realm.as_str())),
            ("aal", RestrictedExpression::new_long(asked.session.aal.into())),
            ("now", RestrictedExpression::new_long(asked.today.unix_days().into())),
            ("recalled", flag(asked.state == ObjectState::Recalled)),
            ("quarantined", flag(asked.state == ObjectState::Quarantined)),
        ];
        let pairs = usual.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(more);
        let context = Context::from_pairs(pairs).unwrap();
        let request = Request::new(subject.uid(), action, label.uid(), context, Some(&self.schema)).unwrap();
        let entities = [subject, label].into_iter().chain(other);
        let entities = Entities::from_entities(entities, Some(&self.schema)).unwrap();
        let answer = Authorizer::new().is_authorized(&request, &self.floor, &entities);
        assert_eq!(answer.diagnostics().errors().count(), 0);
        answer.decision() == Decision::Allow
    }

    /// The subject with its mandate, which the log alone looks at.
    fn subject(&self, asked: &Asked) -> Entity {
        let (uid, mut attributes, parents) = principal(asked).entity_for(&asked.label).unwrap().into_inner();
        let mandate = &asked.subject.mandate;
        attributes.insert("mandateOrgs".to_owned(), set(mandate.orgs.iter().map(ToString::to_string)));
        attributes.insert("mandateNations".to_owned(), set(mandate.nations.iter().map(ToString::to_string)));
        Entity::new(uid, attributes, parents).unwrap()
    }

    fn label(&self, written: &Value) -> Label {
        let Some(name) = written.as_str() else {
            return serde_json::from_value(written.clone()).unwrap();
        };
        Label::parse(self.document["labels"][name].as_str().unwrap_or(name), &self.registry, None).unwrap()
    }

    fn asked(&self, case: &Value) -> Asked {
        self.asked_as(case, &case["subject"])
    }

    fn asked_as(&self, case: &Value, name: &Value) -> Asked {
        let context = |name: &str| case["ctx"].get(name).unwrap_or(&self.document["defaults"][name]).clone();
        let today: Day = serde_json::from_value(context("now")).unwrap();
        let mut subject = self.document["subjects"][name.as_str().unwrap()].clone();
        for name in texts(&case["world"]["agreements"]) {
            equivalences(&mut subject, &self.document["agreements"][name], today);
        }
        let written = match case["record"].as_str() {
            Some(record) => &self.document["records"][record]["label"],
            None => &case["label"],
        };
        Asked {
            subject: serde_json::from_value::<Subject>(subject).unwrap(),
            label: self.label(written),
            session: Session {
                realm: Realm::from(context("realm").as_str().unwrap()),
                purpose: Purpose::from(context("purpose").as_str().unwrap()),
                aal: u8::try_from(context("aal").as_u64().unwrap()).unwrap(),
            },
            today,
            state: match case["world"]["object"]["state"].as_str() {
                Some("recalled") => ObjectState::Recalled,
                Some("quarantined") => ObjectState::Quarantined,
                Some(_) | None => ObjectState::Live,
            },
        }
    }

    fn sources(&self, case: &Value) -> Vec<Label> {
        let sources = case["world"]["sources"].as_array().into_iter().flatten();
        sources.map(|label| self.label(label)).collect()
    }
}

/// What agreements in force make of clearances, so that both sides are asked about the same ones.
fn equivalences(subject: &mut Value, agreement: &Value, today: Day) {
    let day = |name: &str| serde_json::from_value::<Day>(agreement[name].clone()).unwrap();
    let parties: BTreeSet<&str> = texts(&agreement["parties"]).collect();
    let signed = |party: &&str| agreement["signatures"][*party] == "SIGNED";
    let in_force = parties.contains(subject["org"].as_str().unwrap())
        && parties.iter().all(signed)
        && agreement["suspended_by"].is_null()
        && agreement["terminated_by"].is_null()
        && (day("from")..day("until")).contains(&today);
    for row in agreement["equivalence"].as_array().into_iter().flatten().filter(|_| in_force) {
        let held = subject["clearances"][row[0].as_str().unwrap()].as_i64();
        let foreign = row[2].as_str().unwrap();
        let Some(ceiling) = agreement["max_levels"][foreign].as_i64() else { continue };
        if held.is_some_and(|held| held >= row[1].as_i64().unwrap()) {
            let granted = row[3].as_i64().unwrap().min(ceiling);
            let already = subject["clearances"][foreign].as_i64().unwrap_or(-1);
            subject["clearances"][foreign] = json!(granted.max(already));
        }
    }
}

fn cosigners(case: &Value) -> Vec<OriginatorName> {
    texts(&case["ctx"]["cosigners"]).map(OriginatorName::from).collect()
}

fn flags(facts: &[(&str, bool)]) -> More {
    facts.iter().map(|(name, holds)| ((*name).to_owned(), RestrictedExpression::new_bool(*holds))).collect()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap())
}
