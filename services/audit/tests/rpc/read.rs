//! Reading records: who sees what, in which order, and what reading leaves behind.

use entente_chassis::status::{ErrorReason, describe};
use entente_proto::audit::v1::{GetRecordRequest, ListRecordsRequest, Operation, get_record_request::By};
use prost::Message;
use prost_types::Timestamp;

use crate::node::{Act, Node, everything, name_of, reason, withheld};

const ORS: (&str, &str) = ("indicator--1", "ORS-CERT");
const KSI: (&str, &str) = ("report--2", "KSI-ISAC");

#[tokio::test]
async fn the_acting_subject_reads_its_own_record_whole_and_proven() {
    let node = Node::start().await;
    let act = Act { items: &[ORS, KSI], ..Act::of(1, "VLD-COAST/mira") };
    node.record(&[act]).await;
    let answer = node.person("VLD-COAST/mira", &["read"]).get(0).await.unwrap();
    let record = answer.record.unwrap();
    node.check(&record).await;
    assert_eq!((withheld(&record), record.record.clone()), (vec![], Some(act.record())));
    let bodies: Vec<u8> = record.sections.iter().flat_map(|section| section.body.to_vec()).collect();
    assert_eq!(bodies, act.record().encode_to_vec(), "the sections one after the other are the record");
    assert_eq!(node.verified(&answer.receipt.unwrap()).await.index, 1);
}

#[tokio::test]
async fn a_record_is_found_by_its_id_too() {
    let node = Node::start().await;
    node.record(&[Act::of(1, "VLD-COAST/mira"), Act::of(2, "VLD-COAST/mira")]).await;
    let mira = node.person("VLD-COAST/mira", &[]);
    let by = Some(By::RecordId(2_u128.to_be_bytes().to_vec().into()));
    let found = mira.client.clone().get_record(mira.ask(GetRecordRequest { by })).await.unwrap().into_inner();
    assert_eq!(found.record.unwrap().entry_index, 1);
    for by in [None, Some(By::RecordId(vec![1; 15].into()))] {
        let answer = mira.client.clone().get_record(mira.ask(GetRecordRequest { by })).await;
        assert_eq!(reason(answer), ErrorReason::FieldInvalid);
    }
}

#[tokio::test]
async fn auditors_see_the_sections_their_organizations_part_in_it_allows() {
    let node = Node::start().await;
    let mixed = Act { items: &[ORS, KSI], ..Act::of(1, "VLD-COAST/mira") };
    let own = Act { items: &[ORS], ..Act::of(2, "VLD-COAST/mira") };
    let alert = Act { items: &[ORS], recipients: &["KSI-ISAC/jonas"], ..Act::of(3, "VLD-COAST/mira") };
    node.record(&[mixed, own, alert]).await;
    for (auditor, index, sections) in [
        ("VLD-COAST/runa", 0, vec![]),
        ("ORS-CERT/odo", 0, vec![5, 6]),
        ("KSI-ISAC/sef", 0, vec![5, 6]),
        ("ORS-CERT/odo", 1, vec![5]),
        ("KSI-ISAC/sef", 2, vec![5]),
    ] {
        let record = node.auditor(auditor).get(index).await.unwrap().record.unwrap();
        node.check(&record).await;
        assert_eq!(withheld(&record), sections, "{auditor} reads {index}");
        let shown = record.record.unwrap();
        assert_eq!(
            (shown.who.is_none(), shown.what.is_none()),
            (sections.contains(&5), sections.contains(&6))
        );
    }
}

