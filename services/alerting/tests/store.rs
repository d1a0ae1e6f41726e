//! What the store promises, seen through the service: what was acknowledged is there after a crash, and a version that
//! was matched is not lost and not told twice. One suite; SQLite is the one store there is.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
mod mesh;

use entente_proto::{alerting::v1::Open, audit::v1::Operation, common::v1::ErrorReason};
use entente_testkit::{FakeVersion, eventually, fixtures};
use mesh::{Mesh, phrase, refused, request_id};

#[tokio::test]
async fn interests_survive_a_crash_and_go_on_matching() {
    let mut mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let id = request_id();
    let kept = tomas.create_as(&id, "kept", phrase("night ferry")).await.unwrap();
    let ended = tomas.create("ended", phrase("night ferry")).await.unwrap();
    tomas.delete(&ended.interest_id).await.unwrap();
    mesh.crash();
    mesh.start_service().await;

    let mut tomas = mesh.person("ORS-CERT", "tomas");
    assert_eq!(tomas.interests().await.unwrap(), vec![kept.clone()]);
    assert_eq!(tomas.create_as(&id, "kept", phrase("night ferry")).await.unwrap(), kept);
    mesh.intake.push(FakeVersion::text("one", "night ferry"));
    mesh.intake.push(FakeVersion::text("two", "night ferry"));
    let mut alerts = tomas.watch().await;
    assert_eq!(alerts.next_alert().await.headline, "one");
    assert_eq!(alerts.next_alert().await.headline, "two");
}

#[tokio::test]
async fn a_crash_between_match_and_delivery_loses_nothing() {
    let mut mesh = Mesh::start().await;
    let (mut tomas, mut ilse) = (mesh.person("ORS-CERT", "tomas"), mesh.person("ORS-CERT", "ilse"));
    tomas.create("", phrase("night ferry")).await.unwrap();
    ilse.create("", phrase("night ferry")).await.unwrap();
    let mut hers = ilse.watch().await;
    mesh.intake.push_all(["one", "two", "three"].map(|title| FakeVersion::text(title, "night ferry")));
    for _ in 0..3 {
        hers.next().await;
    }
    mesh.crash();
    mesh.start_service().await;

    let mut alerts = mesh.person("ORS-CERT", "tomas").watch().await;
    let mut headlines = Vec::new();
    for number in 1..=3 {
        let delivery = alerts.next().await;
        assert_eq!((delivery.delivery_number, delivery.attempt), (number, 1));
        headlines.push(delivery.alert.unwrap().headline);
    }
    assert_eq!(headlines, ["one", "two", "three"]);
    assert_eq!(mesh.intake.tailed_after().last(), Some(&3), "matched versions are not asked for again");
}

#[tokio::test]
async fn versions_accepted_while_the_service_was_away_are_matched_when_it_is_back() {
    let mut mesh = Mesh::start().await;
    mesh.person("ORS-CERT", "tomas").create("", phrase("night ferry")).await.unwrap();
    mesh.crash();
    mesh.intake.push(FakeVersion::text("meanwhile", "night ferry"));
    mesh.start_service().await;
    let alert = mesh.person("ORS-CERT", "tomas").watch().await.next_alert().await;
    assert_eq!(alert.headline, "meanwhile");
}

#[tokio::test]
async fn a_version_worked_on_twice_is_told_once() {
    let mut mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    // Positions at which nothing was met are stored from time to time only: after a crash they are worked on again.
    mesh.intake.push(FakeVersion::text("told", "night ferry"));
    assert_eq!(tomas.watch().await.next_alert().await.headline, "told");
    mesh.intake.push(FakeVersion::text("of no interest", "nothing"));
    mesh.crash();
    mesh.start_service().await;
    mesh.intake.push(FakeVersion::text("after", "night ferry"));
    let mut alerts = mesh.person("ORS-CERT", "tomas").watch().await;
    assert_eq!(alerts.next_alert().await.headline, "told");
    assert_eq!(alerts.next_alert().await.headline, "after");
}

#[tokio::test]
async fn a_broken_journal_is_taken_up_where_it_was() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    let mut alerts = tomas.watch().await;
    mesh.intake.push_all([FakeVersion::text("one", "night ferry"), FakeVersion::text("", "nothing")]);
    assert_eq!(alerts.next_alert().await.headline, "one");
    // The tail's position is known here, stored or not: the next tail begins behind it.
    mesh.intake.break_off();
    mesh.intake.push(FakeVersion::text("two", "night ferry"));
    let delivery = alerts.next().await;
    assert_eq!((delivery.delivery_number, delivery.alert.unwrap().headline.as_str()), (2, "two"));
}

