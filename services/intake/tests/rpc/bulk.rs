//! SubmitReports: batches answered in order, items answered for themselves.

use std::time::Duration;

use entente_proto::{
    common::v1::ErrorReason,
    intake::v1::{ItemOutcome, ReportItem},
};
use entente_testkit::{
    fixtures::{LABEL_OPEN, LABEL_OWN},
    real_input, skip,
};

use super::mesh::{Mesh, malware, malware_id, refused, stix, text, under};

#[tokio::test]
async fn each_batch_is_answered_in_order_and_each_item_for_itself() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await.unwrap();
    let mut bulk = mira.bulk().await.unwrap();
    let mixed = vec![
        malware(1, 1, "x"),
        stix("{"),
        malware(2, 1, "x"),
        malware(1, 1, "another"),
        under("NONSENSE", malware(3, 1, "x")),
        under(LABEL_OWN, text("t", "b")),
    ];
    bulk.send(1, LABEL_OPEN, mixed).await;
    bulk.send(2, "", vec![malware(4, 1, "x")]).await;
    bulk.send(3, LABEL_OPEN, vec![malware(5, 1, "x")]).await;

    let first = bulk.answer().await.unwrap();
    assert_eq!((first.batch_number, first.accepted_count, first.unchanged_count), (1, 2, 1));
    let refusals: Vec<(u32, String)> = first
        .refused
        .iter()
        .map(|item| (item.item_index, item.result.as_ref().unwrap().reason.clone()))
        .collect();
    let expected = [(1, "REPORT_INVALID"), (3, "REPORT_VERSION_CONFLICT"), (4, "LABEL_INVALID")];
    assert_eq!(refusals, expected.map(|(place, reason)| (place, reason.to_owned())));
    let conflict = first.refused[1].result.clone().unwrap();
    assert_eq!(
        (conflict.report_id.as_str(), conflict.outcome()),
        (malware_id(1).as_str(), ItemOutcome::Refused)
    );
    assert!(!conflict.faults.is_empty());
    let second = bulk.answer().await.unwrap();
    assert_eq!(
        (second.batch_number, second.refused[0].result.as_ref().unwrap().reason.as_str()),
        (2, "LABEL_MISSING")
    );
    assert_eq!(bulk.answer().await.unwrap().accepted_count, 1);
    bulk.finish().await;
    assert_eq!(mira.everything().await.unwrap().len(), 4);
}

#[tokio::test]
async fn positions_follow_the_order_of_batches_however_many_are_on_the_way() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let mut bulk = mira.bulk().await.unwrap();
    for number in 0..40_u32 {
        // The first of each four takes longest to read.
        let items = if number % 4 == 0 { 60 } else { 2 };
        let items = (0..items).map(|item| malware(number * 100 + item, 1, "x")).collect();
        bulk.send(u64::from(number), LABEL_OPEN, items).await;
    }
    for number in 0..40 {
        assert_eq!(bulk.answer().await.unwrap().batch_number, number);
    }
    bulk.finish().await;
    let mut tail = mesh.tail(0).await;
    let mut ids = Vec::new();
    for position in 1..=(10 * 60 + 30 * 2) {
        let entry = tail.next().await;
        assert_eq!(entry.position, position);
        ids.push(entry.report.unwrap().report_id);
    }
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn a_batch_that_is_malformed_ends_the_stream_behind_what_was_answered() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let mut bulk = mira.bulk().await.unwrap();
    bulk.send(1, LABEL_OPEN, vec![malware(1, 1, "x")]).await;
    bulk.send(2, LABEL_OPEN, Vec::new()).await;
    bulk.send(3, LABEL_OPEN, vec![malware(3, 1, "x")]).await;
    assert_eq!(bulk.answer().await.unwrap().accepted_count, 1);
    assert_eq!(refused(bulk.answer().await), ErrorReason::FieldInvalid);
}

