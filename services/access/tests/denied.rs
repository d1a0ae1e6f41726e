//! Every method of the access service with no, wrong and foreign caller; complete by descriptor.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "support/node.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod node;

use std::collections::BTreeSet;

use entente_chassis::{
    policy::Policies,
    status::{ErrorReason, reason_of},
    tls::TlsIdentity,
};
use entente_proto::access::v1::MintTokenRequest;
use entente_testkit::{TestAuthority, probe};

use self::node::{Node, asked};

/// Who may call a method.
enum Allowed {
    /// A person with a certificate alone.
    Certificate,
    /// A person with a token for an action; any token when the action is empty.
    Person(&'static str),
    /// These workloads.
    Services(&'static [&'static str]),
    /// These workloads with the token of the person they work for.
    Forwarding(&'static [&'static str], &'static str),
}

const METHODS: [(&str, Allowed); 18] = [
    ("MintToken", Allowed::Certificate),
    ("ListTokenKeys", Allowed::Services(&["intake", "alerting"])),
    ("DecideLabels", Allowed::Services(&["intake", "alerting"])),
    ("CheckSubmit", Allowed::Forwarding(&["intake"], "submit")),
    ("BatchGetLabels", Allowed::Services(&["intake", "alerting"])),
    ("WatchEpoch", Allowed::Services(&["intake", "alerting"])),
    ("ExplainAccess", Allowed::Person("")),
    ("GetSelf", Allowed::Person("")),
    ("ListPartners", Allowed::Person("administer")),
    ("PutPartner", Allowed::Person("administer")),
    ("ListSubjects", Allowed::Person("administer")),
    ("PutSubject", Allowed::Person("administer")),
    ("SuspendSubject", Allowed::Person("administer")),
    ("ListOperations", Allowed::Person("")),
    ("PutOperation", Allowed::Person("administer")),
    ("GetPolicies", Allowed::Person("administer")),
    ("TestPolicies", Allowed::Person("administer")),
    ("PutPolicies", Allowed::Person("administer")),
];

const WORKLOADS: [&str; 5] = ["intake", "alerting", "audit", "access", "liaison"];

fn path(method: &str) -> String {
    format!("/{}/{method}", entente_access::SERVICE_NAME)
}

/// Why a call was refused; none when it was answered, or refused by no reason of ours.
async fn refused(
    node: &Node,
    identity: &TlsIdentity,
    method: &str,
    token: Option<&str>,
) -> Option<ErrorReason> {
    let answer = probe(&node.channel(identity), &path(method), token).await;
    answer.err().as_ref().and_then(reason_of)
}

#[test]
fn every_method_of_the_descriptor_has_a_line_here() {
    let policies =
        Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[entente_access::SERVICE_NAME])
            .unwrap();
    let described: BTreeSet<String> = policies.methods().map(str::to_owned).collect();
    let listed: BTreeSet<String> = METHODS.iter().map(|(method, _)| path(method)).collect();
    assert_eq!(described, listed);
}

#[tokio::test]
async fn a_workload_that_is_not_named_may_call_nothing() {
    let node = Node::start().await;
    for (method, allowed) in &METHODS {
        let named: &[&str] = match allowed {
            Allowed::Services(names) | Allowed::Forwarding(names, _) => names,
            Allowed::Certificate | Allowed::Person(_) => &[],
        };
        for workload in WORKLOADS {
            let reason = refused(&node, &node.pki.service(workload), method, None).await;
            let is_refused = reason == Some(ErrorReason::CallerNotAllowed);
            assert_eq!(is_refused, !named.contains(&workload), "{workload} calls {method}: {reason:?}");
        }
    }
}

#[tokio::test]
async fn a_person_may_call_nothing_that_is_for_workloads() {
    let node = Node::start().await;
    let pavo = node.person("VLD-COAST/pavo").await;
    let identity = node.pki.subject("VLD-COAST", "pavo");
    for (method, allowed) in &METHODS {
        let for_workloads = matches!(allowed, Allowed::Services(_) | Allowed::Forwarding(..));
        let reason = refused(&node, &identity, method, Some(&pavo.token)).await;
        let is_refused = reason == Some(ErrorReason::CallerNotAllowed);
        assert_eq!(is_refused, for_workloads, "{method}: {reason:?}");
    }
}

