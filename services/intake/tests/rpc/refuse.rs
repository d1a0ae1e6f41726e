//! What is refused, why, and that nothing of it is stored.

use bytes::Bytes;
use entente_proto::{
    common::v1::ErrorReason,
    intake::v1::{
        FreeText, GetReportRequest, ListReportsRequest, ReportFilter, ReportItem, SearchReportsRequest,
        SubmitReportRequest, report_item::Body,
    },
};
use entente_testkit::fixtures::{LABEL_EXERCISE, LABEL_OPEN, LABEL_SHARED};

use super::mesh::{
    Mesh, faults, malware, malware_id, refused, stix, submission, text, text_item, under, version,
};

#[tokio::test]
async fn what_is_not_stix_is_refused_with_every_fault_and_nothing_is_stored() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let cases: [(&str, &[&str]); 7] = [
        ("{", &["items[1]"]),
        ("[]", &["items[1]"]),
        (r#"{"type":"malware"}"#, &["items[1]/id", "items[1]/created", "items[1]/modified"]),
        (r#"{"type":5,"id":"x"}"#, &["items[1]/type", "items[1]/id"]),
        (
            r#"{"type":"url","id":"url--00000000-0000-4000-8000-000000000001","value":"a","value":"b"}"#,
            &["items[1]/value"],
        ),
        (r#"{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001"}"#, &["items[1]"]),
        (
            r#"{"type":"x-entente-text","id":"x-entente-text--00000000-0000-4000-8000-000000000001"}"#,
            &["items[1]/type"],
        ),
    ];
    for (json, expected) in cases {
        let outcome = mira.submit(LABEL_OPEN, vec![malware(1, 1, "good"), stix(json)]).await;
        let (reason, fields) = faults(outcome);
        assert_eq!(reason, ErrorReason::ReportInvalid, "{json}");
        assert!(expected.iter().all(|field| fields.iter().any(|found| found == field)), "{json}: {fields:?}");
    }
    let invalid_utf8 =
        ReportItem { body: Some(Body::Stix(Bytes::from_static(b"{\"a\":\"\xff\"}"))), ..stix("") };
    assert_eq!(refused(mira.submit(LABEL_OPEN, vec![invalid_utf8]).await), ErrorReason::ReportInvalid);
    assert!(mira.everything().await.unwrap().is_empty());
}

#[tokio::test]
async fn faults_of_all_items_are_listed_together() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let empty = ReportItem { body: None, label_line: String::new() };
    let items = vec![stix("{"), malware(1, 1, "good"), under("NONSENSE", text("", "")), empty];
    let (reason, fields) = faults(mira.submit(LABEL_OPEN, items).await);
    assert_eq!(reason, ErrorReason::ReportInvalid);
    assert_eq!(fields, ["items[0]", "items[2].label_line", "items[2].text.body", "items[3].body"]);
}

#[tokio::test]
async fn a_text_that_cannot_be_kept_or_named_is_refused() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let good = FreeText { title: "t".into(), body: "b".into(), ..FreeText::default() };
    let id = "x-entente-text--00000000-0000-4000-8000-000000000001";
    let cases = [
        (FreeText { title: "x".repeat(301), ..good.clone() }, "items[0].text.title"),
        (FreeText { title: "two\nlines".into(), ..good.clone() }, "items[0].text.title"),
        (FreeText { body: Bytes::from_static(b"\xff"), ..good.clone() }, "items[0].text.body"),
        (
            FreeText { report_id: malware_id(1), modified: version(1), ..good.clone() },
            "items[0].text.report_id",
        ),
        (FreeText { report_id: id.into(), ..good.clone() }, "items[0].text.modified"),
        (
            FreeText { report_id: id.into(), modified: "yesterday".into(), ..good.clone() },
            "items[0].text.modified",
        ),
        (FreeText { modified: version(1), ..good }, "items[0].text.modified"),
    ];
    for (text, field) in cases {
        let (reason, fields) = faults(mira.submit(LABEL_OPEN, vec![text_item(text)]).await);
        assert_eq!((reason, fields), (ErrorReason::ReportInvalid, vec![field.to_owned()]));
    }
}

