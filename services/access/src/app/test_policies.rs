//! What policies would change, were they in force: every subject under the labels of the dictionary or of the request,
//! decided under both sets.
//!
//! Who administers rights has no right to content: of other organizations' people only numbers are told, and labels of
//! others by their hash.

use std::{collections::BTreeMap, sync::Arc};

use entente_chassis::call::Call;
use entente_domain::{
    day::Day,
    decision::{self, Derivation, ObjectState, Session},
    ids::Purpose,
    label::Label,
    subject::PreparedSubject,
};

use super::{
    App, Caller, InForce,
    audit_event::object,
    in_force::Member,
    policies::{Action, Judgement, Policies, PolicyInfo, Principal, Question},
    put_policies::policies_object,
};
use crate::{
    error::{Error, FieldFault},
    peers::AuditReceipt,
    store::{AuditAct, AuditObject},
};

/// Labels of one test.
const LABELS_MAX: usize = 2_000;
/// Pairs of a subject and a label of one test: some seconds of work.
const PAIRS_MAX: usize = 100_000;
/// Pairs decided before other tasks get a turn.
const PIECE: usize = 32;
/// Changes told one by one.
const CHANGES_MAX: usize = 1_000;

/// What is asked.
pub(crate) struct TestPoliciesRequest {
    pub(crate) cedar: String,
    /// Empty for the dictionary's.
    pub(crate) label_lines: Vec<String>,
    /// Empty for the token's.
    pub(crate) purpose: String,
}

/// What is answered.
pub(crate) struct TestedPolicies {
    pub(crate) listed: Vec<PolicyInfo>,
    /// Of subjects of the caller's organization.
    pub(crate) changes: Vec<DecisionChange>,
    /// Lost and gained, by organization.
    pub(crate) organizations: BTreeMap<String, (u64, u64)>,
    pub(crate) decision_count: u64,
    pub(crate) complete: bool,
    pub(crate) epoch: u64,
    pub(crate) receipt: AuditReceipt,
}

/// A decision that would be another one.
pub(crate) struct DecisionChange {
    pub(crate) subject_id: String,
    pub(crate) action: &'static str,
    pub(crate) label_hash: [u8; 32],
    /// Empty when the label is not the caller's to see.
    pub(crate) label_line: String,
    pub(crate) allowed: bool,
    pub(crate) policies: Vec<String>,
}

impl App {
    /// Decides under the policies in force and under those of the request, and tells the difference.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn test_policies(
        &self,
        call: &Call,
        request: TestPoliciesRequest,
    ) -> Result<TestedPolicies, Error> {
        let caller = self.keeper_of_policies(call)?;
        let proposed = Policies::of_text(&request.cedar).map_err(Error::Fields)?;
        let claims = call.claims().ok_or(Error::NoSubject)?;
        let purpose =
            if request.purpose.is_empty() { claims.tctx.purpose.as_str() } else { request.purpose.as_str() };
        let labels = self.labels_to_test(&caller, &request.label_lines).await?;
        let comparison = Comparison {
            registry: &caller.registry,
            proposed: &proposed,
            purpose: Purpose::from(purpose),
            today: self.today(),
            own_organization: caller.organization(),
        };
        let found = comparison.run(&labels).await;
        let event = self.audit_event(call, &caller, AuditAct::Consultation, told(&caller, &request, &found));
        let epoch = event.epoch;
        let receipt = self.disclose(call, event).await?;
        Ok(TestedPolicies {
            listed: proposed.listed().to_vec(),
            changes: found.changes,
            organizations: found.organizations,
            decision_count: found.decision_count,
            complete: found.complete && labels.len() < LABELS_MAX,
            epoch,
            receipt,
        })
    }

    async fn labels_to_test(&self, caller: &Caller, lines: &[String]) -> Result<Vec<TestedLabel>, Error> {
        let registry = caller.registry.registry();
        if lines.is_empty() {
            let lines = self.store.newest_labels(LABELS_MAX).await?;
            // A line that no longer parses is readable by nobody, under any policies.
            let labels = lines.into_iter().filter_map(|line| {
                let label = Label::parse(&line, registry, None).ok()?;
                let own = label.originators().iter().all(|name| name.as_str() == caller.organization());
                Some(TestedLabel { label, line: if own { line } else { String::new() } })
            });
            return Ok(labels.collect());
        }
        let mut labels = Vec::with_capacity(lines.len());
        let mut faults = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            match Label::parse(line, registry, None) {
                Ok(label) => labels.push(TestedLabel { label, line: line.clone() }),
                Err(error) => {
                    faults.push(FieldFault::new(format!("label_lines[{index}]"), error.to_string()))
                }
            }
        }
        if faults.is_empty() { Ok(labels) } else { Err(Error::Labels(faults)) }
    }
}

