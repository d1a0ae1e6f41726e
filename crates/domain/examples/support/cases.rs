//! Worked cases as values of the domain: what a file in the form of `tests/golden/labels-cases.json` says, decided.
//!
//! Shared by the example that decides files of others and the test that holds our own against what was worked out.

use entente_domain::agreement::Agreement;
use entente_domain::consent::Consent;
use entente_domain::day::Day;
use entente_domain::decision::{
    self, Acquaintance, Action, DenyReason, Derivation, DisclosureRecord, Named, ObjectState, Obligation,
    Relabelling, Release, Session, Sink, Told,
};
use entente_domain::ids::{ContentType, ObjectId, OrganizationId, OriginatorName, Realm};
use entente_domain::label::{Label, LabelError};
use entente_domain::projection::{self, Portion, ProjectionError};
use entente_domain::registry::Registry;
use entente_domain::subject::{PreparedSubject, Subject};
use serde_json::{Value, json};

#[path = "reading.rs"]
pub(crate) mod reading;

use self::reading::{at, day, list, member, names, number, text};

/// A file of cases and the registry it is worked in.
pub(crate) struct Cases<'a> {
    /// The file.
    pub(crate) document: &'a Value,
    /// What is registered there.
    pub(crate) registry: Registry,
}

/// Why a case has no decision.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A label or a selector that cannot be read: the stable code.
    Code(&'static str),
    /// The case makes no sense.
    Malformed(String),
}

impl From<LabelError> for Fault {
    fn from(error: LabelError) -> Self {
        Self::Code(error.code.as_str())
    }
}

impl From<ProjectionError> for Fault {
    fn from(error: ProjectionError) -> Self {
        Self::Code(error.code())
    }
}

/// What was decided, in the words of the cases.
pub(crate) struct Outcome {
    pub(crate) decision: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) external: &'static str,
    pub(crate) obligations: Vec<String>,
    pub(crate) projection: Option<Value>,
    /// Set when the case makes no sense.
    pub(crate) error: Option<String>,
}

impl Outcome {
    fn new(decision: &'static str, reason: Option<String>, external: &'static str) -> Self {
        Self { decision, reason, external, obligations: Vec::new(), projection: None, error: None }
    }

    /// The line that is printed for a case.
    pub(crate) fn to_line(&self, case: &Value) -> Value {
        let mut line = json!({
            "id": case.get("id"),
            "decision": self.decision,
            "reason": self.reason,
            "external": self.external,
            "obligations": self.obligations,
            "projection": self.projection,
        });
        if let (Some(error), Some(members)) = (&self.error, line.as_object_mut()) {
            members.insert("error".to_owned(), error.as_str().into());
        }
        line
    }
}

/// Everything a case names, before it is decided.
struct Question<'a> {
    cases: &'a Cases<'a>,
    case: &'a Value,
    subject: PreparedSubject,
    session: Session,
    today: Day,
    agreements: Vec<Agreement>,
    consents: Vec<Consent>,
    sources: Vec<Label>,
    old: Option<Label>,
    target: Option<Subject>,
}

/// Assurance of a receiver of which a case says nothing.
const TARGET_AAL: u8 = 3;

type Decided = Result<Vec<Obligation>, DenyReason>;

impl<'a> Cases<'a> {
    /// The cases of a document.
    pub(crate) fn new(document: &'a Value) -> Self {
        Self { document, registry: reading::registry(document) }
    }

    /// Decides one case.
    pub(crate) fn decide(&self, case: &Value) -> Outcome {
        match self.question(case).and_then(|question| question.answer()) {
            Ok(outcome) => outcome,
            Err(Fault::Code(code)) => Outcome::new("error", Some(code.to_owned()), "INVALID_ARGUMENT"),
            Err(Fault::Malformed(error)) => {
                Outcome { error: Some(error), ..Outcome::new("error", None, "INVALID_ARGUMENT") }
            }
        }
    }

