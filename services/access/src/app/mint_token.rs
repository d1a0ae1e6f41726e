//! Exchanges a client certificate for a transaction token: who, for what, in which realm, for five minutes at most.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entente_chassis::{
    call::Call,
    token::{Claims, RequesterContext, TransactionContext},
};
use entente_domain::{ids::Realm, profile::profile_id};
use uuid::Uuid;

use super::{AUDITOR, App, InForce, POLICY_ADMIN, in_force::Member};
use crate::{
    error::{Error, FieldFault},
    store::SubjectRow,
};

/// Which role stands behind which action family.
const ACTIONS: [(&str, &str); 5] = [
    ("read", "reader"),
    ("submit", "submitter"),
    ("subscribe", "subscriber"),
    ("audit", AUDITOR),
    ("administer", POLICY_ADMIN),
];

/// What is asked for.
pub(crate) struct MintRequest {
    /// Purpose to assert.
    pub(crate) purpose: String,
    /// Realm to work in.
    pub(crate) realm: String,
    /// Action families; empty for all that the roles allow.
    pub(crate) actions: Vec<String>,
}

/// A token.
pub(crate) struct Minted {
    pub(crate) token: String,
    pub(crate) expire_time_ms: i64,
    pub(crate) transaction_id: String,
    pub(crate) epoch: u64,
}

impl App {
    /// A token for the subject of the caller's certificate.
    #[tracing::instrument(skip_all)]
    pub(crate) fn mint_token(&self, call: &Call, request: &MintRequest) -> Result<Minted, Error> {
        let peer = call.peer();
        let subject_id = peer.caller.subject_id().ok_or(Error::NoCertificateSubject)?;
        let registry = self.in_force()?;
        let member = registry.active_member(&subject_id)?;
        let scope = scope(request, &registry, &member)?;
        let now = self.clock.now();
        // A token never outlives the certificate it was exchanged for.
        let expires = (now + self.settings.token_lifetime).min(peer.certificate_not_after);
        let claims = Claims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.trust_domain.to_string(),
            iat: seconds(now),
            exp: seconds(expires),
            txn: Uuid::now_v7().to_string(),
            sub: subject_id,
            scope,
            req_wl: peer.caller.spiffe_id(&self.settings.trust_domain),
            tctx: TransactionContext {
                profile: profile_id(&member.profile, &[], self.today()).to_string(),
                realm: request.realm.clone(),
                purpose: request.purpose.clone(),
                aal: member.row.assurance_level,
                epoch: registry.epoch(),
                org: member.row.organization_id.clone(),
            },
            rctx: RequesterContext { certificate_sha256: hex::encode(peer.certificate_sha256) },
        };
        let token = self.keys.sign(&claims, now)?;
        let expire_time_ms = i64::try_from(claims.exp.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Ok(Minted { token, expire_time_ms, transaction_id: claims.txn, epoch: registry.epoch() })
    }
}

/// The scope of the token, if the subject may have it.
fn scope(request: &MintRequest, registry: &InForce, member: &Member) -> Result<String, Error> {
    let unknown = request.actions.iter().enumerate().filter(|(_, action)| role_of(action).is_none());
    let mut faults: Vec<FieldFault> = unknown
        .map(|(index, _)| {
            FieldFault::new(
                format!("actions[{index}]"),
                "must be read, submit, subscribe, audit or administer",
            )
        })
        .collect();
    if !registry.registry().knows_realm(&Realm::from(request.realm.as_str())) {
        faults.push(FieldFault::new("realm", "is not a realm of this node: send REAL or EXERCISE:<name>"));
    }
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    if !member.row.purposes.contains(&request.purpose) {
        return Err(Error::PurposeNotGranted(request.purpose.clone()));
    }
    let actions = actions(&request.actions, &member.row)?;
    Ok(actions.into_iter().chain([format!("purpose:{}", request.purpose)]).collect::<Vec<_>>().join(" "))
}

fn actions(asked: &[String], subject: &SubjectRow) -> Result<Vec<String>, Error> {
    if asked.is_empty() {
        let held = ACTIONS.iter().filter(|(_, role)| subject.roles.contains(*role));
        return Ok(held.map(|(action, _)| (*action).to_owned()).collect());
    }
    let missing =
        asked.iter().filter_map(|action| role_of(action)).find(|role| !subject.roles.contains(*role));
    match missing {
        Some(role) => Err(Error::RoleMissing(role)),
        None => Ok(asked.to_vec()),
    }
}

fn role_of(action: &str) -> Option<&'static str> {
    ACTIONS.iter().find(|(name, _)| *name == action).map(|(_, role)| *role)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
