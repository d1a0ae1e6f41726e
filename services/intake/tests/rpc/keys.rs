//! BatchGetOriginatorKeys: whoever holds a signature can check it, and learns nothing else.

use entente_chassis::status::ErrorReason;
use entente_domain::label::Label;
use entente_ledger::{
    hash::Hash,
    note::VerifyingKey,
    version::{VersionSignature, VersionStatement, verify_version},
};
use entente_proto::intake::v1::{OriginatorKey, Report};
use entente_testkit::fixtures::{self, LABEL_OPEN, LABEL_OWN, LABEL_SHARED};

use super::mesh::{Mesh, faults, malware, malware_id, text};

fn verifying_key(key: &OriginatorKey) -> VerifyingKey {
    VerifyingKey::ed25519(&key.originator, key.ed25519_public_key.as_ref().try_into().unwrap()).unwrap()
}

fn verifies(report: &Report, key: &VerifyingKey) -> bool {
    let label = Label::parse(&report.label.as_ref().unwrap().line, &fixtures::registry(), None).unwrap();
    let label_hash = label.hash();
    let statement = VersionStatement {
        originator: &report.originator,
        report_id: &report.report_id,
        version: &report.version,
        label_hash: label_hash.as_bytes(),
        content: &report.content,
        title: &report.title,
    };
    let wire = report.signature.as_ref().unwrap();
    let signature = VersionSignature {
        key_id: wire.key_id.clone(),
        ed25519: wire.ed25519.to_vec(),
        leaf_index: wire.leaf_index,
        leaf_count: wire.leaf_count,
        path: wire.inclusion_hashes.iter().map(|hash| Hash::from_slice(hash).unwrap()).collect(),
    };
    verify_version(&statement, &signature, key).is_ok()
}

#[tokio::test]
async fn a_reader_of_another_partner_verifies_what_it_was_given() {
    let mesh = Mesh::start().await;
    let (mut mira, mut tomas) = (mesh.person("VLD-COAST", "mira"), mesh.person("ORS-CERT", "tomas"));
    mira.submit(LABEL_OPEN, (0..30).map(|number| malware(number, 1, "x")).collect()).await.unwrap();
    mira.submit(LABEL_SHARED, vec![text("Night ferry", "It left.")]).await.unwrap();
    let reports = tomas.everything().await.unwrap();
    assert_eq!(reports.len(), 31);
    let key_id = reports[0].signature.as_ref().unwrap().key_id.clone();
    let key = tomas.keys(&[&key_id]).await.unwrap().remove(0);
    assert_eq!((key.key_id.as_str(), key.originator.as_str()), (key_id.as_str(), "VLD-COAST"));
    let key = verifying_key(&key);
    for report in &reports {
        assert!(verifies(report, &key), "{}", report.report_id);
        let relabelled = Report { label: reports[30].label.clone(), ..report.clone() };
        assert_eq!(verifies(&relabelled, &key), report.label == reports[30].label);
        let mut edited = report.clone();
        edited.title.push('!');
        assert!(!verifies(&edited, &key), "{}", report.report_id);
    }
}

#[tokio::test]
async fn keys_come_in_the_order_of_their_ids_and_a_key_never_used_looks_like_one_that_never_was() {
    let mut mesh = Mesh::start().await;
    let (mut mira, mut tomas) = (mesh.person("VLD-COAST", "mira"), mesh.person("ORS-CERT", "tomas"));
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await.unwrap();
    tomas.submit(&LABEL_OPEN.replace("VLD-COAST", "ORS-CERT"), vec![malware(2, 1, "x")]).await.unwrap();
    let key_id = |report: &Report| report.signature.as_ref().unwrap().key_id.clone();
    let mut ids = Vec::new();
    for number in [2, 1] {
        ids.push(key_id(&mira.get(&malware_id(number)).await.unwrap().report.unwrap()));
    }
    let asked = [ids[0].as_str(), "0123456789abcdef", ids[1].as_str()];
    let keys = mira.keys(&asked).await.unwrap();
    let originators: Vec<&str> = keys.iter().map(|key| key.originator.as_str()).collect();
    assert_eq!(originators, ["ORS-CERT", "", "VLD-COAST"]);
    assert!(keys[1].ed25519_public_key.is_empty());
    assert_eq!(keys.iter().map(|key| key.key_id.as_str()).collect::<Vec<_>>(), asked);

    // The partner's key is exchanged: what the old one signed can still be checked.
    mesh.crash();
    std::fs::remove_file(mesh.data.path().join("keys/VLD-COAST.key")).unwrap();
    mesh.start_service().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OWN, vec![malware(3, 1, "x")]).await.unwrap();
    for number in [1, 3] {
        let report = mira.get(&malware_id(number)).await.unwrap().report.unwrap();
        let keys = mira.keys(&[&key_id(&report)]).await.unwrap();
        assert!(verifies(&report, &verifying_key(&keys[0])), "{number}");
    }
}

#[tokio::test]
async fn asking_for_keys_is_no_disclosure_and_is_not_recorded() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let before = mesh.audit.records().len();
    mesh.audit.fail(true);
    mira.keys(&["0123456789abcdef"]).await.unwrap();
    assert_eq!(mesh.audit.records().len(), before);
}

#[tokio::test]
async fn every_id_that_is_none_is_named() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let expected = |fields: &[&str]| {
        (ErrorReason::FieldInvalid, fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(faults(mira.keys(&[]).await), expected(&["key_ids"]));
    assert_eq!(faults(mira.keys(&["0123456789abcdef"; 257]).await), expected(&["key_ids"]));
    let bad = ["0123456789ABCDEF", "0123456789abcdef", "", "VLD-COAST"];
    assert_eq!(faults(mira.keys(&bad).await), expected(&["key_ids[0]", "key_ids[2]", "key_ids[3]"]));
}
