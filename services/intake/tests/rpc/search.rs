//! SearchReports: exact at once after a submission, never ranked, never a sign of what is hidden.

use entente_proto::intake::v1::{ReportFilter, SearchReportsRequest};
use entente_testkit::fixtures::{LABEL_OPEN, LABEL_OWN};

use super::mesh::{Mesh, malware, malware_id, text};

#[tokio::test]
async fn what_was_acknowledged_is_found_newest_first() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    for round in 0..5 {
        mira.submit(LABEL_OPEN, vec![malware(round, 1, &format!("Harbour lamp {round}"))]).await.unwrap();
        let found = mira.search("harbour \"lamp\"").await.unwrap();
        let ids: Vec<String> = found.reports.iter().map(|report| report.report_id.clone()).collect();
        assert_eq!(ids, (0..=round).rev().map(malware_id).collect::<Vec<_>>());
        assert_eq!(found.count, Some(u64::from(round) + 1));
    }
    assert_eq!(mira.search("harbour pier").await.unwrap().count, Some(0));
    assert_eq!(mira.search("harb*").await.unwrap().count, Some(5));
    assert_eq!(mira.search("\"lamp harbour\"").await.unwrap().count, Some(0));
}

#[tokio::test]
async fn titles_and_bodies_of_texts_are_searched() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![text("Night ferry", "It left at 23:10 for 192.0.2.7.")]).await.unwrap();
    for query in ["night", "192.0.2.7", "\"left at 23:10\""] {
        assert_eq!(mira.search(query).await.unwrap().count, Some(1), "{query}");
    }
}

#[tokio::test]
async fn hidden_matches_change_neither_pages_nor_counts() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let batch =
        |numbers: std::ops::Range<u32>| numbers.map(|number| malware(number, 1, "lamp")).collect::<Vec<_>>();
    mira.submit(LABEL_OPEN, batch(0..5)).await.unwrap();
    mira.submit(LABEL_OWN, batch(1_000..2_000)).await.unwrap();
    mira.submit(LABEL_OPEN, batch(5..10)).await.unwrap();
    // Of what the reader may see, a newer version that no longer matches.
    mira.submit(LABEL_OPEN, vec![malware(3, 2, "torch")]).await.unwrap();
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    let mut message = SearchReportsRequest {
        query: "lamp".into(),
        page_size: 4,
        with_count: true,
        without_content: true,
        ..SearchReportsRequest::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = jonas.search_as(message.clone()).await.unwrap();
        assert_eq!(page.count, Some(9));
        pages.push(page.reports.len());
        message.page_token = page.next_page_token;
        if message.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [4, 4, 1]);
    assert_eq!(mira.search("lamp").await.unwrap().count, Some(1_009));
    let filter = ReportFilter {
        report_ids: vec![malware_id(4), malware_id(1_500), malware_id(3)],
        ..ReportFilter::default()
    };
    let named = SearchReportsRequest { filter: Some(filter), page_token: String::new(), ..message.clone() };
    assert_eq!(jonas.search_as(named).await.unwrap().count, Some(1));
    let all = ReportFilter { all_versions: true, ..ReportFilter::default() };
    let message = SearchReportsRequest { filter: Some(all), page_token: String::new(), ..message };
    assert_eq!(jonas.search_as(message).await.unwrap().count, Some(10));
}
