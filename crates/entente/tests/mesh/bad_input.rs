//! What must be refused: with a reason, the field and what to do, nothing stored half, and the mesh as well as before.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use entente_chassis::{
    identity::Caller,
    pki::{DevelopmentCa, Lifetime},
    status::{self, ErrorReason},
    tls::TlsIdentity,
    token::{Claims, RequesterContext, SigningKey, TransactionContext, mint},
};
use entente_proto::{
    access::v1::{MintTokenRequest, access_service_client::AccessServiceClient},
    intake::v1::GetReportRequest,
};
use serde_json::json;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    client::{Endpoints, LABEL_OWN, Person, item, load, stix, submission, text, timed, with_token},
    process::{Up, run},
};

/// Largest object or text, bytes.
const ITEM_BYTES_MAX: usize = 1024 * 1024;

/// Reports that mira can see.
fn count(up: &Up) -> u64 {
    let listed = up.entente("VLD-COAST/mira", &["report", "list", "--count", "--limit", "0", "--json"]).ok();
    listed.last()["count"].as_u64().unwrap()
}

fn submit(up: &Up, arguments: &[&str], input: &[u8]) -> crate::process::Done {
    let mut all = vec!["report", "submit", "-"];
    all.extend(arguments);
    up.entente_with_input("VLD-COAST/mira", &all, input)
}

#[test]
fn malformed_reports_and_labels_are_refused_and_nothing_is_stored() {
    let up = Up::new();
    submit(&up, &[], b"{\"type\": \"bundle\", \"objects\": [{]}").refused(65, "not JSON at line 1");
    submit(&up, &[], b"[{\"type\": \"indicator\"}, 7]").refused(65, "not a JSON object");
    let wrong = json!({ "type": "indicator", "id": "indicator--7", "spec_version": 2.1, "created": true });
    let refused = submit(&up, &["--json"], wrong.to_string().as_bytes());
    assert_eq!(refused.code, 65);
    let why = refused.last()["refused"][0]["why"].as_str().unwrap().to_owned();
    assert!(why.contains("REPORT_INVALID") && why.contains("/id") && why.contains("/created"), "{why}");
    let good = stix().1;
    submit(&up, &["--label", "NONSENSE"], &good).refused(65, "E_");
    submit(&up, &["--label", "NOLEVEL//REL TO ORG:ORS-CERT//BY ORS-CERT"], &good)
        .refused(65, "LABEL_NOT_PERMITTED");
    submit(&up, &["--label", LABEL_OWN, "--operation", "NOWHERE"], &good).refused(65, "OPERATION_UNKNOWN");
    let no_default = ["report", "submit", "-"];
    up.entente_with_input("VLD-COAST/runa", &no_default, &good).refused(64, "no label");
    assert_eq!(count(&up), 0, "nothing of it is there");
    submit(&up, &[], &good).ok();
    assert_eq!(count(&up), 1, "the mesh takes what is right");
    assert!(!up.log().contains("panicked"), "{}", up.log());
}