#[tokio::test]
async fn matching_waits_for_access_and_loses_nothing() {
    let mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    let mut alerts = tomas.watch().await;
    mesh.access.fail(true);
    mesh.intake.push(FakeVersion::text("one", "night ferry"));
    // It has failed at least once when the journal is asked for a second time.
    eventually(async || (mesh.intake.tailed_after().len() > 1).then_some(())).await;
    mesh.access.fail(false);
    assert_eq!(alerts.next_alert().await.headline, "one");
}

#[tokio::test]
async fn receipts_move_the_cursor_for_good() {
    let mut mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push_all(["one", "two"].map(|title| FakeVersion::text(title, "night ferry")));
    let mut alerts = tomas.watch().await;
    alerts.next().await;
    alerts.next().await;
    alerts.received(1).await;
    alerts.finish().await;
    mesh.crash();
    mesh.start_service().await;
    let mut alerts = mesh.person("ORS-CERT", "tomas").watch().await;
    assert_eq!(alerts.opened().await, 1);
    let delivery = alerts.next().await;
    assert_eq!((delivery.delivery_number, delivery.attempt), (2, 2));
    assert_eq!(delivery.alert.unwrap().headline, "two");
}

#[tokio::test]
async fn held_alerts_and_acknowledgements_survive_a_crash() {
    let mut mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    let embargoed = fixtures::LABEL_SHARED.replace("//BY", "//FROM 2026-11-25//BY");
    mesh.intake.push(FakeVersion::text("embargoed", "night ferry").under(&embargoed));
    mesh.intake.push(FakeVersion::text("at once", "night ferry"));
    let mut alerts = tomas.watch().await;
    let alert = alerts.next_alert().await;
    let first = tomas.acknowledge(&alert.alert_id, "seen").await.unwrap();
    alerts.received(1).await;
    alerts.finish().await;
    mesh.crash();
    mesh.advance_days(1);
    mesh.start_service().await;

    let mut tomas = mesh.person("ORS-CERT", "tomas");
    assert_eq!(tomas.acknowledge(&alert.alert_id, "").await.unwrap(), first);
    mesh.advance_days(1);
    mesh.intake.sign_of_life();
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    assert_eq!(tomas.watch().await.next_alert().await.headline, "embargoed");
}

#[tokio::test]
async fn records_of_interests_survive_a_crash_and_are_delivered_once() {
    let mut mesh = Mesh::start().await;
    mesh.audit.fail(true);
    let made = mesh.person("ORS-CERT", "tomas").create("", phrase("night ferry")).await.unwrap();
    mesh.crash();
    mesh.audit.fail(false);
    mesh.start_service().await;
    let records = eventually(async || Some(mesh.audit.records()).filter(|records| !records.is_empty())).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].operation(), Operation::Alteration);
    assert_eq!(records[0].what.as_ref().unwrap().items[0].object_id, made.interest_id);
}

#[tokio::test]
async fn cursors_are_counted_across_a_crash() {
    let mut mesh = Mesh::without_service().await;
    mesh.limits.consumers_per_subject_max = 1;
    mesh.limits.interests_per_subject_max = 1;
    mesh.start_service().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    tomas.watch().await.finish().await;
    mesh.crash();
    mesh.start_service().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    assert_eq!(refused(tomas.create("", phrase("day ferry")).await), ErrorReason::FieldInvalid);
    let another = Open { consumer: "another".into(), ..Open::default() };
    assert_eq!(tomas.watch_with(another).await.refusal().await, ErrorReason::FieldInvalid);
}

#[tokio::test]
async fn draining_ends_streams_with_a_reason_and_keeps_what_was_received() {
    let mut mesh = Mesh::start().await;
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    tomas.create("", phrase("night ferry")).await.unwrap();
    mesh.intake.push_all(["one", "two"].map(|title| FakeVersion::text(title, "night ferry")));
    let mut alerts = tomas.watch_with(Open { in_flight_max: 1, ..Open::default() }).await;
    alerts.next().await;
    alerts.received(1).await;
    // The second comes only when the receipt of the first was taken in.
    alerts.next().await;
    let ending = mesh.drain();
    assert_eq!(alerts.refusal().await, ErrorReason::Draining);
    ending.shutdown_background();
    mesh.start_service().await;
    let delivery = mesh.person("ORS-CERT", "tomas").watch().await.next().await;
    assert_eq!((delivery.delivery_number, delivery.attempt), (2, 2));
}
