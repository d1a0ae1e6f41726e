//! The deployment's policies, on top of the rules of `entente-domain`: what those refuse never comes here, and a policy can
//! only refuse more. What cannot be evaluated is refused, too.

mod describe;
mod label;
mod load;
mod principal;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use entente_domain::{day::Day, decision::Session, label::Label, registry::Registry};

pub(crate) use self::describe::PolicyInfo;
use self::label::label_entity;
pub(super) use self::principal::Principal;
use crate::{error::FieldFault, store::PolicySetRow};

/// What policies are written against.
pub(crate) const SCHEMA: &str = include_str!("../../policies/entente.cedarschema");
/// Reason of a refusal by policies.
pub(crate) const FORBIDDEN_BY_POLICY: &str = "forbidden_by_policy";
/// Reason of a refusal because policies could not be evaluated.
const POLICY_NOT_EVALUATED: &str = "policy_not_evaluated";
/// Characters of a reason in the record.
const REASON_CHARS_MAX: usize = 256;

/// What may be put to policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// To read what carries a label.
    Read,
    /// To be alerted of it.
    Deliver,
    /// To file something under it.
    Submit,
}

impl Action {
    /// All of them.
    pub(crate) const ALL: [Action; 3] = [Action::Read, Action::Deliver, Action::Submit];

    /// The word of the schema.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Deliver => "deliver",
            Action::Submit => "submit",
        }
    }

    /// Whether it is decided for the label without its dates, once for all labels that differ in these alone.
    fn is_timeless(self) -> bool {
        match self {
            Action::Read | Action::Deliver => true,
            Action::Submit => false,
        }
    }
}

/// A set of policies, loaded.
pub(super) struct Policies {
    row: Option<PolicySetRow>,
    set: PolicySet,
    listed: Vec<PolicyInfo>,
    /// Actions that some policy can concern; others are not even asked.
    concerns: BTreeSet<Action>,
    words: Words,
    authorizer: Authorizer,
}

/// Names of the schema, parsed once.
struct Words {
    label: EntityUid,
    read: EntityUid,
    deliver: EntityUid,
    submit: EntityUid,
}

/// What policies say of one decision that the rules of the software allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nothing.
    Allows,
    /// No.
    Refuses(Refusal),
}

/// Why policies refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// A stable snake_case word.
    pub(crate) reason: &'static str,
    /// Ids of the policies that forbid it, or that could not be evaluated; sorted.
    pub(crate) policies: Vec<String>,
    /// What the subject can do about it.
    pub(crate) obligations: Vec<String>,
}

/// What is decided: this session, on this day, under these rights.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) principal: &'a Principal,
    pub(super) session: &'a Session,
    pub(super) registry: &'a Registry,
    pub(super) today: Day,
}

impl Policies {
    /// The stored set, loaded; without one, no policies.
    ///
    /// # Errors
    /// Every fault of the set.
    pub(super) fn load(row: Option<PolicySetRow>) -> Result<Policies, Vec<FieldFault>> {
        let text = row.as_ref().map(|row| row.cedar.as_str()).unwrap_or_default();
        Ok(Policies { row: row.clone(), ..load::load(text)? })
    }

    /// Policies that are not stored, to be tested.
    ///
    /// # Errors
    /// Every fault of the text.
    pub(super) fn of_text(text: &str) -> Result<Policies, Vec<FieldFault>> {
        load::load(text)
    }

    /// The stored set; none while none was ever put.
    pub(super) fn row(&self) -> Option<&PolicySetRow> {
        self.row.as_ref()
    }

    /// What is in the set, by id.
    pub(super) fn listed(&self) -> &[PolicyInfo] {
        &self.listed
    }

    /// Whether any policy can concern the action.
    pub(super) fn concern(&self, action: Action) -> bool {
        self.concerns.contains(&action)
    }

    /// What the policies say of something that the rules of the software allow.
    ///
    /// INVARIANT: only ever asked after those, and joined with "and": so no set of policies loosens anything.
    pub(super) fn judge(&self, action: Action, question: Question<'_>, label: &Label) -> Judgement {
        if !self.concern(action) {
            return Judgement::Allows;
        }
        let asked = if action.is_timeless() { &label.timeless() } else { label };
        match self.evaluate(action, question, asked) {
            Some(judgement) => judgement,
            None => Judgement::Refuses(Refusal { reason: POLICY_NOT_EVALUATED, ..Refusal::default() }),
        }
    }