#[tokio::test]
async fn of_a_batch_with_bad_items_the_good_ones_are_stored_and_of_one_submission_none() {
    let up = Up::new();
    let (first, second) = (stix().1, stix().1);
    let mixed = [first.as_slice(), b"\n{\"type\": \"indicator\"}\n", second.as_slice()].concat();
    let refused = submit(&up, &["--json"], &mixed);
    assert_eq!(refused.code, 65, "{}", refused.stderr);
    let tally = refused.last();
    assert_eq!((&tally["accepted"], &tally["refused"][0]["item"]), (&json!(2), &json!(1)), "{tally}");
    assert_eq!(count(&up), 2);
    let mut mira = Person::of(up.data(), "VLD-COAST/mira").await;
    let items = vec![item(stix().1), item(b"{\"type\": \"indicator\"}".to_vec())];
    let refused =
        mira.intake.submit_report(mira.request(submission(LABEL_OWN, items))).await.expect_err("one is bad");
    let described = status::describe(&refused);
    assert_eq!(described.reason, Some(ErrorReason::ReportInvalid));
    assert!(
        described.fields.iter().all(|(field, _)| field.starts_with("items[1]")),
        "{:?}",
        described.fields
    );
    assert_eq!(count(&up), 2, "of a submission as one nothing is stored");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_kept() {
    let up = Up::new();
    let large = submit(&up, &["--text"], &vec![b'a'; ITEM_BYTES_MAX + 1]);
    large.refused(65, "TOO_LARGE");
    let object = json!({ "type": "x-large", "id": "x-large--1", "text": "a".repeat(ITEM_BYTES_MAX) });
    submit(&up, &[], object.to_string().as_bytes()).refused(65, "the limit is");
    let mut mira = Person::of(up.data(), "VLD-COAST/mira").await;
    let items = (0..40).map(|_| text(vec![b'b'; ITEM_BYTES_MAX])).collect();
    let answer = mira.intake.submit_report(mira.request(submission(LABEL_OWN, items))).await;
    let refused = answer.expect_err("40 MiB in one message");
    assert!(
        matches!(refused.code(), Code::OutOfRange | Code::InvalidArgument | Code::ResourceExhausted),
        "{refused}"
    );
    assert_eq!(count(&up), 0);
    submit(&up, &[], &stix().1).ok();
}

#[tokio::test]
async fn wrong_certificates_and_tokens_open_nothing() {
    let up = Up::new();
    let (id, object) = stix();
    let mira = Person::of(up.data(), "VLD-COAST/mira").await;
    let (mut intake, token) = (mira.intake.clone(), mira.token.clone());
    intake.submit_report(mira.request(submission(LABEL_OWN, vec![item(object)]))).await.unwrap();

    for (name, wrong) in wrong_certificates(up.data()) {
        let refused = mint_token(up.data(), &wrong).await.expect_err(name);
        assert_eq!(
            status::describe(&refused).reason,
            Some(ErrorReason::IdentityInvalid),
            "{name}: {refused}"
        );
    }
    let profile = std::fs::read_to_string(up.data().join("profiles/VLD-COAST_mira.toml")).unwrap();
    let expired = profile.replace("pki/subject/VLD-COAST/mira", "wrong/expired");
    std::fs::write(up.data().join("profiles/expired.toml"), expired).unwrap();
    up.entente("expired", &["report", "list"]).refused(77, "IDENTITY_INVALID");
    let service = load(&up.data().join("pki/svc/alerting"));
    let refused = mint_token(up.data(), &service).await.expect_err("a service is no person");
    assert_eq!(status::reason_of(&refused), Some(ErrorReason::CallerNotAllowed));

    let get = |token: &str| {
        with_token(timed(GetReportRequest { report_id: id.clone(), ..Default::default() }), token)
    };
    intake.get_report(get(&token)).await.expect("the right token opens");
    let expired = token_as_access_would(up.data(), |claims| claims.exp = claims.iat - 60);
    let other_subject = token_as_access_would(up.data(), |claims| claims.sub = "ORS-CERT/tomas".to_owned());
    let other_mesh = token_as_access_would(up.data(), |claims| claims.aud = "elsewhere.example".to_owned());
    let no_scope = token_as_access_would(up.data(), |claims| claims.scope = "submit purpose:CT".to_owned());
    for (token, reason) in [
        (expired, ErrorReason::TokenExpired),
        (other_subject, ErrorReason::TokenSubjectMismatch),
        (other_mesh, ErrorReason::TokenInvalid),
        (no_scope, ErrorReason::TokenScope),
        ("nonsense".to_owned(), ErrorReason::TokenInvalid),
    ] {
        let refused = intake.get_report(get(&token)).await.expect_err("a wrong token");
        assert_eq!(status::reason_of(&refused), Some(reason), "{refused}");
    }
    let refused = intake.get_report(timed(GetReportRequest::default())).await.expect_err("no token");
    assert_eq!(status::reason_of(&refused), Some(ErrorReason::TokenMissing));
    intake.get_report(get(&token)).await.expect("and the mesh is as well as before");
}

/// Certificates that end the handshake: by their time, their CA, their trust domain.
fn wrong_certificates(data: &Path) -> Vec<(&'static str, TlsIdentity)> {
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let valid = Lifetime { not_before: now - day, not_after: now + day };
    let past = Lifetime { not_before: now - 2 * day, not_after: now - day };
    let mira = Caller::Subject { organization: "VLD-COAST".to_owned(), name: "mira".to_owned() };
    let ours = DevelopmentCa::load(&data.join("pki/ca")).unwrap();
    let foreign = DevelopmentCa::create(&"entente.example".parse().unwrap()).unwrap();
    let save = |name: &str, authority: &DevelopmentCa, lifetime| {
        let folder = data.join("wrong").join(name);
        authority.issue(&mira, lifetime).unwrap().save(&folder, &ours.bundle_pem()).unwrap();
        load(&folder)
    };
    vec![("expired", save("expired", &ours, past)), ("foreign", save("foreign", &foreign, valid))]
}

async fn mint_token(data: &Path, identity: &TlsIdentity) -> Result<String, Status> {
    let mut access = AccessServiceClient::new(Endpoints::of(data).channel("access", identity));
    let request = MintTokenRequest { purpose: "CT".to_owned(), ..MintTokenRequest::default() };
    Ok(access.mint_token(timed(request)).await?.into_inner().token)
}

/// A token signed with the key of access itself, its claims bent.
fn token_as_access_would(data: &Path, bend: impl FnOnce(&mut Claims)) -> String {
    let keys: serde_json::Value =
        serde_json::from_slice(&std::fs::read(data.join("access/token-keys.json")).unwrap()).unwrap();
    let pkcs8 = hex::decode(keys[0]["pkcs8"].as_str().unwrap()).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let access = "spiffe://entente.example/svc/access".to_owned();
    let mut claims = Claims {
        iss: access.clone(),
        aud: "entente.example".to_owned(),
        iat: now,
        exp: now + 300,
        txn: Uuid::new_v4().to_string(),
        sub: "VLD-COAST/mira".to_owned(),
        scope: "read submit subscribe purpose:CT".to_owned(),
        req_wl: access,
        tctx: TransactionContext {
            profile: String::new(),
            realm: "REAL".to_owned(),
            purpose: "CT".to_owned(),
            aal: 2,
            epoch: 1,
            org: "VLD-COAST".to_owned(),
        },
        rctx: RequesterContext::default(),
    };
    bend(&mut claims);
    mint(&SigningKey::from_pkcs8(&pkcs8).unwrap(), keys[0]["key_id"].as_str().unwrap(), &claims).unwrap()
}

#[test]
fn a_configuration_is_refused_with_every_fault_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("intake.toml");
    std::fs::write(&file, "trust_domain = \"Entente!\"\nlimit = 7\n[server]\nlisten = \"nowhere\"\n")
        .unwrap();
    for service in ["intake", "access", "alerting", "audit"] {
        let refused = run(&["serve", service, "--config", file.to_str().unwrap(), "--check"], b"");
        assert_eq!(refused.code, 64, "{}", refused.stderr);
        for key in ["trust_domain", "limit", "server.listen", "data_dir", "tls.certificate"] {
            assert!(refused.stderr.contains(key), "{key} is not in: {}", refused.stderr);
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing was made");
}

#[test]
fn two_meshes_do_not_share_a_folder_and_a_mesh_that_is_not_there_is_said_to_be_missing() {
    let up = Up::new();
    let second = run(&["up", "--data", up.data().to_str().unwrap(), "--json"], b"");
    second.refused(69, "already running");
    let missing = run(&["report", "list", "--data", "/nowhere/at/all"], b"");
    missing.refused(66, "entente up");
    up.entente("NOBODY/here", &["report", "list"]).refused(66, "NOBODY_here.toml");
    assert_eq!(up.stop(), Some(0));
}