#[tokio::test]
async fn a_record_of_others_looks_like_one_that_is_not_there() {
    let node = Node::start().await;
    let exercise = Act { realm: "EXERCISE:LANTERN-26", ..Act::of(2, "VLD-COAST/mira") };
    node.record(&[Act { items: &[ORS], ..Act::of(1, "VLD-COAST/mira") }, exercise]).await;
    let refusal = async |subject: &str, actions: &[&str], index: u64| {
        describe(&node.person(subject, actions).get(index).await.unwrap_err())
    };
    let absent = refusal("KSI-ISAC/sef", &["audit"], 999).await;
    assert_eq!(absent.reason, Some(ErrorReason::NotFound));
    for (subject, actions, index) in [
        ("KSI-ISAC/sef", &["audit"][..], 0),
        ("VLD-COAST/pavo", &["administer"], 0),
        ("ORS-CERT/tomas", &["read"], 0),
        ("VLD-COAST/runa", &["audit"], 1),
        ("VLD-COAST/mira", &["read"], 1),
    ] {
        let refused = refusal(subject, actions, index).await;
        assert_eq!(
            (refused.message, refused.reason),
            (absent.message.clone(), absent.reason),
            "{subject} {index}"
        );
    }
}

#[tokio::test]
async fn every_reading_is_recorded_with_who_why_and_what_before_it_is_answered() {
    let node = Node::start().await;
    node.record(&[Act::of(1, "VLD-COAST/mira")]).await;
    let runa = node.auditor("VLD-COAST/runa");
    runa.list(ListRecordsRequest { justification: "yearly review".to_owned(), ..everything() })
        .await
        .unwrap();
    runa.get(0).await.unwrap();
    let listed = runa.get(1).await.unwrap().record.unwrap().record.unwrap();
    let read = runa.get(2).await.unwrap().record.unwrap().record.unwrap();
    for record in [&listed, &read] {
        assert_eq!(record.operation(), Operation::AuditConsultation);
        let who = record.who.as_ref().unwrap();
        assert_eq!((who.subject.as_str(), who.client_certificate_sha256.len()), ("VLD-COAST/runa", 32));
        let what = record.what.as_ref().unwrap();
        assert_eq!(
            (what.item_count, what.items[0].object_id.as_str()),
            (1, "00000000-0000-0000-0000-000000000001")
        );
    }
    assert_eq!(listed.why.unwrap().justification, "yearly review");
    assert!(read.r#where.unwrap().rpc_method.ends_with("/GetRecord"));
}

#[tokio::test]
async fn a_list_finds_by_object_subject_and_trace_what_the_auditor_may_see() {
    let node = Node::start().await;
    node.record(&[
        Act { items: &[ORS, KSI], trace: 1, ..Act::of(1, "VLD-COAST/mira") },
        Act { items: &[ORS], trace: 2, ..Act::of(2, "VLD-COAST/pavo") },
        Act { items: &[KSI], trace: 2, recipients: &["ORS-CERT/tomas"], ..Act::of(3, "VLD-COAST/mira") },
    ])
    .await;
    let object = |id: &str| ListRecordsRequest { object_id: id.to_owned(), ..everything() };
    let subject = |id: &str| ListRecordsRequest { subject: id.to_owned(), ..everything() };
    let trace = |byte: u8| ListRecordsRequest { trace_id: vec![byte; 16].into(), ..everything() };
    let (runa, odo) = (node.auditor("VLD-COAST/runa"), node.auditor("ORS-CERT/odo"));
    assert_eq!(runa.list_all(object(KSI.0)).await, ["act 1", "act 3"]);
    assert_eq!(runa.list_all(subject("VLD-COAST/mira")).await, ["act 1", "act 3"]);
    assert_eq!(runa.list_all(trace(2)).await, ["act 2", "act 3"]);
    let both = ListRecordsRequest { subject: "VLD-COAST/mira".to_owned(), ..trace(2) };
    assert_eq!(runa.list_all(both).await, ["act 3"]);
    assert_eq!(odo.list_all(object(ORS.0)).await, ["act 1", "act 2"]);
    // What is withheld cannot be searched for: neither another's person nor another's report.
    assert_eq!(odo.list_all(subject("VLD-COAST/mira")).await, [""; 0]);
    assert_eq!(odo.list_all(object(KSI.0)).await, ["act 3"], "received, so known");
    assert_eq!(odo.list_all(subject("ORS-CERT/tomas")).await, ["act 3"]);
    assert_eq!(node.auditor("KSI-ISAC/sef").list_all(object(KSI.0)).await, ["act 1", "act 3"]);
}

#[tokio::test]
async fn a_list_finds_by_time() {
    let node = Node::start().await;
    for number in 0..4 {
        node.record(&[Act::of(number, "VLD-COAST/mira")]).await;
        node.clock.advance(std::time::Duration::from_secs(1));
    }
    // Where the clock of the tests begins.
    let begin = 1_795_435_200;
    let at = |seconds: i64| Some(Timestamp { seconds: begin + seconds, nanos: 0 });
    let runa = node.auditor("VLD-COAST/runa");
    let between = ListRecordsRequest { from_time: at(1), until_time: at(3), ..everything() };
    assert_eq!(runa.list_all(between).await, ["act 1", "act 2"]);
    let justified = ListRecordsRequest { until_time: at(1), ..everything() };
    assert_eq!(runa.list_all(justified).await, ["act 0"]);
}

#[tokio::test]
async fn pages_are_full_in_order_and_end_where_the_first_one_began() {
    let node = Node::start().await;
    let mixed: Vec<_> = (0..20)
        .map(|number| Act::of(number, if number % 2 == 0 { "VLD-COAST/mira" } else { "ORS-CERT/tomas" }))
        .collect();
    node.record(&mixed).await;
    let runa = node.auditor("VLD-COAST/runa");
    let (mut names, mut sizes) = (Vec::new(), Vec::new());
    let mut request = ListRecordsRequest { page_size: 4, ..everything() };
    for number in 100.. {
        let page = runa.list(request.clone()).await.unwrap();
        sizes.push(page.records.len());
        names.extend(page.records.iter().map(name_of));
        // What comes after the first page is not in the list, nor is the record of reading it.
        node.record(&[Act::of(number, "VLD-COAST/mira")]).await;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [4, 4, 2]);
    assert_eq!(names, (0..20).step_by(2).map(|number| format!("act {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_token_is_good_for_its_reader_and_filter_only() {
    let node = Node::start().await;
    let acts: Vec<_> =
        (0..4).map(|number| Act { items: &[ORS], ..Act::of(number, "VLD-COAST/mira") }).collect();
    node.record(&acts).await;
    let first = ListRecordsRequest { page_size: 2, ..everything() };
    let runa = node.auditor("VLD-COAST/runa");
    let page_token = runa.list(first.clone()).await.unwrap().next_page_token;
    let next = ListRecordsRequest { page_token, ..first };
    assert_eq!(reason(node.auditor("ORS-CERT/odo").list(next.clone()).await), ErrorReason::PageTokenInvalid);
    let other = ListRecordsRequest { object_id: ORS.0.to_owned(), ..next.clone() };
    assert_eq!(reason(runa.list(other).await), ErrorReason::PageTokenInvalid);
    let reworded = ListRecordsRequest { justification: "as before".to_owned(), page_size: 1, ..next };
    assert_eq!(runa.list(reworded).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_large_page_is_cut_to_what_a_client_takes_and_goes_on() {
    let node = Node::start().await;
    let object = "x".repeat(200);
    let items: Vec<_> = (0..900).map(|_| (object.as_str(), "VLD-COAST")).collect();
    for number in 0..12 {
        node.record(&[Act { items: &items, ..Act::of(number, "VLD-COAST/mira") }]).await;
    }
    let found = node.auditor("VLD-COAST/runa").list_all(everything()).await;
    assert_eq!(found, (0..12).map(|number| format!("act {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_list_without_justification_or_with_bad_fields_is_refused_with_each_of_them() {
    let node = Node::start().await;
    let bad = ListRecordsRequest {
        object_id: "x".repeat(513),
        trace_id: vec![1; 3].into(),
        from_time: Some(Timestamp { seconds: 0, nanos: -1 }),
        page_size: 501,
        justification: "  ".to_owned(),
        ..ListRecordsRequest::default()
    };
    let described = describe(&node.auditor("VLD-COAST/runa").list(bad).await.unwrap_err());
    let fields: Vec<_> = described.fields.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["object_id", "trace_id", "page_size", "justification", "from_time"]);
}
