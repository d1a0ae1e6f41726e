//! Every method of the audit service with no, wrong and foreign caller; complete by descriptor.
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
use entente_testkit::{TestAuthority, probe};

use self::node::Node;

/// Who may call a method.
enum Allowed {
    /// These workloads.
    Services(&'static [&'static str]),
    /// These workloads, and any person with a certificate alone.
    ServicesAndCertificate(&'static [&'static str]),
    /// A person with a token for an action; any token when the action is empty.
    Person(&'static str),
}

impl Allowed {
    fn services(&self) -> &[&str] {
        match self {
            Allowed::Services(names) | Allowed::ServicesAndCertificate(names) => names,
            Allowed::Person(_) => &[],
        }
    }
}

const MESH: &[&str] = &["intake", "access", "alerting"];

const METHODS: [(&str, Allowed); 7] = [
    ("Append", Allowed::Services(MESH)),
    ("InstallAuthority", Allowed::Services(&["access"])),
    ("GetLog", Allowed::ServicesAndCertificate(MESH)),
    ("GetConsistencyProof", Allowed::ServicesAndCertificate(MESH)),
    ("GetRecord", Allowed::Person("")),
    ("ListRecords", Allowed::Person("audit")),
    ("GetTrace", Allowed::Person("")),
];

const WORKLOADS: [&str; 5] = ["intake", "access", "alerting", "audit", "liaison"];

fn path(method: &str) -> String {
    format!("/{}/{method}", entente_audit::SERVICE_NAME)
}

/// Why a call was refused; none when it was answered, or refused by no reason of ours.
async fn refused(
    node: &Node,
    identity: &TlsIdentity,
    path: &str,
    token: Option<&str>,
) -> Option<ErrorReason> {
    let answer = probe(&node.channel(identity), path, token).await;
    answer.err().as_ref().and_then(reason_of)
}

#[test]
fn every_method_of_the_descriptor_has_a_line_here() {
    let policies =
        Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[entente_audit::SERVICE_NAME])
            .unwrap();
    let described: BTreeSet<String> = policies.methods().map(str::to_owned).collect();
    let listed: BTreeSet<String> = METHODS.iter().map(|(method, _)| path(method)).collect();
    assert_eq!(described, listed);
}

#[tokio::test]
async fn a_workload_that_is_not_named_may_call_nothing() {
    let node = Node::start().await;
    for (method, allowed) in &METHODS {
        for workload in WORKLOADS {
            let reason = refused(&node, &node.pki.service(workload), &path(method), None).await;
            let is_refused = reason == Some(ErrorReason::CallerNotAllowed);
            assert_eq!(
                is_refused,
                !allowed.services().contains(&workload),
                "{workload} calls {method}: {reason:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_person_may_call_nothing_that_is_for_workloads() {
    let node = Node::start().await;
    let token = node.authority.token("VLD-COAST/runa", "CT", &["audit"]);
    for (method, allowed) in &METHODS {
        let reason =
            refused(&node, &node.pki.subject("VLD-COAST", "runa"), &path(method), Some(&token)).await;
        let is_refused = reason == Some(ErrorReason::CallerNotAllowed);
        assert_eq!(is_refused, matches!(allowed, Allowed::Services(_)), "{method}: {reason:?}");
    }
}

#[tokio::test]
async fn where_a_token_is_asked_for_none_and_every_wrong_one_is_refused() {
    let node = Node::start().await;
    let runa = node.pki.subject("VLD-COAST", "runa");
    let forged = TestAuthority::at(node.clock.clone()).token("VLD-COAST/runa", "CT", &["audit"]);
    let of_another = node.authority.token("VLD-COAST/mira", "CT", &["audit"]);
    let expired = node.authority.expired_token("VLD-COAST/runa", "CT", &["audit"]);
    let without_action = node.authority.token("VLD-COAST/runa", "CT", &["read"]);
    for (method, allowed) in &METHODS {
        let Allowed::Person(action) = allowed else { continue };
        let reason = async |token: Option<&str>| refused(&node, &runa, &path(method), token).await;
        assert_eq!(reason(None).await, Some(ErrorReason::TokenMissing), "{method}");
        assert_eq!(reason(Some("no.token.this")).await, Some(ErrorReason::TokenInvalid), "{method}");
        assert_eq!(reason(Some(&forged)).await, Some(ErrorReason::TokenInvalid), "{method}");
        assert_eq!(reason(Some(&expired)).await, Some(ErrorReason::TokenExpired), "{method}");
        assert_eq!(reason(Some(&of_another)).await, Some(ErrorReason::TokenSubjectMismatch), "{method}");
        let lacks = reason(Some(&without_action)).await == Some(ErrorReason::TokenScope);
        assert_eq!(lacks, !action.is_empty(), "{method}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_of_yesterday_opens_no_connection() {
    let node = Node::start().await;
    let token = node.authority.token("VLD-COAST/runa", "CT", &["audit"]);
    for identity in
        [node.pki.foreign_subject("VLD-COAST", "runa"), node.pki.expired_subject("VLD-COAST", "runa")]
    {
        for (method, _) in &METHODS {
            let answer = probe(&node.channel(&identity), &path(method), Some(&token)).await;
            assert!(answer.is_err_and(|status| reason_of(&status).is_none()), "{method}");
        }
    }
}

#[tokio::test]
async fn spans_are_taken_from_the_services_of_the_mesh_alone() {
    let node = Node::start().await;
    let path = entente_audit::SPAN_EXPORT_PATH;
    for (workload, taken) in
        [("intake", true), ("access", true), ("alerting", true), ("audit", true), ("liaison", false)]
    {
        let reason = refused(&node, &node.pki.service(workload), path, None).await;
        assert_eq!(reason.is_none(), taken, "{workload}: {reason:?}");
    }
    let person = refused(&node, &node.pki.subject("VLD-COAST", "runa"), path, None).await;
    assert_eq!(person, Some(ErrorReason::CallerNotAllowed));
}