#[tokio::test]
async fn where_a_token_is_asked_for_none_and_every_wrong_one_is_refused() {
    let node = Node::start().await;
    let pavo = node.person("VLD-COAST/pavo").await;
    let mira = node.person("VLD-COAST/mira").await;
    let forged = TestAuthority::new().token("VLD-COAST/pavo", "CT", &["administer", "submit"]);
    for (method, allowed) in &METHODS {
        let (identity, action) = match allowed {
            Allowed::Certificate | Allowed::Services(_) => continue,
            Allowed::Person(action) => (node.pki.subject("VLD-COAST", "pavo"), *action),
            Allowed::Forwarding(names, action) => (node.pki.service(names.first().unwrap()), *action),
        };
        let reason = async |token: Option<&str>| refused(&node, &identity, method, token).await;
        assert_eq!(reason(None).await, Some(ErrorReason::TokenMissing), "{method}");
        assert_eq!(reason(Some("no.token.this")).await, Some(ErrorReason::TokenInvalid), "{method}");
        assert_eq!(reason(Some(&forged)).await, Some(ErrorReason::TokenInvalid), "{method}");
        match allowed {
            Allowed::Person(_) => {
                assert_eq!(
                    reason(Some(&mira.token)).await,
                    Some(ErrorReason::TokenSubjectMismatch),
                    "{method}"
                );
                let (nele, narrow) = (node.pki.subject("KSI-ISAC", "nele"), narrow_token(&node).await);
                let reason = refused(&node, &nele, method, Some(&narrow)).await;
                assert_eq!(
                    reason == Some(ErrorReason::TokenScope),
                    !action.is_empty(),
                    "{method}: {reason:?}"
                );
            }
            Allowed::Forwarding(..) => {
                assert_eq!(reason(Some(&pavo.token)).await, Some(ErrorReason::TokenScope), "{method}");
            }
            Allowed::Certificate | Allowed::Services(_) => panic!("these ask for no token"),
        }
    }
}

/// A token of nele's own for another action than administering.
async fn narrow_token(node: &Node) -> String {
    let mut nele = node.client(&node.pki.subject("KSI-ISAC", "nele"));
    let asked =
        MintTokenRequest { purpose: "CT".into(), realm: "REAL".into(), actions: vec!["audit".into()] };
    nele.mint_token(asked).await.unwrap().into_inner().token
}

#[tokio::test]
async fn a_token_that_has_expired_is_refused() {
    let node = Node::start().await;
    let pavo = node.person("VLD-COAST/pavo").await;
    node.clock.advance(std::time::Duration::from_secs(301));
    for (method, _) in METHODS.iter().filter(|(_, allowed)| matches!(allowed, Allowed::Person(_))) {
        let reason = refused(&node, &node.pki.subject("VLD-COAST", "pavo"), method, Some(&pavo.token)).await;
        assert_eq!(reason, Some(ErrorReason::TokenExpired), "{method}");
    }
}

#[tokio::test]
async fn a_foreign_or_expired_certificate_does_not_even_connect() {
    let node = Node::start().await;
    let pavo = node.person("VLD-COAST/pavo").await;
    let strangers =
        [node.pki.foreign_subject("VLD-COAST", "pavo"), node.pki.expired_subject("VLD-COAST", "pavo")];
    for identity in &strangers {
        for (method, _) in &METHODS {
            let answer = probe(&node.channel(identity), &path(method), Some(&pavo.token)).await;
            assert!(answer.is_err(), "{method}");
            assert_eq!(
                answer.err().as_ref().and_then(reason_of),
                None,
                "{method} was answered by the service"
            );
        }
    }
    let mut client = node.client(&node.pki.subject("VLD-COAST", "pavo"));
    let minted = client
        .mint_token(asked(MintTokenRequest { purpose: "CT".into(), ..Default::default() }, &pavo.token));
    assert!(minted.await.is_ok(), "the service is unharmed");
}
