//! May this peer make this call: the certificate's kind and name against the policy, then the transaction token.

use std::{sync::Arc, time::SystemTime};

use http::HeaderMap;
use tonic::metadata::{Ascii, MetadataValue};

use crate::{
    call::TOKEN_KEY,
    identity::{Caller, Peer},
    policy::MethodPolicy,
    status::{ErrorReason, Fault},
    token::{Claims, TokenVerifier},
};

/// A verified token: what it says, and the header to pass on.
pub(super) type VerifiedToken = (Arc<Claims>, MetadataValue<Ascii>);

/// The peer of a connection, if its certificate names one and still holds.
pub(super) fn peer(peer: Option<&Arc<Peer>>, now: SystemTime) -> Result<&Arc<Peer>, Fault> {
    let named = peer.ok_or_else(|| {
        let text = "the client certificate must have one SPIFFE id of this trust domain: svc/<name> or subject/<organization>/<name>";
        Fault::new(ErrorReason::IdentityInvalid, text)
    })?;
    if named.certificate_not_after < now {
        let text =
            "the client certificate has expired since the connection was made; connect again with a new one";
        return Err(Fault::new(ErrorReason::IdentityInvalid, text));
    }
    Ok(named)
}

/// Whether the policy lets this caller in.
pub(super) fn caller(policy: &MethodPolicy, caller: &Caller) -> Result<(), Fault> {
    let kinds = |kind: entente_proto::common::v1::CallerKind| policy.callers.contains(&i32::from(kind));
    let allowed = match caller {
        Caller::Service { name } => {
            let named = policy.any_service || policy.services.iter().any(|service| service == name);
            kinds(entente_proto::common::v1::CallerKind::Service) && named
        }
        Caller::Subject { .. } => kinds(entente_proto::common::v1::CallerKind::Subject),
    };
    if allowed {
        return Ok(());
    }
    Err(Fault::new(ErrorReason::CallerNotAllowed, "this caller may not call this RPC"))
}

/// The transaction token, if the policy asks for one.
pub(super) fn token(
    policy: &MethodPolicy,
    caller: &Caller,
    headers: &HeaderMap,
    verifier: Option<&TokenVerifier>,
) -> Result<Option<VerifiedToken>, Fault> {
    if !policy.subject_token {
        return Ok(None);
    }
    let header = headers.get(TOKEN_KEY).ok_or_else(|| {
        Fault::new(
            ErrorReason::TokenMissing,
            "this RPC needs a transaction token in the metadata `txn-token`",
        )
    })?;
    let invalid =
        || Fault::new(ErrorReason::TokenInvalid, "the transaction token does not verify; mint a new one");
    let text = header.to_str().map_err(|_| invalid())?;
    let claims = verifier.ok_or_else(invalid)?.verify(text).map_err(|error| {
        Fault::new(error.reason(), "the transaction token does not verify or has expired; mint a new one")
    })?;
    subject(caller, &claims)?;
    if !policy.action.is_empty() && !claims.allows(&policy.action) {
        let text = format!("the transaction token's scope lacks `{}`; mint one that has it", policy.action);
        return Err(Fault::new(ErrorReason::TokenScope, text));
    }
    let value = MetadataValue::try_from(text).map_err(|_| invalid())?;
    Ok(Some((claims, value)))
}

/// A person speaks for itself alone; a workload forwards the token it was called with.
fn subject(caller: &Caller, claims: &Claims) -> Result<(), Fault> {
    let own = match caller {
        Caller::Service { .. } => true,
        Caller::Subject { organization, name } => {
            claims.sub.split_once('/').is_some_and(|(left, right)| left == organization && right == name)
        }
    };
    if own {
        return Ok(());
    }
    let text = "the transaction token is of another subject; mint one with the certificate you call with";
    Err(Fault::new(ErrorReason::TokenSubjectMismatch, text))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use entente_proto::common::v1::{CallerKind, RpcPolicy};

    use super::*;
    use crate::{policy::Policies, token::TransactionContext};

    fn peer_until(seconds: u64) -> Arc<Peer> {
        Arc::new(Peer {
            caller: Caller::Service { name: "intake".into() },
            certificate_sha256: [1; 32],
            certificate_not_after: UNIX_EPOCH + Duration::from_secs(seconds),
        })
    }

    #[test]
    fn a_connection_outlives_its_certificate_but_its_calls_do_not() {
        let held = peer_until(100);
        let at = |seconds| peer(Some(&held), UNIX_EPOCH + Duration::from_secs(seconds)).is_ok();
        assert!(at(99) && at(100) && !at(101));
        assert_eq!(peer(None, UNIX_EPOCH).unwrap_err().reason(), ErrorReason::IdentityInvalid);
    }

    #[test]
    fn a_service_list_counts_only_where_services_are_let_in() {
        let mut policies = Policies::default();
        let callers = vec![CallerKind::Service.into()];
        let services = vec!["intake".to_owned()];
        policies.allow("/a.B/Listed", RpcPolicy { callers, services, ..RpcPolicy::default() }).unwrap();
        policies.allow_authenticated("/a.B/Open");
        let mira = Caller::Subject { organization: "VLD-COAST".into(), name: "mira".into() };
        let service = |name: &str| Caller::Service { name: name.into() };
        for policy in policies.iter() {
            let open = policy.path == "/a.B/Open";
            assert!(caller(policy, &service("intake")).is_ok());
            assert_eq!(caller(policy, &service("intake2")).is_ok(), open);
            assert_eq!(caller(policy, &mira).is_ok(), open);
        }
    }

    #[test]
    fn a_workload_forwards_what_a_person_could_not_borrow() {
        let tctx = TransactionContext {
            profile: String::new(),
            realm: "REAL".into(),
            purpose: String::new(),
            aal: 2,
            epoch: 1,
            org: "VLD-COAST".into(),
        };
        let claims = Claims {
            iss: String::new(),
            aud: String::new(),
            iat: 0,
            exp: 0,
            txn: String::new(),
            sub: "VLD-COAST/mira".into(),
            scope: String::new(),
            req_wl: String::new(),
            tctx,
            rctx: crate::token::RequesterContext::default(),
        };
        let person = |organization: &str, name: &str| Caller::Subject {
            organization: organization.into(),
            name: name.into(),
        };
        assert!(subject(&Caller::Service { name: "intake".into() }, &claims).is_ok());
        assert!(subject(&person("VLD-COAST", "mira"), &claims).is_ok());
        assert!(subject(&person("VLD-COAST", "tomas"), &claims).is_err());
        assert!(subject(&person("ORS-CERT", "mira"), &claims).is_err());
    }
}
