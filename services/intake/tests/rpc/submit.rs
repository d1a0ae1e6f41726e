//! SubmitReport and GetReport: what is stored is what was sent.

use aws_lc_rs::digest::{SHA256, digest};
use entente_ledger::{hash::Hash, hash::leaf_hash, proof::verify_inclusion};
use entente_proto::{
    common::v1::{ErrorReason, Severity},
    intake::v1::{FreeText, GetReportRequest, ItemOutcome, Report, SubmitReportRequest},
};
use entente_testkit::fixtures::{LABEL_OPEN, LABEL_OWN, LABEL_SHARED};

use super::mesh::{
    Mesh, bytes_of, faults, malware, malware_id, refused, request_id, stix, submission, text, text_item,
    under, version,
};

#[tokio::test]
async fn an_object_is_given_back_byte_for_byte_with_all_that_was_said_of_it() {
    let mesh = Mesh::start().await;
    let (mut mira, mut tomas) = (mesh.person("VLD-COAST", "mira"), mesh.person("ORS-CERT", "tomas"));
    let item = malware(1, 7, "Fährschwamm \\u00e9");
    let message = SubmitReportRequest {
        operation: "TIDEWALL/SOCIETAL".into(),
        severity: Severity::Severe.into(),
        ..submission(LABEL_SHARED, vec![item.clone()])
    };
    let results = mira.submit_as(message).await.unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!((results[0].report_id.as_str(), results[0].version.as_str()), (&*malware_id(1), &*version(7)));
    assert_eq!(results[0].outcome(), ItemOutcome::Accepted);

    let answer = tomas.get(&malware_id(1)).await.unwrap();
    let report = answer.report.unwrap();
    assert_eq!(report.content, bytes_of(&item));
    assert_eq!((report.report_id, report.version), (malware_id(1), version(7)));
    assert_eq!(
        (&*report.r#type, &*report.originator, &*report.operation),
        ("malware", "VLD-COAST", "TIDEWALL/SOCIETAL")
    );
    assert_eq!(report.label.unwrap().line, LABEL_SHARED);
    assert_eq!((report.severity, report.title.as_str()), (i32::from(Severity::Severe), ""));
    assert_eq!(report.obligations, ["audit_before_disclosure"]);
    // The clock of the tests stands at noon.
    assert_eq!(report.add_time.unwrap().seconds % 86_400, 43_200);
}

#[tokio::test]
async fn a_version_verifies_under_its_originators_signature() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let items: Vec<_> = (0..200).map(|number| malware(number, 1, "x")).collect();
    mira.submit(LABEL_OPEN, items).await.unwrap();
    let report = mira.get(&malware_id(150)).await.unwrap().report.unwrap();
    let signature = report.signature.clone().unwrap();
    let leaf = leaf_hash(statement(&report).as_bytes());
    let path: Vec<Hash> =
        signature.inclusion_hashes.iter().map(|hash| Hash::from_slice(hash).unwrap()).collect();
    assert_eq!((signature.leaf_index, signature.leaf_count, path.len()), (22, 72, 7));

    // Rebuild the root from the whole signed tree and check the signature with the partner's key file.
    let leaves: Vec<Hash> = {
        let mut leaves = Vec::new();
        for number in 128..200 {
            let report = mira.get(&malware_id(number)).await.unwrap().report.unwrap();
            leaves.push(leaf_hash(statement(&report).as_bytes()));
        }
        leaves
    };
    let root = entente_ledger::tree::root_of(&leaves);
    verify_inclusion(&leaf, signature.leaf_index, signature.leaf_count, &path, &root).unwrap();
    let pkcs8 = std::fs::read(mesh.data.path().join("keys/VLD-COAST.key")).unwrap();
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref();
    let message = [b"entente.versions.v1\n".as_slice(), root.as_bytes()].concat();
    aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, public)
        .verify(&message, &signature.ed25519)
        .unwrap();
    assert_eq!(signature.key_id, hex(&digest(&SHA256, public).as_ref()[..8]));
}