    /// None when the question cannot even be put.
    fn evaluate(&self, action: Action, question: Question<'_>, label: &Label) -> Option<Judgement> {
        let principal = question.principal.entity_for(label)?;
        let resource = label_entity(self.words.label.clone(), label, question.registry)?;
        let request = Request::new(
            principal.uid(),
            self.words.action(action).clone(),
            self.words.label.clone(),
            context(action, question.session, question.today)?,
            None,
        );
        let entities = Entities::from_entities([principal, resource], None).ok()?;
        let response = self.authorizer.is_authorized(&request.ok()?, &self.set, &entities);
        let diagnostics = response.diagnostics();
        // A forbid that fails is skipped by Cedar, which would then allow: whatever fails refuses.
        let failed: Vec<String> =
            diagnostics.errors().map(|error| failed_policy(error).to_string()).collect();
        if !failed.is_empty() {
            return Some(self.refusal(POLICY_NOT_EVALUATED, failed));
        }
        match response.decision() {
            Decision::Allow => Some(Judgement::Allows),
            Decision::Deny => {
                let forbidding = diagnostics.reason().map(ToString::to_string).collect();
                Some(self.refusal(FORBIDDEN_BY_POLICY, forbidding))
            }
        }
    }

    fn refusal(&self, reason: &'static str, mut policies: Vec<String>) -> Judgement {
        policies.sort_unstable();
        let named = self.listed.iter().filter(|info| policies.contains(&info.policy_id));
        let mut obligations: Vec<String> =
            named.map(|info| info.obligation.clone()).filter(|duty| !duty.is_empty()).collect();
        obligations.dedup();
        Judgement::Refuses(Refusal { reason, policies, obligations })
    }
}

impl Refusal {
    /// The reason with the policies' ids, as far as a record has room: `forbidden_by_policy:a,b`.
    pub(super) fn for_record(&self) -> String {
        let whole = format!("{}:{}", self.reason, self.policies.join(","));
        if whole.chars().count() <= REASON_CHARS_MAX {
            return whole.trim_end_matches(':').to_owned();
        }
        whole.chars().take(REASON_CHARS_MAX - 1).chain(['…']).collect()
    }
}

impl Words {
    fn new() -> Option<Words> {
        let name = |name: &str| name.parse::<EntityTypeName>().ok();
        let actions = name("Entente::Action")?;
        let action = |action: Action| {
            EntityUid::from_type_name_and_id(actions.clone(), EntityId::new(action.as_str()))
        };
        Some(Words {
            label: EntityUid::from_type_name_and_id(name("Entente::Label")?, EntityId::new("label")),
            read: action(Action::Read),
            deliver: action(Action::Deliver),
            submit: action(Action::Submit),
        })
    }

    fn action(&self, action: Action) -> &EntityUid {
        match action {
            Action::Read => &self.read,
            Action::Deliver => &self.deliver,
            Action::Submit => &self.submit,
        }
    }
}

fn failed_policy(error: &cedar_policy::AuthorizationError) -> &cedar_policy::PolicyId {
    match error {
        cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
    }
}

/// What the schema calls the context. Facts that the rules of the software have established are handed over as such.
fn context(action: Action, session: &Session, today: Day) -> Option<Context> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let mut pairs = vec![
        ("purpose", text(session.purpose.as_str())),
        ("realm", text(session.realm.as_str())),
        ("aal", RestrictedExpression::new_long(i64::from(session.aal))),
        ("now", RestrictedExpression::new_long(i64::from(today.unix_days()))),
        ("recalled", RestrictedExpression::new_bool(false)),
        ("quarantined", RestrictedExpression::new_bool(false)),
    ];
    match action {
        Action::Read => {}
        Action::Deliver => {
            pairs.push(("sink", text("session")));
            pairs.push(("filterOk", RestrictedExpression::new_bool(true)));
        }
        Action::Submit => {
            let established = ["valid", "sourcesReadable", "flowsUp", "cosigned"];
            pairs.extend(established.map(|fact| (fact, RestrictedExpression::new_bool(true))));
        }
    }
    Context::from_pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value))).ok()
}

/// A set of texts.
fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.into_iter().map(|text| RestrictedExpression::new_string(text.into())))
}