/// What the record says: which policies were tested, and about whom something was told.
fn told(caller: &Caller, request: &TestPoliciesRequest, found: &Found) -> Vec<AuditObject> {
    let mut subjects: Vec<&str> = found.changes.iter().map(|change| change.subject_id.as_str()).collect();
    subjects.dedup();
    subjects.sort_unstable();
    subjects.dedup();
    let of = |subject_id: &&str| object(subject_id, "", caller.organization());
    let mut told = vec![policies_object(&request.cedar, "", caller.organization())];
    told.extend(subjects.iter().take(CHANGES_MAX - 1).map(of));
    told
}

/// A label with its line, empty where it is not the caller's to see.
struct TestedLabel {
    label: Label,
    line: String,
}

/// Both sets of policies, and what both are asked about.
struct Comparison<'a> {
    registry: &'a Arc<InForce>,
    proposed: &'a Policies,
    purpose: Purpose,
    today: Day,
    own_organization: &'a str,
}

/// A subject on the day of the test.
struct Tested<'a> {
    member: &'a Member,
    subject: PreparedSubject,
    principal: Principal,
}

/// What the comparison found.
struct Found {
    changes: Vec<DecisionChange>,
    organizations: BTreeMap<String, (u64, u64)>,
    decision_count: u64,
    complete: bool,
}

impl Comparison<'_> {
    async fn run(&self, labels: &[TestedLabel]) -> Found {
        let active = self.registry.members().values().filter(|member| member.active);
        let subjects: Vec<Tested<'_>> = active.map(|member| self.tested(member)).collect();
        let mut found = Found {
            changes: Vec::new(),
            organizations: BTreeMap::new(),
            decision_count: 0,
            complete: labels.len() <= PAIRS_MAX / subjects.len().max(1),
        };
        // Labels in the outer loop: of what is left out every subject loses the same, the oldest labels.
        let fitting = PAIRS_MAX / subjects.len().max(1);
        for label in labels.iter().take(fitting) {
            for piece in subjects.chunks(PIECE) {
                for subject in piece {
                    Action::ALL.iter().for_each(|action| self.compare(*action, subject, label, &mut found));
                }
                tokio::task::yield_now().await;
            }
        }
        found
    }

    fn tested<'m>(&self, member: &'m Arc<Member>) -> Tested<'m> {
        Tested {
            member,
            subject: PreparedSubject::new(&member.profile, &[], self.today),
            principal: self.registry.principal(member, self.today),
        }
    }

    fn compare(&self, action: Action, tested: &Tested<'_>, label: &TestedLabel, found: &mut Found) {
        let session = Session {
            realm: label.label.realm().clone(),
            purpose: self.purpose.clone(),
            aal: tested.member.row.assurance_level,
        };
        found.decision_count = found.decision_count.saturating_add(1);
        if !self.floor_allows(action, tested, &label.label, &session) {
            return;
        }
        let question = Question {
            principal: &tested.principal,
            session: &session,
            registry: self.registry.registry(),
            today: self.today,
        };
        let before = self.registry.policies().judge(action, question, &label.label);
        let after = self.proposed.judge(action, question, &label.label);
        let (allowed, refusal) = match (before, after) {
            (Judgement::Allows, Judgement::Refuses(refusal)) => (false, refusal),
            (Judgement::Refuses(refusal), Judgement::Allows) => (true, refusal),
            (Judgement::Allows, Judgement::Allows) | (Judgement::Refuses(_), Judgement::Refuses(_)) => return,
        };
        let organization = &tested.member.row.organization_id;
        let (lost, gained) = found.organizations.entry(organization.clone()).or_default();
        let counter = if allowed { gained } else { lost };
        *counter = counter.saturating_add(1);
        if organization == self.own_organization && found.changes.len() < CHANGES_MAX {
            found.changes.push(DecisionChange {
                subject_id: tested.member.row.subject_id.clone(),
                action: action.as_str(),
                label_hash: *label.label.hash().as_bytes(),
                label_line: label.line.clone(),
                allowed,
                policies: refusal.policies,
            });
        }
    }

    /// What no policy can change.
    fn floor_allows(&self, action: Action, tested: &Tested<'_>, label: &Label, session: &Session) -> bool {
        let registry = self.registry.registry();
        // What neither set can concern changes in nothing.
        if !self.registry.policies().concern(action) && !self.proposed.concern(action) {
            return false;
        }
        match action {
            Action::Read => {
                decision::read(&tested.subject, label, session, registry, ObjectState::Live).is_ok()
            }
            Action::Deliver => {
                tested.subject.has_role("subscriber")
                    && decision::read(&tested.subject, label, session, registry, ObjectState::Live).is_ok()
            }
            Action::Submit => {
                decision::submit(&tested.subject, label, session, registry, Derivation::default()).is_ok()
            }
        }
    }
}
