//! Who is told, when, and who is not: rights, embargo, realm, cursors, credit, audit away.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
mod mesh;

use entente_chassis::status::describe;
use entente_proto::{
    alerting::v1::{AlertStatus, Open},
    audit::v1::Operation,
    common::v1::ErrorReason,
};
use entente_testkit::{FakeVersion, eventually, fixtures};
use mesh::{Mesh, phrase, refused};

#[tokio::test]
async fn who_may_not_read_a_version_gets_nothing_not_even_a_gap() {
    let mesh = Mesh::start().await;
    let (mut jonas, mut tomas) = (mesh.person("KSI-ISAC", "jonas"), mesh.person("ORS-CERT", "tomas"));
    jonas.create("", phrase("night ferry")).await.unwrap();
    tomas.create("", phrase("night ferry")).await.unwrap();
    let (mut his, mut hers) = (jonas.watch().await, tomas.watch().await);
    mesh.intake.push(FakeVersion::text("own", "night ferry").under(fixtures::LABEL_OWN));
    mesh.intake.push(FakeVersion::text("shared", "night ferry"));
    mesh.intake.push(FakeVersion::text("open", "night ferry").under(fixtures::LABEL_OPEN));

    let delivery = his.next().await;
    assert_eq!(delivery.delivery_number, 1);
    assert_eq!(delivery.alert.unwrap().headline, "open");
    let (first, second) = (hers.next().await, hers.next().await);
    assert_eq!((first.delivery_number, first.alert.unwrap().headline.as_str()), (1, "shared"));
    assert_eq!((second.delivery_number, second.alert.unwrap().headline.as_str()), (2, "open"));
}

#[tokio::test]
async fn rights_lost_between_match_and_delivery_withhold_the_alert() {
    let mesh = Mesh::start().await;
    let (mut tomas, mut ilse) = (mesh.person("ORS-CERT", "tomas"), mesh.person("ORS-CERT", "ilse"));
    tomas.create("", phrase("night ferry")).await.unwrap();
    ilse.create("", phrase("night ferry")).await.unwrap();
    let mut hers = ilse.watch().await;
    mesh.intake.push(FakeVersion::text("shared", "night ferry"));
    // Both alerts are stored in one transaction: when hers has arrived, his exists.
    assert_eq!(hers.next_alert().await.headline, "shared");
    mesh.access.change("ORS-CERT/tomas", |subject| subject.grants.clear()).await;
    mesh.intake.push(FakeVersion::text("open", "night ferry").under(fixtures::LABEL_OPEN));

    let delivery = tomas.watch().await.next().await;
    assert_eq!(delivery.delivery_number, 1);
    assert_eq!(delivery.alert.unwrap().headline, "open");
    let told = mesh.audit.records().into_iter().filter(|record| record.operation() == Operation::Alert);
    assert_eq!(told.filter(|record| record.who.as_ref().unwrap().subject == "ORS-CERT/tomas").count(), 1);
}

#[tokio::test]
async fn a_suspended_person_gets_nothing_by_any_door() {
    let mesh = Mesh::start().await;
    let (mut tomas, mut ilse) = (mesh.person("ORS-CERT", "tomas"), mesh.person("ORS-CERT", "ilse"));
    let made = tomas.create("", phrase("night ferry")).await.unwrap();
    ilse.create("", phrase("night ferry")).await.unwrap();
    let mut hers = ilse.watch().await;
    mesh.intake.push(FakeVersion::text("before", "night ferry"));
    let known = hers.next_alert().await;
    let mut his =
        tomas.watch_with(Open { consumer: "open-meanwhile".into(), from_now: true, ..Open::default() }).await;

    his.opened().await;
    mesh.access.suspend("ORS-CERT/tomas").await;
    mesh.intake.push(FakeVersion::text("after", "night ferry"));
    assert_eq!(hers.next_alert().await.headline, "after");
    assert_eq!(tomas.watch().await.refusal().await, ErrorReason::SubjectInactive);
    assert_eq!(refused(tomas.interests().await), ErrorReason::SubjectInactive);
    assert_eq!(refused(tomas.create("", phrase("ferry")).await), ErrorReason::SubjectInactive);
    assert_eq!(refused(tomas.delete(&made.interest_id).await), ErrorReason::SubjectInactive);
    assert_eq!(refused(tomas.acknowledge(&known.alert_id, "").await), ErrorReason::SubjectInactive);

    // The stream that was open meanwhile has told nothing of it, and tells what comes with the rights.
    mesh.access.change("ORS-CERT/tomas", |subject| subject.active = true).await;
    mesh.intake.push(FakeVersion::text("reinstated", "night ferry"));
    let delivery = his.next().await;
    assert_eq!((delivery.delivery_number, delivery.alert.unwrap().headline.as_str()), (1, "reinstated"));
}

