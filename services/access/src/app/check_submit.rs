//! Whether the subject may submit under label lines: parsed, validated, decided, and kept in the dictionary if it may.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use entente_chassis::call::Call;
use entente_domain::{
    decision::{self, DenyReason, Derivation, Session},
    ids::{Purpose, Realm},
    label::{Label, LabelErrorCode},
    subject::PreparedSubject,
};

use super::{
    App, Caller, InForce,
    policies::{Action, Judgement, Principal, Question},
};
use crate::{error::Error, store::LabelRow};

/// Hashes remembered to be in the dictionary, 32 bytes each.
const INTERNED_MAX: usize = 100_000;

/// What is asked.
pub(crate) struct SubmitRequest {
    /// Label lines as the submitter wrote them.
    pub(crate) label_lines: Vec<String>,
    /// Operation path; empty for none.
    pub(crate) operation: String,
}

/// What is answered, one decision per line.
pub(crate) struct SubmitDecisions {
    pub(crate) decisions: Vec<SubmitDecision>,
    pub(crate) epoch: u64,
    pub(crate) subject_id: String,
    pub(crate) organization_id: String,
    pub(crate) operation_known: bool,
}

/// The decision on one line.
pub(crate) struct SubmitDecision {
    pub(crate) allowed: bool,
    /// Empty if allowed.
    pub(crate) reason: &'static str,
    /// Code and what to do, of an invalid label.
    pub(crate) faults: Vec<(&'static str, String)>,
    /// None when the line does not parse.
    pub(crate) label: Option<Resolved>,
    /// Ids of the deployment's policies that refused it.
    pub(crate) policies: Vec<String>,
}

/// A label taken apart.
pub(crate) struct Resolved {
    pub(crate) label: Label,
    pub(crate) line: String,
    pub(crate) timeless: Label,
    pub(crate) timeless_line: String,
}

impl App {
    /// Decides each line; the labels that may be used are in the dictionary when this returns.
    #[tracing::instrument(skip_all, fields(lines = request.label_lines.len()))]
    pub(crate) async fn check_submit(
        &self,
        call: &Call,
        request: SubmitRequest,
    ) -> Result<SubmitDecisions, Error> {
        let caller = self.caller(call)?;
        let claims = call.claims().ok_or(Error::NoSubject)?;
        let session = Session {
            realm: Realm::from(claims.tctx.realm.as_str()),
            purpose: Purpose::from(claims.tctx.purpose.as_str()),
            aal: claims.tctx.aal.min(caller.member.row.assurance_level),
        };
        let today = self.today();
        let submitter = Submitter {
            subject: PreparedSubject::new(&caller.member.profile, &[], today),
            principal: caller.registry.principal(&caller.member, today),
            nation: caller.member.profile.nation.as_ref().map(|nation| nation.as_str()),
            registry: &caller.registry,
            session,
        };
        let decisions: Vec<SubmitDecision> =
            request.label_lines.iter().map(|line| submitter.decide(line)).collect();
        self.intern(&decisions).await?;
        let operation_known = operation_known(&caller, &request.operation);
        Ok(SubmitDecisions {
            decisions,
            epoch: caller.registry.epoch(),
            subject_id: caller.subject_id().to_owned(),
            organization_id: caller.organization().to_owned(),
            operation_known,
        })
    }

    /// Only labels that may be used become part of the dictionary: it can never be cleaned.
    async fn intern(&self, decisions: &[SubmitDecision]) -> Result<(), Error> {
        let allowed = decisions.iter().filter(|decision| decision.allowed);
        let mut rows: Vec<LabelRow> =
            allowed.filter_map(|decision| decision.label.as_ref()).flat_map(Resolved::rows).collect();
        self.interned.leave_out_known(&mut rows);
        if rows.is_empty() {
            return Ok(());
        }
        self.store.intern_labels(rows.clone()).await?;
        self.interned.know(&rows);
        Ok(())
    }
}

/// Hashes known to be in the dictionary, so that a label costs one write and not one per report. The dictionary only
/// grows, so what is known here stays true.
#[derive(Default)]
pub(super) struct Interned(Mutex<HashSet<[u8; 32]>>);

impl Interned {
    fn leave_out_known(&self, rows: &mut Vec<LabelRow>) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|row| !known.contains(&row.hash));
    }

    fn know(&self, rows: &[LabelRow]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len().saturating_add(rows.len()) > INTERNED_MAX {
            known.clear();
        }
        known.extend(rows.iter().map(|row| row.hash));
    }
}

fn operation_known(caller: &Caller, operation: &str) -> bool {
    operation.is_empty() || caller.registry.takes_part(caller.organization(), operation)
}

