//! Every method with no, wrong and foreign caller; complete by descriptor.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
#[expect(dead_code, reason = "rpc.rs uses what is not used here")]
mod mesh;

use entente_chassis::{
    policy::Policies,
    status::{ErrorReason, reason_of},
};
use entente_intake::SERVICE_NAME;
use entente_testkit::probe;
use mesh::Mesh;

/// Every method of people, with the action its token needs. A new RPC fails here until its line is added, and with it
/// every case below.
const METHODS: [(&str, &str); 6] = [
    ("BatchGetOriginatorKeys", "read"),
    ("GetReport", "read"),
    ("ListReports", "read"),
    ("SearchReports", "read"),
    ("SubmitReport", "submit"),
    ("SubmitReports", "submit"),
];
/// The method of a workload.
const TAIL: &str = "TailJournal";

fn path(method: &str) -> String {
    format!("/{SERVICE_NAME}/{method}")
}

fn other_than(action: &str) -> &'static str {
    if action == "read" { "submit" } else { "read" }
}

#[test]
fn every_method_of_the_descriptor_stands_here() {
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[SERVICE_NAME]).unwrap();
    let described: Vec<String> = policies.methods().map(str::to_owned).collect();
    let mut expected: Vec<String> = METHODS.iter().map(|(method, _)| path(method)).collect();
    expected.push(path(TAIL));
    assert_eq!(described, expected);
}

#[tokio::test]
async fn no_method_answers_without_the_right_token() {
    let mesh = Mesh::start().await;
    let authority = mesh.access.authority();
    let channel = mesh.channel(&mesh.pki.subject("ORS-CERT", "tomas"));
    for (method, action) in METHODS {
        let good = authority.token("ORS-CERT/tomas", "CT", &[action]);
        let cases = [
            ("no token", None, ErrorReason::TokenMissing),
            ("rubbish", Some("e30.e30.e30".to_owned()), ErrorReason::TokenInvalid),
            (
                "a token with another signature",
                Some(with_last_letter_changed(&good)),
                ErrorReason::TokenInvalid,
            ),
            (
                "an expired token",
                Some(authority.expired_token("ORS-CERT/tomas", "CT", &[action])),
                ErrorReason::TokenExpired,
            ),
            (
                "a colleague's token",
                Some(authority.token("ORS-CERT/ilse", "CT", &[action])),
                ErrorReason::TokenSubjectMismatch,
            ),
            (
                "a token for another action",
                Some(authority.token("ORS-CERT/tomas", "CT", &[other_than(action)])),
                ErrorReason::TokenScope,
            ),
        ];
        for (case, token, expected) in &cases {
            let status = probe(&channel, &path(method), token.as_deref()).await.expect_err(case);
            assert_eq!(reason_of(&status), Some(*expected), "{method} with {case}: {status}");
        }
    }
}

fn with_last_letter_changed(token: &str) -> String {
    // The tenth letter from the end: the very last ones hold bits that base64 ignores.
    let at = token.len() - 10;
    let changed = if token.as_bytes().get(at) == Some(&b'A') { "B" } else { "A" };
    format!("{}{changed}{}", token.get(..at).unwrap(), token.get(at + 1..).unwrap())
}

#[tokio::test]
async fn no_method_of_people_answers_a_workload() {
    let mesh = Mesh::start().await;
    let token = mesh.access.authority().token("ORS-CERT/tomas", "CT", &["read", "submit"]);
    for workload in ["alerting", "access", "audit", "intake", "unheard-of"] {
        let channel = mesh.channel(&mesh.pki.service(workload));
        for (method, _) in METHODS {
            let status = probe(&channel, &path(method), Some(&token)).await.expect_err(workload);
            assert_eq!(
                reason_of(&status),
                Some(ErrorReason::CallerNotAllowed),
                "{method} by {workload}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn the_journal_is_for_alerting_alone() {
    let mesh = Mesh::start().await;
    let token = mesh.access.authority().token("ORS-CERT/tomas", "CT", &["read", "submit"]);
    let others = ["access", "audit", "intake", "unheard-of"].map(|workload| mesh.pki.service(workload));
    for identity in others.iter().chain([&mesh.pki.subject("ORS-CERT", "tomas")]) {
        let channel = mesh.channel(identity);
        for token in [None, Some(token.as_str())] {
            let status = probe(&channel, &path(TAIL), token).await.expect_err("the journal was read");
            assert_eq!(reason_of(&status), Some(ErrorReason::CallerNotAllowed), "{status}");
        }
    }
}

#[tokio::test]
async fn no_method_answers_a_certificate_that_is_expired_or_of_another_authority() {
    let mesh = Mesh::start().await;
    let token = mesh.access.authority().token("ORS-CERT/tomas", "CT", &["read", "submit"]);
    let strangers =
        [mesh.pki.expired_subject("ORS-CERT", "tomas"), mesh.pki.foreign_subject("ORS-CERT", "tomas")];
    for identity in &strangers {
        let channel = mesh.channel(identity);
        for method in METHODS.iter().map(|(method, _)| *method).chain([TAIL]) {
            let status =
                probe(&channel, &path(method), Some(&token)).await.expect_err("a stranger was answered");
            // The handshake fails: there is no answer to carry a reason of ours.
            assert_eq!(reason_of(&status), None, "{method}: {status}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_no_method_is_refused_and_the_service_lives_on() {
    let mesh = Mesh::start().await;
    let token = mesh.access.authority().token("ORS-CERT/tomas", "CT", &["read", "submit"]);
    let channel = mesh.channel(&mesh.pki.subject("ORS-CERT", "tomas"));
    for path in [path("Nothing").as_str(), "/entente.audit.v1.AuditService/Append"] {
        probe(&channel, path, Some(&token)).await.expect_err("answered");
    }
    mesh.person("ORS-CERT", "tomas").everything().await.unwrap();
}
