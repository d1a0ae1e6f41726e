//! Every method over a real connection: interests are kept, versions become alerts, alerts are proved and acknowledged.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
mod mesh;

use entente_chassis::status::describe;
use entente_proto::{
    alerting::v1::{AlertStatus, Interest, Open, StreamAlertsRequest, stream_alerts_request, term},
    audit::v1::{Operation, Phase},
    common::v1::{ErrorReason, Severity},
};
use entente_testkit::{FakeVersion, eventually, fixtures};
use mesh::{Mesh, frame, phrase, refused, request_id};
use serde_json::json;

#[tokio::test]
async fn an_interest_is_kept_listed_and_ended() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let terms = vec![
        term::Term::IndicatorValue("192.0.2.7".to_owned()),
        term::Term::Originator("VLD-COAST".to_owned()),
        term::Term::MinSeverity(Severity::Moderate.into()),
    ];
    let made = tomas.create("ferries", terms).await.unwrap();
    assert_eq!((made.display_name.as_str(), made.terms.len()), ("ferries", 3));
    assert!(made.create_time.is_some() && !made.interest_id.is_empty());
    assert_eq!(tomas.interests().await.unwrap(), vec![made.clone()]);
    tomas.delete(&made.interest_id).await.unwrap();
    assert!(tomas.interests().await.unwrap().is_empty());
    assert_eq!(refused(tomas.delete(&made.interest_id).await), ErrorReason::NotFound);
}

#[tokio::test]
async fn making_and_ending_an_interest_is_recorded() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let made = tomas.create("", phrase("night ferry")).await.unwrap();
    tomas.delete(&made.interest_id).await.unwrap();
    let records = eventually(async || Some(mesh.audit.records()).filter(|records| records.len() == 2)).await;
    for record in records {
        assert_eq!((record.operation(), record.phase()), (Operation::Alteration, Phase::Single));
        assert_eq!(record.who.unwrap().subject, "ORS-CERT/tomas");
        assert_eq!(record.what.unwrap().items[0].object_id, made.interest_id);
        assert_eq!(record.why.unwrap().realm, "REAL");
    }
}

#[tokio::test]
async fn the_same_request_gives_the_first_answer_and_another_under_its_id_is_refused() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let id = request_id();
    let made = tomas.create_as(&id, "ferries", phrase("night ferry")).await.unwrap();
    let again = tomas.create_as(&id, "ferries", phrase("night ferry")).await.unwrap();
    assert_eq!(made, again);
    assert_eq!(tomas.interests().await.unwrap().len(), 1);
    assert_eq!(
        refused(tomas.create_as(&id, "ferries", phrase("day ferry")).await),
        ErrorReason::RequestIdReused
    );
}

#[tokio::test]
async fn repeating_the_request_of_an_ended_interest_does_not_bring_it_back() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let id = request_id();
    let made = tomas.create_as(&id, "old", phrase("night ferry")).await.unwrap();
    tomas.delete(&made.interest_id).await.unwrap();
    tomas.create_as(&id, "old", phrase("night ferry")).await.unwrap();
    let kept = tomas.create("kept", phrase("night ferry")).await.unwrap();
    mesh.intake.push(FakeVersion::text("", "a night ferry"));
    let mut alerts = tomas.watch().await;
    assert_eq!(alerts.next_alert().await.interest_id, kept.interest_id);
    mesh.intake.push(FakeVersion::text("second", "a night ferry"));
    assert_eq!(alerts.next_alert().await.headline, "second");
}

#[tokio::test]
async fn a_request_is_told_every_fault() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let terms = vec![
        term::Term::IndicatorValue("not a value".to_owned()),
        term::Term::ObjectType("Indicator".to_owned()),
        term::Term::Phrase(" .,; ".to_owned()),
        term::Term::Operation("TIDEWALL//P1".to_owned()),
        term::Term::MinSeverity(Severity::Unknown.into()),
    ];
    let status = tomas.create_as("no uuid", &"x".repeat(201), terms).await.unwrap_err();
    let described = describe(&status);
    let fields: Vec<&str> = described.fields.iter().map(|(field, _)| field.as_str()).collect();
    let expected = ["interest.display_name", "request_id", "interest.terms[0]", "interest.terms[1]"];
    assert_eq!(described.reason, Some(ErrorReason::FieldInvalid));
    assert!(expected.iter().all(|field| fields.contains(field)), "{fields:?}");
    assert_eq!(fields.len(), 7, "{fields:?}");
}