#[tokio::test]
async fn what_was_not_received_is_delivered_again_as_another_attempt() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push_all(["one", "two", "three"].map(|title| FakeVersion::text(title, "night ferry")));
    let mut alerts = tomas.watch().await;
    let first = [alerts.next().await, alerts.next().await, alerts.next().await];
    assert_eq!(first.each_ref().map(|delivery| delivery.attempt), [1, 1, 1]);
    alerts.received(1).await;
    alerts.finish().await;

    mesh.intake.push(FakeVersion::text("four", "night ferry"));
    let mut alerts = tomas.watch().await;
    let again = [alerts.next().await, alerts.next().await, alerts.next().await];
    assert_eq!(again.each_ref().map(|delivery| delivery.delivery_number), [2, 3, 4]);
    assert_eq!(again.each_ref().map(|delivery| delivery.attempt), [2, 2, 1]);
    let headlines = again.map(|delivery| delivery.alert.unwrap().headline);
    assert_eq!(headlines, ["two", "three", "four"]);
}

#[tokio::test]
async fn a_newer_stream_of_a_consumer_ends_the_older_and_goes_on_where_it_was() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push_all(["one", "two"].map(|title| FakeVersion::text(title, "night ferry")));
    let mut older = tomas.watch().await;
    older.next().await;
    older.next().await;
    older.received(1).await;
    let mut newer = tomas.watch().await;
    assert_eq!(older.try_next().await.unwrap(), None);
    let delivery = eventually_second(&mut newer).await;
    assert_eq!(delivery.attempt, 2);
}

/// The delivery of "two", whether or not the receipt of "one" had arrived.
async fn eventually_second(alerts: &mut mesh::Alerts) -> entente_proto::alerting::v1::Delivery {
    let delivery = alerts.next().await;
    if delivery.alert.as_ref().unwrap().headline == "two" { delivery } else { alerts.next().await }
}

#[tokio::test]
async fn two_consoles_have_two_cursors() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push(FakeVersion::text("one", "night ferry"));
    let mut first = tomas.watch_with(Open { consumer: "console-1".into(), ..Open::default() }).await;
    assert_eq!(first.next_alert().await.headline, "one");
    first.received(1).await;
    let mut second = tomas.watch_with(Open { consumer: "console-2".into(), ..Open::default() }).await;
    assert_eq!(second.next_alert().await.headline, "one");
    let mut late =
        tomas.watch_with(Open { consumer: "late".into(), from_now: true, ..Open::default() }).await;
    assert_eq!(late.opened().await, 0);
    mesh.intake.push(FakeVersion::text("two", "night ferry"));
    let numbers =
        [first.next().await, second.next().await, late.next().await].map(|delivery| delivery.delivery_number);
    assert_eq!(numbers, [2, 2, 1]);
}

#[tokio::test]
async fn no_more_is_on_the_way_than_the_client_allows() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push_all((1..=6).map(|number| FakeVersion::text(&number.to_string(), "night ferry")));
    let mut alerts = tomas.watch_with(Open { in_flight_max: 2, ..Open::default() }).await;
    alerts.next().await;
    alerts.next().await;
    assert_eq!(alert_records(&mesh), 2);
    alerts.received(1).await;
    assert_eq!(alerts.next().await.delivery_number, 3);
    assert_eq!(alert_records(&mesh), 3);
    alerts.grant(2).await;
    assert_eq!(alerts.next().await.delivery_number, 4);
    assert_eq!(alerts.next().await.delivery_number, 5);
    assert_eq!(alert_records(&mesh), 5);
}

fn alert_records(mesh: &Mesh) -> usize {
    mesh.audit.records().iter().filter(|record| record.operation() == Operation::Alert).count()
}

#[tokio::test]
async fn without_audit_the_stream_ends_and_nothing_leaves() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    eventually(async || (mesh.audit.records().len() == 1).then_some(())).await;
    mesh.audit.fail(true);
    mesh.intake.push(FakeVersion::text("one", "night ferry"));
    let mut alerts = tomas.watch().await;
    let status = alerts.try_next().await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let described = describe(&status);
    assert_eq!(described.reason, Some(ErrorReason::AuditUnavailable));
    assert!(described.retry_after.is_some() && described.trace_id.is_some());
    assert_eq!(alert_records(&mesh), 0);

    mesh.audit.fail(false);
    let delivery = tomas.watch().await.next().await;
    assert_eq!((delivery.delivery_number, delivery.attempt), (1, 1));
    assert_eq!(alert_records(&mesh), 1);
}

#[tokio::test]
async fn an_interest_can_be_made_while_audit_is_down_and_is_recorded_afterwards() {
    let mesh = Mesh::start().await;
    mesh.audit.fail(true);
    let made = mesh.person("ORS-CERT", "tomas").create("", phrase("night ferry")).await.unwrap();
    mesh.audit.fail(false);
    let records = eventually(async || Some(mesh.audit.records()).filter(|records| !records.is_empty())).await;
    assert_eq!(records[0].what.as_ref().unwrap().items[0].object_id, made.interest_id);
}

