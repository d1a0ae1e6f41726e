//! Stored formats, one golden file per version: what an older version wrote must be read for ever.

use std::{fmt::Debug, path::PathBuf};

use entente_testkit::assert_golden;
use serde::{Serialize, de::DeserializeOwned};

use super::*;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The value is written as the file has it, and read from the file as it is.
fn keeps<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    assert_golden(golden(name), &(serde_json::to_string(value).unwrap() + "\n"));
    let stored = std::fs::read_to_string(golden(name)).unwrap();
    assert_eq!(serde_json::from_str::<T>(&stored).unwrap(), *value);
}

#[test]
fn terms_are_stored_as_they_always_were() {
    let terms = vec![
        Term::ObjectType("indicator".into()),
        Term::IndicatorValue("192.0.2.7".into()),
        Term::Phrase(vec!["night".into(), "ferry".into()]),
        Term::Originator("VLD-COAST".into()),
        Term::Operation("TIDEWALL/OPERATIONAL/P2".into()),
        Term::MinSeverity(4),
    ];
    keeps("terms-1.json", &terms);
}

#[test]
fn alerts_are_stored_as_they_always_were() {
    let body = AlertBody {
        interest_id: "01938f3a-0000-7000-8000-000000000001".into(),
        interest_name: "ferries".into(),
        report_id: "x-entente-text--6f9619ff-8b86-4d01-b42d-00cf4fc964ff".into(),
        report_version: "2026-11-23T10:00:00Z".into(),
        report_type: "x-entente-text".into(),
        originator: "VLD-COAST".into(),
        operation: "TIDEWALL".into(),
        headline: "Harbour watch".into(),
        severity: 4,
        label_line: "ENTENTE:RESTRICTED//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST".into(),
        label_hash: [1; 32],
        timeless_line: "ENTENTE:RESTRICTED//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST".into(),
        timeless_hash: [2; 32],
        add_time_ms: 1_795_435_200_000,
    };
    keeps("alert-1.json", &body);
}

#[test]
fn audit_events_wait_in_the_outbox_as_they_always_did() {
    let event = AuditEvent {
        record_id: [3; 16],
        act: AuditAct::Alteration,
        subject: "ORS-CERT/tomas".into(),
        transaction_id: "txn-1".into(),
        certificate_sha256: vec![4; 32],
        aal: 2,
        purpose: "CT".into(),
        realm: "REAL".into(),
        operation: String::new(),
        justification: "seen".into(),
        items: vec![AuditItem {
            object_id: "01938f3a-0000-7000-8000-000000000001".into(),
            version: String::new(),
            label_hash: Vec::new(),
            originator: String::new(),
        }],
        payload_sha256: Vec::new(),
        payload_bytes: 0,
        epoch: 7,
        profile_id: vec![5; 32],
        trace_id: [6; 16],
        span_id: [7; 8],
        rpc_method: "/entente.alerting.v1.AlertingService/CreateInterest".into(),
        occur_time_ms: 1_795_435_200_000,
    };
    keeps("audit-event-1.json", &event);
}