#[tokio::test]
async fn an_interest_that_matches_everything_is_refused() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let all = vec![term::Term::MinSeverity(Severity::Minor.into())];
    assert_eq!(refused(tomas.create("", all).await), ErrorReason::InterestTooBroad);
    assert_eq!(refused(tomas.create("", Vec::new()).await), ErrorReason::FieldInvalid);
}

#[tokio::test]
async fn a_holder_may_keep_so_many_interests_and_no_more() {
    let mut mesh = Mesh::without_service().await;
    mesh.limits.interests_per_subject_max = 2;
    mesh.start_service().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let first = tomas.create("", phrase("one")).await.unwrap();
    tomas.create("", phrase("two")).await.unwrap();
    assert_eq!(refused(tomas.create("", phrase("three")).await), ErrorReason::FieldInvalid);
    mesh.person("ORS-CERT", "ilse").create("", phrase("hers")).await.unwrap();
    tomas.delete(&first.interest_id).await.unwrap();
    tomas.create("", phrase("three")).await.unwrap();
}

#[tokio::test]
async fn interests_come_in_pages_that_nobody_else_can_turn() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let mut made: Vec<Interest> = Vec::new();
    for number in 0..5 {
        made.push(tomas.create(&format!("interest {number}"), phrase("ferry")).await.unwrap());
    }
    let (first, token) = tomas.interests_page(2, "").await.unwrap();
    let (second, next) = tomas.interests_page(2, &token).await.unwrap();
    let (third, end) = tomas.interests_page(2, &next).await.unwrap();
    assert_eq!([first, second, third].concat(), made);
    assert!(end.is_empty());
    let mut ilse = mesh.person("ORS-CERT", "ilse");
    assert!(ilse.interests().await.unwrap().is_empty());
    assert_eq!(refused(ilse.interests_page(2, &token).await), ErrorReason::PageTokenInvalid);
    assert_eq!(refused(tomas.interests_page(1_001, "").await), ErrorReason::FieldInvalid);
    assert_eq!(refused(ilse.delete(&made[0].interest_id).await), ErrorReason::NotFound);
}

#[tokio::test]
async fn an_entitled_holder_is_alerted_with_a_receipt_that_proves_the_record() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let made = tomas.create("ferries", phrase("Night FERRY")).await.unwrap();
    let mut alerts = tomas.watch().await;
    let text = FakeVersion::text("Harbour watch", "The night ferry turned north.");
    mesh.intake.push(text.of_operation("TIDEWALL/OPERATIONAL/P2").as_grave_as(Severity::Severe));

    let delivery = alerts.next().await;
    assert_eq!((delivery.delivery_number, delivery.attempt), (1, 1));
    let alert = delivery.alert.unwrap();
    assert_eq!(alert.interest_id, made.interest_id);
    assert_eq!(alert.interest_name, "ferries");
    assert_eq!(alert.headline, "Harbour watch");
    assert_eq!(alert.operation, "TIDEWALL/OPERATIONAL/P2");
    assert_eq!(alert.originator, "VLD-COAST");
    assert_eq!(alert.severity(), Severity::Severe);
    assert_eq!(alert.status(), AlertStatus::Actual);
    assert_eq!(alert.label.unwrap().line, fixtures::LABEL_SHARED);

    let record = mesh.audit.proves(&delivery.receipt.unwrap()).expect("the receipt verifies");
    assert_eq!((record.operation(), record.phase()), (Operation::Alert, Phase::Single));
    assert_eq!(record.who.unwrap().subject, "ORS-CERT/tomas");
    let place = record.r#where.unwrap();
    assert_eq!(place.trace_id, alert.trace_id);
    assert_eq!(place.rpc_method, "/entente.alerting.v1.AlertingService/StreamAlerts");
    let what = record.what.unwrap();
    assert_eq!((what.items[0].object_id.as_str(), what.item_count), (alert.report_id.as_str(), 1));
    assert_eq!(what.payload_bytes, "Harbour watch".len() as u64);
}