#[tokio::test]
async fn a_version_under_embargo_alerts_on_its_day_and_not_before() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    let embargoed = fixtures::LABEL_SHARED.replace("//BY", "//FROM 2026-11-24//BY");
    mesh.intake.push(FakeVersion::text("embargoed", "night ferry").under(&embargoed));
    mesh.intake.push(FakeVersion::text("at once", "night ferry"));
    let mut alerts = tomas.watch().await;
    assert_eq!(alerts.next_alert().await.headline, "at once");
    alerts.received(1).await;
    alerts.finish().await;

    mesh.advance_days(1);
    mesh.intake.sign_of_life();
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let delivery = tomas.watch().await.next().await;
    assert_eq!((delivery.delivery_number, delivery.attempt), (2, 1));
    assert_eq!(delivery.alert.unwrap().headline, "embargoed");
}

#[tokio::test]
async fn an_alert_whose_label_has_run_out_is_not_delivered() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    let short = fixtures::LABEL_SHARED.replace("//BY", "//UNTIL 2026-11-24//BY");
    mesh.intake.push(FakeVersion::text("short-lived", "night ferry").under(&short));
    mesh.intake.push(FakeVersion::text("lasting", "night ferry"));
    let mut alerts = tomas.watch().await;
    let known = alerts.next_alert().await;
    assert_eq!(known.headline, "short-lived");
    assert_eq!(alerts.next_alert().await.headline, "lasting");

    mesh.advance_days(1);
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let delivery = tomas.watch().await.next().await;
    assert_eq!((delivery.delivery_number, delivery.alert.unwrap().headline.as_str()), (1, "lasting"));
    assert_eq!(refused(tomas.acknowledge(&known.alert_id, "").await), ErrorReason::NotFound);
}

#[tokio::test]
async fn an_exercise_and_the_real_never_meet() {
    let mesh = Mesh::start().await;
    let (mut real, mut player) = (mesh.person("ORS-CERT", "tomas"), mesh.player("ORS-CERT", "tomas"));
    real.create("real", phrase("night ferry")).await.unwrap();
    player.create("played", phrase("night ferry")).await.unwrap();
    assert_eq!(real.interests().await.unwrap().len(), 1);
    mesh.intake.push(FakeVersion::text("a drill", "night ferry").under(fixtures::LABEL_EXERCISE));
    mesh.intake.push(FakeVersion::text("no drill", "night ferry").under(fixtures::LABEL_OPEN));
    let (played, actual) = (player.watch().await.next_alert().await, real.watch().await.next_alert().await);
    assert_eq!((played.headline.as_str(), played.status()), ("a drill", AlertStatus::Exercise));
    assert_eq!((actual.headline.as_str(), actual.status()), ("no drill", AlertStatus::Actual));
    assert_eq!(refused(real.acknowledge(&played.alert_id, "").await), ErrorReason::NotFound);
}

#[tokio::test]
async fn nobody_is_alerted_to_what_they_submitted_themselves() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push(FakeVersion::text("his own", "night ferry").by("ORS-CERT/tomas"));
    mesh.intake.push(FakeVersion::text("hers", "night ferry"));
    assert_eq!(tomas.watch().await.next_alert().await.headline, "hers");
}

#[tokio::test]
async fn access_is_asked_once_per_holder_and_label_whatever_comes() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    let before = mesh.access.labels_asked().len();
    mesh.intake
        .push_all((0..300).map(|number| FakeVersion::text(&number.to_string(), "nothing of interest")));
    mesh.intake.push_all((0..50).map(|number| FakeVersion::text(&number.to_string(), "night ferry")));
    mesh.intake.push_all((0..50).map(|_| FakeVersion::text("own", "night ferry").under(fixtures::LABEL_OWN)));
    mesh.intake.push(FakeVersion::text("last", "night ferry"));
    let mut alerts = tomas.watch_with(Open { in_flight_max: 256, ..Open::default() }).await;
    for number in 1..=50 {
        assert_eq!(alerts.next().await.delivery_number, number);
    }
    assert_eq!(alerts.next_alert().await.headline, "last");
    let asked: usize = mesh.access.labels_asked()[before..].iter().sum();
    assert_eq!(asked, 2, "LABEL_SHARED and LABEL_OWN, once each");
}

#[tokio::test]
async fn a_holder_without_rights_is_not_asked_about_again_and_again() {
    let mesh = Mesh::start().await;
    let (mut tomas, mut ilse) = (mesh.person("ORS-CERT", "tomas"), mesh.person("ORS-CERT", "ilse"));
    tomas.create("", phrase("night ferry")).await.unwrap();
    ilse.create("", phrase("night ferry")).await.unwrap();
    mesh.access.suspend("ORS-CERT/tomas").await;
    let mut alerts = ilse.watch().await;
    mesh.intake.push(FakeVersion::text("0", "night ferry"));
    alerts.next().await;
    let before = mesh.access.refusals();
    for number in 1..20 {
        mesh.intake.push(FakeVersion::text(&number.to_string(), "night ferry"));
        alerts.next().await;
    }
    assert_eq!(mesh.access.refusals(), before);
}