#[tokio::test]
async fn a_label_is_never_assumed_never_guessed_and_never_wider_than_allowed() {
    let mesh = Mesh::start().await;
    let (mut mira, mut jonas) = (mesh.person("VLD-COAST", "mira"), mesh.person("KSI-ISAC", "jonas"));
    let item = || vec![malware(1, 1, "x")];
    assert_eq!(faults(mira.submit("", item()).await).0, ErrorReason::LabelMissing);
    assert_eq!(faults(mira.submit("SECRETISH", item()).await).0, ErrorReason::LabelInvalid);
    assert_eq!(faults(mira.submit(&"A".repeat(5_000), item()).await).0, ErrorReason::LabelInvalid);
    // Its organization is not an originator of that label.
    assert_eq!(faults(jonas.submit(LABEL_SHARED, item()).await).0, ErrorReason::LabelNotPermitted);
    // The exercise is another realm than the token's.
    let exercise = mira.submit(LABEL_EXERCISE, item()).await;
    assert_eq!(refused(exercise), ErrorReason::LabelNotPermitted);
    assert!(mira.everything().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_operation_must_be_one_of_the_submitters() {
    let mesh = Mesh::start().await;
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    let label = "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY KSI-ISAC";
    for operation in ["TIDEWALL", "UNHEARD-OF"] {
        let message = SubmitReportRequest {
            operation: operation.into(),
            ..submission(label, vec![malware(1, 1, "x")])
        };
        assert_eq!(refused(jonas.submit_as(message).await), ErrorReason::OperationUnknown);
    }
    let message =
        SubmitReportRequest { operation: "no path".into(), ..submission(label, vec![malware(1, 1, "x")]) };
    assert_eq!(
        faults(jonas.submit_as(message).await),
        (ErrorReason::FieldInvalid, vec!["operation".to_owned()])
    );
}

#[tokio::test]
async fn a_malformed_request_is_told_every_field() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let message = SubmitReportRequest {
        request_id: "one".into(),
        operation: "a b".into(),
        severity: 77,
        ..submission(LABEL_OPEN, Vec::new())
    };
    let (reason, fields) = faults(mira.submit_as(message).await);
    assert_eq!(reason, ErrorReason::FieldInvalid);
    assert_eq!(fields, ["request_id", "items", "operation", "severity"]);
    let too_many = (0..1_001).map(|number| malware(number, 1, "x")).collect();
    assert_eq!(
        faults(mira.submit(LABEL_OPEN, too_many).await),
        (ErrorReason::FieldInvalid, vec!["items".to_owned()])
    );

    let filter = ReportFilter {
        types: vec!["Malware".into()],
        report_ids: vec!["x".into()],
        originator: "nobody here".into(),
        operation: "a b".into(),
        added_from_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        ..ReportFilter::default()
    };
    let list = ListReportsRequest { filter: Some(filter), page_size: 1_001, ..ListReportsRequest::default() };
    let (reason, fields) = faults(mira.list(list).await);
    assert_eq!(reason, ErrorReason::FieldInvalid);
    let expected = [
        "filter.types[0]",
        "filter.report_ids[0]",
        "filter.operation",
        "filter.originator",
        "filter.added_from_time",
        "page_size",
    ];
    assert_eq!(fields, expected);
    let get = GetReportRequest { report_id: "x".into(), version: "y".into(), originator: "z z".into() };
    assert_eq!(faults(mira.get_as(get).await).1, ["report_id", "version", "originator"]);
    for query in ["", "\"open", "*"] {
        let search = SearchReportsRequest { query: query.into(), ..SearchReportsRequest::default() };
        assert_eq!(refused(mira.search_as(search).await), ErrorReason::SearchInvalid);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_service_lives_on() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let large = text("", &"x".repeat(1024 * 1024 + 1));
    assert_eq!(refused(mira.submit(LABEL_OPEN, vec![large]).await), ErrorReason::TooLarge);
    let pieces = (0..5).map(|number| text("", &number.to_string().repeat(1024 * 1024))).collect();
    assert_eq!(refused(mira.submit(LABEL_OPEN, pieces).await), ErrorReason::TooLarge);
    // Beyond the largest message nothing is read at all.
    let huge = (0..12).map(|number| text("", &number.to_string().repeat(1024 * 1024))).collect();
    mira.submit(LABEL_OPEN, huge).await.unwrap_err();
    mira.submit(LABEL_OPEN, vec![text("", &"x".repeat(1024 * 1024))]).await.unwrap();
    assert_eq!(mira.everything().await.unwrap().len(), 1);
}