#[tokio::test]
async fn every_kind_of_term_is_met_by_what_it_asks_for() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let terms = [
        term::Term::ObjectType("indicator".to_owned()),
        term::Term::IndicatorValue("Pier.EXAMPLE.".to_owned()),
        term::Term::Phrase("beacon of the lamp".to_owned()),
        term::Term::Originator("VLD-COAST".to_owned()),
        term::Term::Operation("TIDEWALL".to_owned()),
    ];
    for (number, term) in terms.into_iter().enumerate() {
        let severe = term::Term::MinSeverity(Severity::Moderate.into());
        tomas.create(&number.to_string(), vec![term, severe]).await.unwrap();
    }
    let indicator = json!({
        "type": "indicator", "spec_version": "2.1", "id": "indicator--6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "created": "2026-11-23T10:00:00Z", "modified": "2026-11-23T10:00:00Z", "valid_from": "2026-11-23T10:00:00Z",
        "name": "Beacon of the Lamp", "pattern_type": "stix", "pattern": "[domain-name:value = 'pier.example']",
    });
    let indicator = FakeVersion::stix(&indicator).of_operation("TIDEWALL/SOCIETAL");
    mesh.intake
        .push_all([indicator.clone().as_grave_as(Severity::Minor), indicator.as_grave_as(Severity::Severe)]);
    let mut alerts = tomas.watch().await;
    let mut met = Vec::new();
    for _ in 0..5 {
        met.push(alerts.next_alert().await);
    }
    let names: Vec<&str> = met.iter().map(|alert| alert.interest_name.as_str()).collect();
    assert_eq!(names, ["0", "1", "2", "3", "4"]);
    assert!(met.iter().all(|alert| alert.headline == "Beacon of the Lamp"));
    assert!(met.iter().all(|alert| alert.severity() == Severity::Severe));
}

#[tokio::test]
async fn an_alert_is_acknowledged_once_and_recorded() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push(FakeVersion::text("one", "night ferry"));
    let alert = tomas.watch().await.next_alert().await;
    let first = tomas.acknowledge(&alert.alert_id, "seen by the watch").await.unwrap();
    mesh.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(tomas.acknowledge(&alert.alert_id, "again").await.unwrap(), first);
    let noted = async || {
        let records = mesh.audit.records().into_iter();
        let mut notes = records.filter_map(|record| record.why).filter(|why| !why.justification.is_empty());
        notes.next().map(|why| why.justification)
    };
    assert_eq!(eventually(noted).await, "seen by the watch");
    assert_eq!(refused(tomas.acknowledge(&"0".repeat(32), "").await), ErrorReason::NotFound);
    assert_eq!(refused(tomas.acknowledge("", "").await), ErrorReason::FieldInvalid);
    assert_eq!(
        refused(tomas.acknowledge(&alert.alert_id, &"x".repeat(1_001)).await),
        ErrorReason::FieldInvalid
    );
}

#[tokio::test]
async fn nobody_acknowledges_the_alert_of_another() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push(FakeVersion::text("one", "night ferry"));
    let alert = tomas.watch().await.next_alert().await;
    let mut ilse = mesh.person("ORS-CERT", "ilse");
    assert_eq!(refused(ilse.acknowledge(&alert.alert_id, "").await), ErrorReason::NotFound);
}

#[tokio::test]
async fn an_alert_that_may_no_longer_be_read_cannot_be_told_from_none() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push(FakeVersion::text("one", "night ferry"));
    let alert = tomas.watch().await.next_alert().await;
    mesh.access.change("ORS-CERT/tomas", |subject| subject.grants.clear()).await;
    let lost = tomas.acknowledge(&alert.alert_id, "").await.unwrap_err();
    let never = tomas.acknowledge(&"0".repeat(32), "").await.unwrap_err();
    assert_eq!((lost.code(), lost.message()), (never.code(), never.message()));
}

#[tokio::test]
async fn a_stream_that_does_not_open_properly_is_refused() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    for open in [
        Open { consumer: "Not A Name".into(), ..Open::default() },
        Open { in_flight_max: 257, ..Open::default() },
    ] {
        assert_eq!(tomas.watch_with(open).await.refusal().await, ErrorReason::FieldInvalid);
    }
    for second in
        [frame(stream_alerts_request::Frame::Open(Open::default())), StreamAlertsRequest { frame: None }]
    {
        let mut alerts = tomas.watch().await;
        alerts.send(second).await;
        assert_eq!(alerts.refusal().await, ErrorReason::FieldInvalid);
    }
}

#[tokio::test]
async fn a_holder_may_keep_so_many_cursors_and_no_more() {
    let mut mesh = Mesh::without_service().await;
    mesh.limits.consumers_per_subject_max = 1;
    mesh.start_service().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.watch().await.finish().await;
    let another = Open { consumer: "another".into(), ..Open::default() };
    assert_eq!(tomas.watch_with(another).await.refusal().await, ErrorReason::FieldInvalid);
    tomas.watch().await.finish().await;
}