struct Submitter<'a> {
    subject: PreparedSubject,
    principal: Principal,
    nation: Option<&'a str>,
    registry: &'a InForce,
    session: Session,
}

impl Submitter<'_> {
    fn decide(&self, line: &str) -> SubmitDecision {
        let registry = self.registry.registry();
        let label = match Label::parse(line, registry, self.nation) {
            Ok(label) => label,
            Err(error) => {
                let faults =
                    vec![(error.code.as_str(), format!("{}: `{}`", advice(error.code), error.detail))];
                return SubmitDecision {
                    allowed: false,
                    reason: DenyReason::LabelInvalid.as_str(),
                    faults,
                    label: None,
                    policies: Vec::new(),
                };
            }
        };
        let codes = label.validate(registry, true);
        let decided = decision::submit(&self.subject, &label, &self.session, registry, Derivation::default());
        let (reason, policies) = match decided {
            Err(reason) => (reason.as_str(), Vec::new()),
            Ok(_) => match self.judge(&label) {
                Judgement::Allows => ("", Vec::new()),
                Judgement::Refuses(refusal) => (refusal.reason, refusal.policies),
            },
        };
        SubmitDecision {
            allowed: reason.is_empty() && codes.is_empty(),
            reason,
            faults: codes.into_iter().map(|code| (code.as_str(), advice(code).to_owned())).collect(),
            label: Some(self.resolve(label)),
            policies,
        }
    }

    fn judge(&self, label: &Label) -> Judgement {
        let question = Question {
            principal: &self.principal,
            session: &self.session,
            registry: self.registry.registry(),
            today: self.subject.today(),
        };
        self.registry.policies().judge(Action::Submit, question, label)
    }

    fn resolve(&self, label: Label) -> Resolved {
        let timeless = label.timeless();
        Resolved {
            line: self.registry.line(&label),
            timeless_line: self.registry.line(&timeless),
            label,
            timeless,
        }
    }
}

impl Resolved {
    /// The label and the same without dates: services keep the hash of both.
    fn rows(&self) -> [LabelRow; 2] {
        let timeless_hash = *self.timeless.hash().as_bytes();
        [
            LabelRow { hash: *self.label.hash().as_bytes(), timeless_hash, line: self.line.clone() },
            LabelRow { hash: timeless_hash, timeless_hash, line: self.timeless_line.clone() },
        ]
    }
}

/// What a person should do about a fault of a label.
fn advice(code: LabelErrorCode) -> &'static str {
    match code {
        LabelErrorCode::BadDate => "write dates as YYYY-MM-DD",
        LabelErrorCode::BadToken => {
            "write names with A-Z, 0-9, `.`, `_`, `-`, and tokens as XVA, ORG:NAME, GRP:NAME"
        }
        LabelErrorCode::DuplicateSegment => "this may stand once",
        LabelErrorCode::EmptyAudience => "nobody could read this: the audience lists have nobody in common",
        LabelErrorCode::ExerciseUnknown => "no exercise of that name is known here",
        LabelErrorCode::ListEmpty => "a list has nothing in it or between two commas",
        LabelErrorCode::NofornWithoutNation => {
            "your organization has no nation: name the audience instead of NOFORN"
        }
        LabelErrorCode::OriginExcluded => "put at least one originator into the audience",
        LabelErrorCode::OriginMissing => "say who speaks: BY <organization>",
        LabelErrorCode::OriginUnknown => "an originator is not known here",
        LabelErrorCode::Parse => "this is not a label line; an example: TLP:CLEAR//BY VLD-COAST",
        LabelErrorCode::PurposeEmpty => "no purpose is left",
        LabelErrorCode::RealmMix => "an exercise and the real world do not mix",
        LabelErrorCode::RelEmpty => "say to whom: REL TO <list>",
        LabelErrorCode::TimeOrder => "FROM must lie before UNTIL",
        LabelErrorCode::TlpShape => {
            "the audience does not fit the TLP colour: RED names persons, AMBER+STRICT organizations"
        }
        LabelErrorCode::TooComplex => "too many parts: register a group and name it",
        LabelErrorCode::Unbounded => "say who may have it (REL TO), or TLP:CLEAR for everyone",
        LabelErrorCode::UnknownDomain => "no policy domain of that name is known here",
        LabelErrorCode::UnknownField => "a field of a later version",
        LabelErrorCode::UnknownLevel => "the domain has no such level",
        LabelErrorCode::UnknownPurpose => "no purpose of that name is known here",
        LabelErrorCode::UnknownSegment => "no segment begins like this",
        LabelErrorCode::UnknownVetting => "no kind of vetting of that name is known here",
    }
}
