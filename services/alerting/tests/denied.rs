//! Every method with no, wrong and foreign caller; complete by descriptor.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
mod mesh;

use entente_alerting::SERVICE_NAME;
use entente_chassis::{
    policy::Policies,
    status::{ErrorReason, reason_of},
};
use entente_testkit::probe;
use mesh::Mesh;

/// Every method. A new RPC fails here until its line is added, and with it every case below.
const METHODS: [&str; 5] =
    ["AcknowledgeAlert", "CreateInterest", "DeleteInterest", "ListInterests", "StreamAlerts"];

fn paths() -> Vec<String> {
    METHODS.map(|method| format!("/{SERVICE_NAME}/{method}")).to_vec()
}

#[test]
fn every_method_of_the_descriptor_stands_here() {
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[SERVICE_NAME]).unwrap();
    let described: Vec<String> = policies.methods().map(str::to_owned).collect();
    assert_eq!(described, paths());
}

#[tokio::test]
async fn no_method_answers_without_the_right_token() {
    let mesh = Mesh::start().await;
    let authority = mesh.access.authority();
    let good = authority.token("ORS-CERT/tomas", "CT", &["subscribe"]);
    let cases = [
        ("no token", None, ErrorReason::TokenMissing),
        ("rubbish", Some("e30.e30.e30".to_owned()), ErrorReason::TokenInvalid),
        ("a token with another signature", Some(with_last_letter_changed(&good)), ErrorReason::TokenInvalid),
        (
            "an expired token",
            Some(authority.expired_token("ORS-CERT/tomas", "CT", &["subscribe"])),
            ErrorReason::TokenExpired,
        ),
        (
            "a colleague's token",
            Some(authority.token("ORS-CERT/ilse", "CT", &["subscribe"])),
            ErrorReason::TokenSubjectMismatch,
        ),
        (
            "a token for another action",
            Some(authority.token("ORS-CERT/tomas", "CT", &["read"])),
            ErrorReason::TokenScope,
        ),
    ];
    let channel = mesh.channel(&mesh.pki.subject("ORS-CERT", "tomas"));
    for path in paths() {
        for (case, token, expected) in &cases {
            let status = probe(&channel, &path, token.as_deref()).await.expect_err(case);
            assert_eq!(reason_of(&status), Some(*expected), "{path} with {case}: {status}");
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
async fn no_method_answers_a_workload() {
    let mesh = Mesh::start().await;
    let token = mesh.access.authority().token("ORS-CERT/tomas", "CT", &["subscribe"]);
    for workload in ["intake", "access", "audit", "alerting", "unheard-of"] {
        let channel = mesh.channel(&mesh.pki.service(workload));
        for path in paths() {
            let status = probe(&channel, &path, Some(&token)).await.expect_err(workload);
            assert_eq!(
                reason_of(&status),
                Some(ErrorReason::CallerNotAllowed),
                "{path} by {workload}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn no_method_answers_a_certificate_that_is_expired_or_of_another_authority() {
    let mesh = Mesh::start().await;
    let token = mesh.access.authority().token("ORS-CERT/tomas", "CT", &["subscribe"]);
    let strangers =
        [mesh.pki.expired_subject("ORS-CERT", "tomas"), mesh.pki.foreign_subject("ORS-CERT", "tomas")];
    for identity in &strangers {
        let channel = mesh.channel(identity);
        for path in paths() {
            let status = probe(&channel, &path, Some(&token)).await.expect_err("a stranger was answered");
            // The handshake fails: there is no answer to carry a reason of ours.
            assert_eq!(reason_of(&status), None, "{path}: {status}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_no_method_is_refused_and_the_service_lives_on() {
    let mesh = Mesh::start().await;
    let token = mesh.access.authority().token("ORS-CERT/tomas", "CT", &["subscribe"]);
    let channel = mesh.channel(&mesh.pki.subject("ORS-CERT", "tomas"));
    for path in ["/entente.alerting.v1.AlertingService/Nothing", "/entente.audit.v1.AuditService/Append"] {
        probe(&channel, path, Some(&token)).await.expect_err("answered");
    }
    mesh.person("ORS-CERT", "tomas").interests().await.unwrap();
}

#[tokio::test]
async fn without_access_nobody_is_served() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    mesh.access.fail(true);
    let status = tomas.interests().await.unwrap_err();
    assert_eq!(reason_of(&status), Some(ErrorReason::AccessUnavailable));
}