fn statement(report: &Report) -> String {
    let label = report.label.as_ref().unwrap();
    let content = digest(&SHA256, &report.content);
    format!(
        "entente.version.v1\n{}\n{}\n{}\n{}\n{}\n{}\n",
        report.originator,
        report.report_id,
        report.version,
        hex(content.as_ref()),
        hex(&label.hash),
        report.title
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn the_key_of_a_partner_is_readable_by_the_service_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mesh = Mesh::start().await;
    mesh.person("VLD-COAST", "mira").submit(LABEL_OPEN, vec![text("", "a")]).await.unwrap();
    let mode = std::fs::metadata(mesh.data.path().join("keys/VLD-COAST.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn free_text_gets_an_id_from_originator_and_body_and_keeps_its_bytes() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let item = text("Night ferry", "The ferry left\r\nat 23:10.\u{0}");
    let first = mira.submit(LABEL_OPEN, vec![item.clone()]).await.unwrap().remove(0);
    assert!(first.report_id.starts_with("x-entente-text--"), "{}", first.report_id);
    assert_eq!(first.version, "");
    let again = mira.submit(LABEL_OPEN, vec![item.clone()]).await.unwrap().remove(0);
    assert_eq!(
        (again.report_id.as_str(), again.outcome()),
        (first.report_id.as_str(), ItemOutcome::Unchanged)
    );
    let report = mira.get(&first.report_id).await.unwrap().report.unwrap();
    assert_eq!((report.content, report.title.as_str()), (bytes_of(&item), "Night ferry"));
    assert_eq!(report.r#type, "x-entente-text");

    // A new version under the same id.
    let newer = text_item(FreeText {
        title: "Night ferry, corrected".into(),
        body: "It left at 23:40.".into(),
        report_id: first.report_id.clone(),
        modified: version(1),
    });
    mira.submit(LABEL_OPEN, vec![newer]).await.unwrap();
    let report = mira.get(&first.report_id).await.unwrap().report.unwrap();
    assert_eq!((report.version, report.title.as_str()), (version(1), "Night ferry, corrected"));
}

#[tokio::test]
async fn the_newest_version_is_the_latest_modified_whenever_it_came() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    for second in [5, 9, 7] {
        mira.submit(LABEL_OPEN, vec![malware(1, second, "x")]).await.unwrap();
    }
    assert_eq!(mira.get(&malware_id(1)).await.unwrap().report.unwrap().version, version(9));
    let named =
        GetReportRequest { report_id: malware_id(1), version: version(5), ..GetReportRequest::default() };
    assert_eq!(mira.get_as(named).await.unwrap().report.unwrap().version, version(5));
    let absent =
        GetReportRequest { report_id: malware_id(1), version: version(6), ..GetReportRequest::default() };
    assert_eq!(refused(mira.get_as(absent).await), ErrorReason::NotFound);
}

#[tokio::test]
async fn the_same_again_is_unchanged_and_a_change_under_the_same_version_is_refused_to_its_originator_alone()
{
    let mesh = Mesh::start().await;
    let (mut mira, mut tomas) = (mesh.person("VLD-COAST", "mira"), mesh.person("ORS-CERT", "tomas"));
    mira.submit(LABEL_OWN, vec![malware(1, 1, "x")]).await.unwrap();
    let again = mira.submit(LABEL_OWN, vec![malware(1, 1, "x")]).await.unwrap();
    assert_eq!(again[0].outcome(), ItemOutcome::Unchanged);
    let changed = mira.submit(LABEL_OWN, vec![malware(2, 1, "new"), malware(1, 1, "y")]).await;
    assert_eq!(faults(changed), (ErrorReason::ReportVersionConflict, vec!["items[1]".to_owned()]));
    let relabelled = mira.submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await;
    assert_eq!(refused(relabelled), ErrorReason::ReportVersionConflict);
    assert_eq!(mira.everything().await.unwrap().len(), 1, "nothing of a refused submission is stored");

    // Another partner under the same id learns nothing of the first.
    let label = "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY ORS-CERT";
    let theirs = tomas.submit(label, vec![malware(1, 1, "another body")]).await.unwrap();
    assert_eq!(theirs[0].outcome(), ItemOutcome::Accepted);
    let of = |originator: &str| GetReportRequest {
        report_id: malware_id(1),
        originator: originator.to_owned(),
        ..GetReportRequest::default()
    };
    assert_eq!(mira.get_as(of("ORS-CERT")).await.unwrap().report.unwrap().originator, "ORS-CERT");
    assert_eq!(refused(tomas.get_as(of("VLD-COAST")).await), ErrorReason::NotFound);
}

#[tokio::test]
async fn a_request_repeated_gets_its_first_answer_and_its_id_opens_nothing_else() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let message =
        SubmitReportRequest { request_id: request_id(), ..submission(LABEL_OPEN, vec![malware(1, 1, "x")]) };
    let first = mira.submit_as(message.clone()).await.unwrap();
    assert_eq!(mira.submit_as(message.clone()).await.unwrap(), first);
    let other = SubmitReportRequest { items: vec![malware(2, 1, "x")], ..message };
    assert_eq!(refused(mira.submit_as(other).await), ErrorReason::RequestIdReused);
    assert_eq!(mira.everything().await.unwrap().len(), 1);
}

#[tokio::test]
async fn each_item_may_carry_its_own_label_and_the_one_operation_a_label_names_is_taken() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit("", vec![under(LABEL_SHARED, malware(1, 1, "x")), under(LABEL_OPEN, malware(2, 1, "x"))])
        .await
        .unwrap();
    let reports = mira.everything().await.unwrap();
    let told: Vec<(&str, &str)> = reports
        .iter()
        .map(|report| (report.label.as_ref().unwrap().line.as_str(), report.operation.as_str()))
        .collect();
    assert_eq!(told, [(LABEL_SHARED, "TIDEWALL"), (LABEL_OPEN, "")]);
}

#[tokio::test]
async fn observables_have_no_version_and_markings_the_day_they_were_made() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let address = "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd";
    let marking = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";
    let items = vec![
        stix(&format!(r#"{{"type":"ipv4-addr","id":"{address}","value":"192.0.2.7"}}"#)),
        stix(&format!(
            r#"{{"type":"marking-definition","spec_version":"2.1","id":"{marking}","created":"2026-01-01T00:00:00Z",
                "definition_type":"statement","definition":{{"statement":"x"}}}}"#
        )),
    ];
    let results = mira.submit(LABEL_OPEN, items).await.unwrap();
    let versions: Vec<&str> = results.iter().map(|result| result.version.as_str()).collect();
    assert_eq!(versions, ["", "2026-01-01T00:00:00Z"]);
}