    /// The order in which labels are read is that of the reference: the first bad one gives the error.
    fn question<'b>(&'b self, case: &'b Value) -> Result<Question<'b>, Fault> {
        let context = |name: &str| self.context(case, name);
        let world = at(case, "world");
        let today = day(context("now"))?;
        let agreements = names(&world["agreements"])?
            .into_iter()
            .map(|name| reading::agreement(member(&self.document["agreements"], name)?))
            .collect::<Result<Vec<_>, _>>()?;
        let subject = self.subject(text(&case["subject"])?)?;
        let mut consents = Vec::new();
        for name in names(&world["consents"])? {
            let written = member(&self.document["consents"], name)?;
            let label = self.label(&written["label"])?;
            consents.extend(reading::consent(written, label.hash())?);
        }
        let sources =
            list(&world["sources"])?.iter().map(|written| self.label(written)).collect::<Result<_, _>>()?;
        let old = world.get("old").map(|written| self.label(written)).transpose()?;
        let target = world.get("target").map(|name| self.subject(text(name)?)).transpose()?;
        let session = Session {
            realm: Realm::from(text(context("realm"))?),
            purpose: text(context("purpose"))?.into(),
            aal: assurance(context("aal"))?,
        };
        let subject = PreparedSubject::new(&subject, &agreements, today);
        Ok(Question {
            cases: self,
            case,
            subject,
            session,
            today,
            agreements,
            consents,
            sources,
            old,
            target,
        })
    }

    /// What a case says, or the file says for all that do not.
    fn context<'b>(&'b self, case: &'b Value, name: &str) -> &'b Value {
        self.given(case, name).unwrap_or(&Value::Null)
    }

    fn given<'b>(&'b self, case: &'b Value, name: &str) -> Option<&'b Value> {
        at(case, "ctx").get(name).or_else(|| at(self.document, "defaults").get(name))
    }

    fn subject(&self, name: &str) -> Result<Subject, Fault> {
        reading::subject(member(&self.document["subjects"], name)?)
    }

    /// A label by name, as a line, or as fields.
    pub(crate) fn label(&self, written: &Value) -> Result<Label, Fault> {
        match written {
            Value::Object(fields) => reading::label_of_fields(fields),
            Value::String(name) => match self.document["labels"].get(name) {
                Some(Value::Object(fields)) => reading::label_of_fields(fields),
                Some(line) => Ok(Label::parse(text(line)?, &self.registry, None)?),
                None => Ok(Label::parse(name, &self.registry, None)?),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err(Fault::Malformed(format!("{written} is no label")))
            }
        }
    }
}

fn assurance(value: &Value) -> Result<u8, Fault> {
    Ok(u8::try_from(number(value)?.clamp(0, i64::from(u8::MAX))).unwrap_or_default())
}

