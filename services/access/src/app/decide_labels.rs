//! Which labels a subject may read: asked by services once per distinct label, subject profile and epoch.

#[cfg(test)]
mod tests;

use entente_chassis::{call::Call, identity::Caller as Identity};
use entente_domain::{
    day::Day,
    decision::{self, ObjectState, Session},
    ids::{Purpose, Realm},
    profile::profile_id,
    subject::PreparedSubject,
};

use super::{
    App, InForce,
    in_force::Member,
    label_cache::KnownLabel,
    policies::{Action, Judgement, Principal, Question},
};
use crate::error::Error;

/// The one workload that works for subjects who are not there.
const MAY_NAME_STANDING: &str = "alerting";
/// Labels decided before other tasks get a turn.
const PIECE: usize = 256;

/// On whose behalf.
pub(crate) enum Behalf {
    /// The transaction token of the call being served.
    Token(String),
    /// The holder of a standing interest.
    Standing(Standing),
}

/// A subject with the session it stands in.
pub(crate) struct Standing {
    pub(crate) subject_id: String,
    pub(crate) purpose: String,
    pub(crate) realm: String,
    pub(crate) aal: u8,
}

/// A label as it came: its line, and the hash it is said to have.
pub(crate) struct LabelReference {
    pub(crate) line: String,
    /// Empty when nothing is said of it.
    pub(crate) hash: Vec<u8>,
}

/// What is asked.
pub(crate) struct DecisionRequest {
    pub(crate) behalf: Behalf,
    pub(crate) labels: Vec<LabelReference>,
    pub(crate) at_least_as_fresh_as: u64,
}

/// What is answered.
pub(crate) struct Decisions {
    pub(crate) profile_id: [u8; 32],
    pub(crate) epoch: u64,
    pub(crate) day: Day,
    /// The session's assurance level, or the subject's if that is lower now.
    pub(crate) aal: u8,
    pub(crate) decisions: Vec<Decided>,
    pub(crate) subject_id: String,
    pub(crate) organization_id: String,
}

/// The decision on one label.
pub(crate) struct Decided {
    pub(crate) allowed: bool,
    pub(crate) reason: &'static str,
    pub(crate) obligations: Vec<String>,
    /// Ids of the deployment's policies that refused it.
    pub(crate) policies: Vec<String>,
}

impl App {
    /// Decides each label under the rights of now.
    #[tracing::instrument(skip_all, fields(labels = request.labels.len()))]
    pub(crate) async fn decide_labels(
        &self,
        call: &Call,
        request: DecisionRequest,
    ) -> Result<Decisions, Error> {
        // Who stands by is alerted of what it may read: policies on either speak.
        let actions: &[Action] = match &request.behalf {
            Behalf::Token(_) => &[Action::Read],
            Behalf::Standing(_) => &[Action::Read, Action::Deliver],
        };
        let standing = self.standing(call, request.behalf)?;
        let registry = self.in_force()?;
        if registry.epoch() < request.at_least_as_fresh_as {
            return Err(Error::NotYetFresh {
                asked: request.at_least_as_fresh_as,
                current: registry.epoch(),
            });
        }
        let member = registry.active_member(&standing.subject_id)?;
        let today = self.today();
        let session = standing.session(member.row.assurance_level);
        let aal = session.aal;
        let reader = Reader::new(&registry, &member, session, today);
        let mut decisions = Vec::with_capacity(request.labels.len());
        for piece in request.labels.chunks(PIECE) {
            reader.decide(actions, piece, &mut decisions);
            tokio::task::yield_now().await;
        }
        Ok(Decisions {
            profile_id: *profile_id(&member.profile, &[], today).as_bytes(),
            epoch: registry.epoch(),
            day: today,
            aal,
            decisions,
            subject_id: standing.subject_id,
            organization_id: member.row.organization_id.clone(),
        })
    }

    fn standing(&self, call: &Call, behalf: Behalf) -> Result<Standing, Error> {
        match behalf {
            Behalf::Token(token) => {
                let claims = self.tokens.verify(&token).map_err(Error::Token)?;
                Ok(Standing {
                    subject_id: claims.sub.clone(),
                    purpose: claims.tctx.purpose.clone(),
                    realm: claims.tctx.realm.clone(),
                    aal: claims.tctx.aal,
                })
            }
            Behalf::Standing(standing) => match &call.peer().caller {
                Identity::Service { name } if name == MAY_NAME_STANDING => Ok(standing),
                Identity::Service { name } => Err(Error::StandingNotAllowed(name.clone())),
                Identity::Subject { name, .. } => Err(Error::StandingNotAllowed(name.clone())),
            },
        }
    }
}

impl Standing {
    /// The session, with no more assurance than the subject has now.
    pub(super) fn session(&self, assurance_level: u8) -> Session {
        Session {
            realm: Realm::from(self.realm.as_str()),
            purpose: Purpose::from(self.purpose.as_str()),
            aal: self.aal.min(assurance_level),
        }
    }
}

struct Reader<'a> {
    subject: PreparedSubject,
    principal: Principal,
    session: Session,
    registry: &'a InForce,
}

impl<'a> Reader<'a> {
    fn new(registry: &'a InForce, member: &Member, session: Session, today: Day) -> Reader<'a> {
        let subject = PreparedSubject::new(&member.profile, &[], today);
        Reader { subject, principal: registry.principal(member, today), session, registry }
    }

    /// `actions` are what policies are asked about, each.
    fn decide(&self, actions: &[Action], labels: &[LabelReference], decisions: &mut Vec<Decided>) {
        let lines: Vec<&str> = labels.iter().map(|label| label.line.as_str()).collect();
        let known = self.registry.labels(&lines);
        decisions.extend(labels.iter().zip(known).map(|(label, known)| match known {
            // The receiver recomputes the hash: who sends another line than the hash stands for is answered no.
            Some(known) if label.hash.is_empty() || label.hash == known.hash => self.read(actions, &known),
            Some(_) | None => refused(decision::DenyReason::LabelMalformed),
        }));
    }

    /// The rules of the software first; what they allow goes to the policies.
    fn read(&self, actions: &[Action], known: &KnownLabel) -> Decided {
        let registry = self.registry.registry();
        let read = decision::read(&self.subject, &known.label, &self.session, registry, ObjectState::Live);
        let obligations = match read {
            Ok(obligations) => obligations,
            Err(reason) => return refused(reason),
        };
        let question = Question {
            principal: &self.principal,
            session: &self.session,
            registry,
            today: self.subject.today(),
        };
        let policies = self.registry.policies();
        let judgements = actions.iter().map(|action| policies.judge(*action, question, &known.label));
        for judgement in judgements {
            if let Judgement::Refuses(refusal) = judgement {
                return Decided {
                    allowed: false,
                    reason: refusal.reason,
                    obligations: refusal.obligations,
                    policies: refusal.policies,
                };
            }
        }
        Decided {
            allowed: true,
            reason: "",
            obligations: obligations.iter().map(ToString::to_string).collect(),
            policies: Vec::new(),
        }
    }
}

fn refused(reason: decision::DenyReason) -> Decided {
    Decided { allowed: false, reason: reason.as_str(), obligations: Vec::new(), policies: Vec::new() }
}
