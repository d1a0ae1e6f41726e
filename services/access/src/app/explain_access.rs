//! Why a subject may or may not read under a label, for those entitled to know.

use std::sync::Arc;

use entente_chassis::call::Call;
use entente_domain::{
    decision::{self, ObjectState, Session},
    ids::{Purpose, Realm},
    label::Label,
    profile::profile_id,
    subject::PreparedSubject,
};

use super::{
    AUDITOR, App, Caller, POLICY_ADMIN,
    audit_event::object,
    in_force::Member,
    policies::{Action, FORBIDDEN_BY_POLICY, Judgement, Question, Refusal},
};
use crate::{
    error::{Error, FieldFault},
    peers::AuditReceipt,
    store::{AuditAct, AuditDecision},
};

/// What is asked.
pub(crate) struct ExplainRequest {
    /// Whose access; empty for the caller's own.
    pub(crate) subject_id: String,
    pub(crate) label_line: String,
    /// Empty for the token's.
    pub(crate) purpose: String,
}

/// The explanation, recorded.
pub(crate) struct Explanation {
    /// Duties, or the first condition that failed.
    pub(crate) outcome: Result<Vec<String>, Refusal>,
    pub(crate) conditions: Vec<ExplainedCondition>,
    pub(crate) epoch: u64,
    pub(crate) receipt: AuditReceipt,
}

/// One condition, in words.
pub(crate) struct ExplainedCondition {
    /// The reason with which it fails.
    pub(crate) name: &'static str,
    pub(crate) required: String,
    pub(crate) held: String,
    pub(crate) holds: bool,
}

impl App {
    /// Explains, for a policy administrator or auditor of the subject's organization, or the subject itself when it may
    /// read. Everybody else is told that nothing is there, whether or not the subject exists.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn explain_access(
        &self,
        call: &Call,
        request: ExplainRequest,
    ) -> Result<Explanation, Error> {
        let caller = self.caller(call)?;
        let label = Label::parse(&request.label_line, caller.registry.registry(), None)
            .map_err(|error| Error::Labels(vec![FieldFault::new("label_line", error.to_string())]))?;
        let member = whose(&caller, &request.subject_id)?;
        let session = self.session(call, &member, &request.purpose)?;
        let subject = PreparedSubject::new(&member.profile, &[], self.today());
        let registry = caller.registry.registry();
        let explained = decision::explain(&subject, &label, &session, registry, ObjectState::Live);
        let mut conditions: Vec<ExplainedCondition> =
            explained.conditions.into_iter().map(ExplainedCondition::of).collect();
        let outcome = match explained.outcome {
            Err(reason) => Err(Refusal { reason: reason.as_str(), ..Refusal::default() }),
            Ok(duties) => {
                let principal = caller.registry.principal(&member, self.today());
                let question =
                    Question { principal: &principal, session: &session, registry, today: self.today() };
                let judged = judged(&caller, question, &label, &mut conditions);
                judged.map(|()| duties.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
        };
        if !is_entitled(&caller, &member, outcome.is_ok()) {
            return Err(Error::NotFound(member.row.subject_id.clone()));
        }
        let mut told = object(&member.row.subject_id, &member.row.etag, &member.row.organization_id);
        told.label_hash = label.hash().as_bytes().to_vec();
        let mut event = self.audit_event(call, &caller, AuditAct::Consultation, vec![told]);
        event.decision = Some(AuditDecision {
            allowed: outcome.is_ok(),
            reason: outcome.as_ref().err().map(Refusal::for_record).unwrap_or_default(),
            profile_id: profile_id(&member.profile, &[], self.today()).as_bytes().to_vec(),
            obligations: outcome.as_ref().ok().cloned().unwrap_or_default(),
        });
        let epoch = event.epoch;
        let receipt = self.disclose(call, event).await?;
        Ok(Explanation { outcome, conditions, epoch, receipt })
    }

    /// The session explained: the realm of the caller's, the purpose asked for, the assurance the subject has.
    fn session(&self, call: &Call, member: &Member, purpose: &str) -> Result<Session, Error> {
        let claims = call.claims().ok_or(Error::NoSubject)?;
        let purpose = if purpose.is_empty() { claims.tctx.purpose.as_str() } else { purpose };
        Ok(Session {
            realm: Realm::from(claims.tctx.realm.as_str()),
            purpose: Purpose::from(purpose),
            aal: member.row.assurance_level,
        })
    }
}

/// What the policies say of a reading that the rules of the software allow: one more condition, if they can concern it.
fn judged(
    caller: &Caller,
    question: Question<'_>,
    label: &Label,
    conditions: &mut Vec<ExplainedCondition>,
) -> Result<(), Refusal> {
    let policies = caller.registry.policies();
    if !policies.concern(Action::Read) {
        return Ok(());
    }
    let judgement = match policies.judge(Action::Read, question, label) {
        Judgement::Allows => Ok(()),
        Judgement::Refuses(refusal) => Err(refusal),
    };
    let held = match &judgement {
        Ok(()) => "none does".to_owned(),
        Err(refusal) => format!("refused by {}", refusal.policies.join(", ")),
    };
    conditions.push(ExplainedCondition {
        name: judgement.as_ref().err().map_or(FORBIDDEN_BY_POLICY, |refusal| refusal.reason),
        required: "no policy of the deployment forbids it".to_owned(),
        held,
        holds: judgement.is_ok(),
    });
    judgement
}

impl ExplainedCondition {
    fn of(condition: decision::Condition) -> ExplainedCondition {
        ExplainedCondition {
            name: condition.reason.as_str(),
            required: condition.required,
            held: condition.held,
            holds: condition.holds,
        }
    }
}

/// The subject asked about. One that does not exist looks like one that is not the caller's to know.
fn whose(caller: &Caller, subject_id: &str) -> Result<Arc<Member>, Error> {
    if subject_id.is_empty() {
        return Ok(caller.member.clone());
    }
    let member = caller.registry.member(subject_id).cloned();
    member.ok_or_else(|| Error::NotFound(subject_id.to_owned()))
}

fn is_entitled(caller: &Caller, member: &Member, may_read: bool) -> bool {
    let own_organization = member.row.organization_id == caller.organization();
    let may_look_into = caller.has_role(POLICY_ADMIN) || caller.has_role(AUDITOR);
    let oneself = member.row.subject_id == caller.subject_id();
    (own_organization && may_look_into) || (oneself && may_read)
}