impl Question<'_> {
    fn answer(&self) -> Result<Outcome, Fault> {
        let label = || self.cases.label(&self.case["label"]);
        match text(&self.case["action"])? {
            "read" => {
                let label = label()?;
                Ok(self.outcome(Action::Read, &label, self.read(&label, self.state())))
            }
            "submit" => self.submit(&label()?),
            "relabel" => self.relabel(&label()?),
            "release_onward" => self.release_onward(&label()?),
            "recall" => self.recall(&label()?),
            "subscribe" => self.subscribe(),
            "audit" => self.audit(),
            "project" => self.project(&label()?),
            other => Err(Fault::Malformed(format!("`{other}` is no action"))),
        }
    }

    fn read(&self, label: &Label, state: ObjectState) -> Decided {
        decision::read(&self.subject, label, &self.session, &self.cases.registry, state)
    }

    fn submit(&self, label: &Label) -> Result<Outcome, Fault> {
        let cosigners = self.cosigners()?;
        let derivation = Derivation { sources: &self.sources, cosigners: &cosigners };
        let decided = decision::submit(&self.subject, label, &self.session, &self.cases.registry, derivation);
        Ok(self.outcome(Action::Submit, label, decided))
    }

    fn relabel(&self, new: &Label) -> Result<Outcome, Fault> {
        let old = self.old.as_ref().ok_or_else(|| missing("world.old"))?;
        let cosigners = self.cosigners()?;
        let change = Relabelling { old, new, cosigners: &cosigners };
        let decided = decision::relabel(&self.subject, change, &self.session, &self.cases.registry);
        Ok(self.outcome(Action::Relabel, new, decided))
    }

    fn release_onward(&self, label: &Label) -> Result<Outcome, Fault> {
        let decided = self.with_release(|release| {
            decision::release_onward(&self.subject, label, &self.session, &self.cases.registry, &release)
        })?;
        Ok(self.outcome(Action::ReleaseOnward, label, decided.map(|released| released.obligations)))
    }

    fn recall(&self, label: &Label) -> Result<Outcome, Fault> {
        let released_by = self.released_by();
        let decided =
            decision::recall(&self.subject, label, &self.session, &self.cases.registry, &released_by);
        Ok(self.outcome(Action::Recall, label, decided))
    }

    fn subscribe(&self) -> Result<Outcome, Fault> {
        // What is no text is no place, and no field to filter by.
        let sink = self.given("sink").map_or("session", |sink| sink.as_str().unwrap_or_default());
        let filter: Vec<&str> =
            list(self.context("filter"))?.iter().map(|field| field.as_str().unwrap_or_default()).collect();
        let written = &self.case["label"];
        let label = if written.is_null() { None } else { Some(self.cases.label(written)?) };
        let stated = decision::subscribe(&self.subject, sink, &filter);
        let (Some(label), true) = (&label, stated.is_ok()) else {
            return Ok(self.told(Action::Subscribe, stated, None, Acquaintance::default()));
        };
        let to = |sink: &Sink<'_>| {
            decision::deliver(&self.subject, label, &self.session, &self.cases.registry, sink)
        };
        let delivered = match sink {
            "org_queue" => to(&Sink::OrganizationQueue(self.state())),
            "sensor" => to(&Sink::Sensor(self.state())),
            "external" => self.with_release(|release| to(&Sink::External(release)))?,
            _ => to(&Sink::Session(self.state())),
        };
        Ok(self.outcome(Action::Subscribe, label, delivered.map(|released| released.obligations)))
    }

    fn audit(&self) -> Result<Outcome, Fault> {
        let record = member(&self.cases.document["records"], text(&self.case["record"])?)?;
        let label = self.cases.label(&record["label"])?;
        let originators: Vec<OriginatorName> =
            names(&record["originators"])?.into_iter().map(Into::into).collect();
        let actor = OriginatorName::from(text(&record["actor_org"])?);
        let recipient = record["recipient_org"].as_str().filter(|name| !name.is_empty()).map(Into::into);
        let record = DisclosureRecord {
            originators: &originators,
            actor: &actor,
            recipient: recipient.as_ref(),
            label: &label,
        };
        let decided = decision::audit(&self.subject, record, &self.cases.registry);
        Ok(self.told(Action::Audit, decided, None, self.acquaintance(&label)))
    }

    fn project(&self, shell: &Label) -> Result<Outcome, Fault> {
        let object = self.case["object"].as_object().ok_or_else(|| missing("object"))?;
        let portion = |written: &Value| match written.as_array().map(Vec::as_slice) {
            Some([selector, label]) => {
                Ok(Portion { selector: text(selector)?.to_owned(), label: self.cases.label(label)? })
            }
            Some(_) | None => Err(Fault::Malformed(format!("{written} is no portion"))),
        };
        let portions: Vec<Portion> =
            list(&self.case["portions"])?.iter().map(portion).collect::<Result<_, _>>()?;
        let can = |label: &Label| self.read(label, ObjectState::Live).is_ok();
        if can(shell) && !object.get("type").is_some_and(Value::is_string) {
            return Err(missing("object.type"));
        }
        Ok(match projection::project(object, shell, &portions, &can)? {
            Some(projection) => Outcome {
                projection: Some(Value::Object(projection.object)),
                ..Outcome::new("allow", None, "OK")
            },
            None => Outcome::new("deny", Some("withheld".to_owned()), "NOT_FOUND"),
        })
    }

    fn with_release<T>(&self, decide: impl FnOnce(Release<'_>) -> T) -> Result<T, Fault> {
        let target = self.target.as_ref().ok_or_else(|| missing("world.target"))?;
        let object = self.object().get("id").and_then(Value::as_str).map(ObjectId::from);
        let content = self.context("content").as_str().filter(|kind| !kind.is_empty()).map(ContentType::from);
        let target_aal = self.context("target_aal");
        let target_aal = if target_aal.is_null() { TARGET_AAL } else { assurance(target_aal)? };
        Ok(decide(Release {
            target: &PreparedSubject::new(target, &self.agreements, self.today),
            target_aal,
            object: object.as_ref(),
            state: self.state(),
            content: content.as_ref(),
            agreements: &self.agreements,
            consents: &self.consents,
        }))
    }

    fn context(&self, name: &str) -> &Value {
        self.cases.context(self.case, name)
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.cases.given(self.case, name)
    }

    fn cosigners(&self) -> Result<Vec<OriginatorName>, Fault> {
        Ok(names(self.context("cosigners"))?.into_iter().map(OriginatorName::from).collect())
    }

    fn object(&self) -> &Value {
        at(at(self.case, "world"), "object")
    }

    fn state(&self) -> ObjectState {
        match self.object()["state"].as_str() {
            Some("recalled") => ObjectState::Recalled,
            Some("quarantined") => ObjectState::Quarantined,
            Some(_) | None => ObjectState::Live,
        }
    }

    /// Organizations the object's record names; what is no text names none.
    fn organizations(&self, list: &str) -> impl Iterator<Item = &str> {
        at(self.object(), list).as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    fn released_by(&self) -> Vec<OrganizationId> {
        names(&self.object()["released_by"])
            .unwrap_or_default()
            .into_iter()
            .filter_map(|name| name.parse().ok())
            .collect()
    }

    fn acquaintance(&self, label: &Label) -> Acquaintance {
        let own = self.subject.organization().as_str();
        let released_by = self.released_by();
        let label = self.old.as_ref().unwrap_or(label);
        let named = Named { label, state: self.state(), released_by: &released_by };
        Acquaintance {
            disclosed_before: self.organizations("disclosed_to").any(|name| name == own),
            knows: decision::knows(&self.subject, named, &self.session, &self.cases.registry),
        }
    }

    fn outcome(&self, action: Action, label: &Label, decided: Decided) -> Outcome {
        self.told(action, decided, Some(label), self.acquaintance(label))
    }

    fn told(
        &self,
        action: Action,
        decided: Decided,
        label: Option<&Label>,
        acquaintance: Acquaintance,
    ) -> Outcome {
        match decided {
            Ok(obligations) => Outcome {
                obligations: obligations.iter().map(ToString::to_string).collect(),
                ..Outcome::new("allow", None, "OK")
            },
            Err(reason) => Outcome::new(
                "deny",
                Some(self.in_full(reason, label)),
                external(reason.told(action, acquaintance)),
            ),
        }
    }

    /// The reason as the cases write it: what is wrong with a label stands behind the word.
    fn in_full(&self, reason: DenyReason, label: Option<&Label>) -> String {
        match (reason, label) {
            (DenyReason::LabelInvalid, Some(label)) => {
                let own = |old: &Label| old.is_originated_by(self.subject.organization().as_str());
                let codes = label.validate(&self.cases.registry, self.old_of_change().is_none_or(own));
                format!("{reason}:{}", codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
            }
            (reason, _) => reason.to_string(),
        }
    }

    fn old_of_change(&self) -> Option<&Label> {
        self.old.as_ref().filter(|_| self.case["action"] == "relabel")
    }
}

fn missing(what: &str) -> Fault {
    Fault::Malformed(format!("`{what}` is missing"))
}

fn external(told: Told) -> &'static str {
    match told {
        Told::PermissionDenied => "PERMISSION_DENIED",
        Told::NotFound => "NOT_FOUND",
        Told::Gone => "GONE",
        Told::InvalidArgument => "INVALID_ARGUMENT",
        Told::Silent => "OK_SILENT",
    }
}