#[tokio::test]
async fn one_more_stream_than_allowed_is_turned_away_and_a_place_comes_free() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let (first, second) = (mira.bulk().await.unwrap(), mira.bulk().await.unwrap());
    let third = mira.bulk().await;
    assert_eq!(refused(third.map(|_| ())), ErrorReason::Overloaded);
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    let other = tomas.bulk().await.unwrap();
    assert_eq!(refused(mesh.person("KSI-ISAC", "jonas").bulk().await.map(|_| ())), ErrorReason::Overloaded);
    other.finish().await;
    first.finish().await;
    let mut again = entente_testkit::eventually(async || mira.bulk().await.ok()).await;
    again.send(1, LABEL_OPEN, vec![malware(1, 1, "x")]).await;
    assert_eq!(again.answer().await.unwrap().accepted_count, 1);
    second.finish().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_submitter_is_suspended() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let mut bulk = mira.bulk().await.unwrap();
    bulk.send(1, LABEL_OPEN, vec![malware(1, 1, "x")]).await;
    assert_eq!(bulk.answer().await.unwrap().accepted_count, 1);
    mesh.access.suspend("VLD-COAST/mira").await;
    bulk.send(2, LABEL_OPEN, vec![malware(2, 1, "x")]).await;
    assert_eq!(refused(bulk.answer().await), ErrorReason::SubjectInactive);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let mut bulk = mira.bulk().await.unwrap();
    bulk.send(1, LABEL_OPEN, vec![malware(1, 1, "x")]).await;
    assert_eq!(bulk.answer().await.unwrap().accepted_count, 1);
    mesh.clock.advance(Duration::from_secs(301));
    bulk.send(2, LABEL_OPEN, vec![malware(2, 1, "x")]).await;
    assert_eq!(refused(bulk.answer().await), ErrorReason::TokenExpired);
}

#[tokio::test]
async fn a_silent_stream_ends_with_its_token_too_and_frees_its_place() {
    let mesh = Mesh::start().await;
    let mut claims = mesh.access.authority().claims("VLD-COAST/mira", "CT", &["submit"]);
    claims.exp = claims.iat + 1;
    let token = mesh.access.authority().token_with(&claims);
    let mut mira = mesh.person_with("VLD-COAST", "mira", token);
    let mut bulk = mira.bulk().await.unwrap();
    // The clock of the mesh stands still; the second passes all the same.
    let ended = bulk.answer().await;
    assert_eq!(refused(ended), ErrorReason::TokenExpired);
}

#[tokio::test]
async fn open_streams_end_with_draining_when_the_service_stops() {
    let mut mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let mut bulk = mira.bulk().await.unwrap();
    bulk.send(1, LABEL_OPEN, vec![malware(1, 1, "x")]).await;
    assert_eq!(bulk.answer().await.unwrap().accepted_count, 1);
    let tail = mesh.tail(1).await;
    mesh.drain().await;
    assert_eq!(refused(bulk.answer().await), ErrorReason::Draining);
    assert_eq!(tail.refusal().await, ErrorReason::Draining);
}

#[tokio::test]
async fn all_of_attack_is_accepted_and_a_second_run_changes_nothing() {
    let Some(path) = real_input("enterprise_attack_18_1.json.gz") else {
        return skip("all_of_attack_is_accepted_and_a_second_run_changes_nothing", "no real input");
    };
    let mut json = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut json).unwrap();
    let limits = entente_stix::split::SplitLimits { object_bytes_max: 1 << 20, objects_max: 100_000 };
    let objects = entente_stix::split::objects(&json, limits).unwrap();
    let items: Vec<ReportItem> =
        objects.iter().map(|object| stix(std::str::from_utf8(object).unwrap())).collect();

    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    for (accepted, unchanged) in [(items.len(), 0), (0, items.len())] {
        let mut bulk = mira.bulk().await.unwrap();
        let (mut counts, mut batches) = ((0, 0), 0);
        for (number, batch) in (1..).zip(items.chunks(1_000)) {
            bulk.send(number, LABEL_OPEN, batch.to_vec()).await;
            batches += 1;
        }
        for _ in 0..batches {
            let answer = bulk.answer().await.unwrap();
            assert!(answer.refused.is_empty(), "{:?}", answer.refused.first());
            counts = (counts.0 + answer.accepted_count as usize, counts.1 + answer.unchanged_count as usize);
        }
        assert_eq!(counts, (accepted, unchanged));
        bulk.finish().await;
    }
    let has_words = |object: &&[u8]| {
        let document = entente_stix::json::Document::parse(object).unwrap();
        let text = entente_stix::object::search_text(&document);
        let words = entente_stix::text::tokens(&text);
        ["mshta", "script"].iter().all(|wanted| words.iter().any(|word| word == wanted))
    };
    let expected: Vec<&[u8]> = objects.iter().copied().filter(has_words).rev().collect();
    assert!(expected.len() > 2);
    let found = mira.search("mshta script").await.unwrap();
    assert_eq!(found.count, Some(expected.len() as u64));
    let contents: Vec<&[u8]> = found.reports.iter().map(|report| report.content.as_ref()).collect();
    assert_eq!(contents, expected);
}
